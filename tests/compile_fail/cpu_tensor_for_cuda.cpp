// expect: Cuda
#include <fusiform/core/tensor.hpp>

using namespace fusiform;

Index on_the_gpu(In<float, Cuda> x);
Index on_the_gpu(In<float, Cuda> x) { return x.size(); }

int main() {
#ifdef MISUSE
  const Tensor<float, Cpu> x(Shape{2, 3});
#else
  const Tensor<float, Cpu> elsewhere(Shape{2, 3});
  const View<const float, Cuda> x(elsewhere.data(), elsewhere.shape());
#endif
  return static_cast<int>(on_the_gpu(x));
}
