/// On GPUs without wgmma, max pooling behind a convolution and the ReLU before it take no kernels of their own.

#include <string>
#include <vector>

#include <fusiform/ops/conv2d_max_pool2d.hpp>
#include <fusiform/ops/copy.hpp>

#include "kernels/launch_observer.cuh"
#include "tests/cuda_emulation/config.hpp"
#include "tests/support/bfloat16.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// What is launched while it lives.
class Launches : kernels::LaunchObserver {
 public:
  Launches() { kernels::launch_observer = this; }
  ~Launches() override { kernels::launch_observer = nullptr; }
  Launches(const Launches&) = delete;
  Launches& operator=(const Launches&) = delete;
  [[nodiscard]] const std::vector<std::string>& what() const { return what_; }

 private:
  void before(const std::string& what) override { what_.push_back(what); }
  void after() override {}
  std::vector<std::string> what_;
};

template <class T>
Tensor<T, Cuda> random_on_device(const Shape& shape, std::uint64_t seed) {
  const auto numbers = random_tensor<float>(shape, Rng(seed));
  if constexpr (std::same_as<T, bfloat16>)
    return copied_to<Cuda>(rounded(numbers));
  else
    return copied_to<Cuda>(numbers);
}

template <class T>
bool same_tensors(const Tensor<T, Cuda>& a, const Tensor<T, Cuda>& b) {
  return same_bits(copied_to<Cpu>(a), copied_to<Cpu>(b));
}

template <class T>
void require_one_kernel(int compute_capability, ConvAlgorithm algorithm) {
  CAPTURE(compute_capability, static_cast<int>(algorithm));
  cuda_emulation::Config config;
  config.compute_capability = compute_capability;
  const cuda_emulation::ScopedConfig scope(config);
  const Shape between{2, 7, 9, 24}, pooled{2, 3, 4, 24};
  const auto x = random_on_device<T>({2, 7, 9, 16}, 1), weight = random_on_device<T>({24, 3, 3, 16}, 2),
             dy = random_on_device<T>(between, 3);
  const auto bias = random_on_device<float>({24}, 4);
  const Conv2dOptions options{.padding = 1, .algorithm = algorithm};

  Tensor<T, Cuda> y(pooled), expected_y(pooled), sums(between);
  Tensor<std::int32_t, Cuda> positions(pooled), expected_positions(pooled);
  {
    const Launches launches;
    conv2d_max_pool2d_forward<T, Cuda>(x, weight, bias, options, true, y.view(), positions.view());
    CHECK(launches.what().size() == 1);
  }
  conv2d_forward<T, Cuda>(x, weight, bias, options, sums.view());
  max_pool2d_forward<T, Cuda>(sums, {.after_relu = true}, expected_y.view(), expected_positions.view());
  CHECK(same_tensors(y, expected_y));
  CHECK(same_tensors(positions, expected_positions));

  Tensor<T, Cuda> dx(x.shape()), expected_dx(x.shape());
  {
    const Launches launches;
    conv2d_backward_input<T, Cuda>(dy, weight, options, dx.view(), x);
    CHECK(launches.what().size() == 1);
  }
  conv2d_backward_input<T, Cuda>(dy, weight, options, expected_dx.view());
  relu_backward<T, Cuda>(x, expected_dx, expected_dx.view());
  CHECK(same_tensors(dx, expected_dx));
}

}  // namespace

TEST_CASE("A convolution pools, and goes back through a ReLU, in one kernel") {
  for (const int capability : {75, 80, 90}) require_one_kernel<float>(capability, ConvAlgorithm::automatic);
  require_one_kernel<float>(80, ConvAlgorithm::bf16x2);
  require_one_kernel<bfloat16>(80, ConvAlgorithm::automatic);
}
