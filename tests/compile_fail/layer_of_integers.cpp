// expect: constraint|Scalar
#include <fusiform/layers/layer.hpp>

using namespace fusiform;

#ifdef MISUSE
using Number = int;
#else
using Number = float;
#endif

int main() {
  const Layer<Number, Cpu>* layer = nullptr;
  return layer == nullptr ? 0 : 1;
}
