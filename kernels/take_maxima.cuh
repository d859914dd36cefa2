#pragma once
/// What a maximum over a window is, for every kernel that pools.

#include <cstdint>

#include "numbers.cuh"

namespace fusiform::kernels {

/// Takes one pixel of a window into the maxima: the first of equal ones stays, and NaN counts as the largest.
template <int N, class T>
__device__ inline void take_maxima(const T (&elements)[N], std::int32_t position, T (&best)[N],
                                   std::int32_t (&positions)[N]) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const Master<T> value = arch::number(elements[k]);
    if (value > arch::number(best[k]) || value != value) {
      best[k] = elements[k];
      positions[k] = position;
    }
  }
}

}  // namespace fusiform::kernels
