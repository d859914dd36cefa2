#include <cstdio>

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/relu.hpp>

/// Links the compiled kernels; runs one where there is a GPU.
int main() {
  using namespace fusiform;
  try {
    require_device(Cuda{});
  } catch (const ConfigError& error) {
    std::puts(error.what());
    return 0;
  }
  const Tensor<float, Cuda> x(Shape{2, 3});
  Tensor<float, Cuda> y(x.shape());
  relu_forward(x, y.view());
  return copied_to<Cpu>(y)[0] == 0 ? 0 : 1;
}
