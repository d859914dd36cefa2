#pragma once
/// Windows that pooling is tested with, and a walk through them pixel by pixel.

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"

namespace fusiform::test {

/// Those of the tensors that PyTorch computed.
inline std::vector<PoolCase> golden_windows() { return {{{}, 2, 2, 0}, {{}, 3, 2, 0}, {{}, 3, 2, 1}, {{}, 3, 1, 1}}; }

/// And 2 x 2 windows, which have kernels of their own, where odd extents leave pixels outside and channels are less
/// than, more than or several of any vector.
inline std::vector<PoolCase> window_cases() {
  std::vector<PoolCase> cases = pool_cases();
  for (const Shape& x :
       {Shape{2, 9, 7, 20}, Shape{3, 5, 6, 33}, Shape{1, 6, 5, 64}, Shape{2, 3, 3, 1}, Shape{1, 40, 41, 48}})
    cases.push_back({x, 2, 2, 0});
  return cases;
}

/// Calls visit(n, c, output position, pixels of the window) for every window of every channel.
template <class Visit>
void for_each_window(const Shape& x, const PoolCase& pool, const Shape& y, const Visit& visit) {
  for (Index n = 0; n < x[0]; ++n)
    for (Index c = 0; c < x[3]; ++c)
      for (Index out = 0; out < y[1] * y[2]; ++out) {
        std::vector<Index> pixels;
        for (Index pixel = 0; pixel < x[1] * x[2]; ++pixel) {
          const Index row = pixel / x[2] - (out / y[2] * pool.stride - pool.padding);
          const Index column = pixel % x[2] - (out % y[2] * pool.stride - pool.padding);
          if (row >= 0 && row < pool.kernel && column >= 0 && column < pool.kernel) pixels.push_back(pixel);
        }
        visit(n, c, (n * y[1] * y[2] + out) * y[3] + c, pixels);
      }
}

}  // namespace fusiform::test
