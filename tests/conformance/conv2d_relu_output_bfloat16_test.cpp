/// Input gradients on tensor cores that go back through the ReLU before a convolution: bf16 tensors by whatever kernels
/// the GPU has, and both precisions by mma.sync, on whatever GPU there is.

#include "kernels/conv2d_mma.cuh"
#include "tests/conformance/conv2d_relu_output.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

template <class T, auto backward_input>
void by_mma(View<const T, TestDevice> dy, View<const T, TestDevice> weight, const Conv2dOptions& options,
            View<T, TestDevice> dx, View<const T, TestDevice> relu_output) {
  backward_input(dy, weight, options, relu_output, dx);
}

}  // namespace

TEST_CASE("bf16 input gradients with a ReLU's output are both operations", "[ops][conv2d][bfloat16]") {
  require_both_gradients<bfloat16>(conv2d_backward_input<bfloat16, TestDevice>, ConvAlgorithm::automatic);
}

TEST_CASE("bf16 input gradients with a ReLU's output agree with sums in double", "[ops][conv2d][bfloat16]") {
  for (const ReluOutputCase& c : relu_output_cases()) {
    CAPTURE(c.x, c.weight);
    const ReluOutputOperands<bfloat16> o(c);
    const auto dx = o.dx(conv2d_backward_input<bfloat16, TestDevice>, c.options);
    CHECK(difference(in_double(dx), o.expected()).normalized < 3e-3);  // the rounding of a result to 8 bits
  }
}

TEST_CASE("input gradients by mma.sync with a ReLU's output are both operations", "[ops][conv2d][bfloat16]") {
  require_both_gradients<bfloat16>(by_mma<bfloat16, kernels::conv2d_backward_input_mma>, ConvAlgorithm::automatic);
  require_both_gradients<float>(by_mma<float, kernels::conv2d_backward_input_bf16x2>, ConvAlgorithm::automatic);
}
