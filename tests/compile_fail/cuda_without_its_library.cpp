// expect: undefined.*fusiform::allocate_bytes\(fusiform::Cuda
#include <fusiform/core/tensor.hpp>

using namespace fusiform;

#ifdef MISUSE
using Where = Cuda;
#else
using Where = Cpu;
#endif

int main() {
  const Tensor<float, Where> x = Tensor<float, Where>::uninitialized(Shape{2, 3});
  return x.size() == 6 ? 0 : 1;
}
