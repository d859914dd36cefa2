// expect: constraint
#include <fusiform/core/tensor.hpp>

using namespace fusiform;

#ifdef MISUSE
float first(View<const float, Cuda> x) { return x[0]; }
#else
float first(View<const float, Cpu> x) { return x[0]; }
#endif

int main() {}
