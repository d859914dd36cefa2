// expect: read-only|const
#include <fusiform/core/tensor.hpp>

using namespace fusiform;

int main() {
  Tensor<float, Cpu> x(Shape{2, 3});
#ifdef MISUSE
  const View<const float, Cpu> view = x.view();
#else
  const View<float, Cpu> view = x.view();
#endif
  view[0] = 1;
}
