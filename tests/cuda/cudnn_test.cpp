#include "kernels/cudnn.hpp"

#include <fusiform/core/error.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::kernels;

TEST_CASE("Under the emulator cuDNN is a clear error") {
  const Conv2dProblem p{
      .images = 1, .height = 3, .width = 3, .in_channels = 1, .out_channels = 1, .kernel_h = 1, .kernel_w = 1};
  float memory[16] = {};
  const auto* message = "cuDNN: expected a GPU, got the emulator";
  CHECK_THROWS_WITH(conv2d_forward_cudnn(p, memory, memory, {}, memory), message);
  CHECK_THROWS_WITH(conv2d_backward_input_cudnn(p, memory, memory, memory), message);
  CHECK_THROWS_WITH(conv2d_backward_weight_cudnn(p, memory, memory, memory), message);
  CHECK_THROWS_AS(conv2d_forward_cudnn(p, memory, memory, {}, memory), ConfigError);
}
