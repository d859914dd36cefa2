#pragma once

#include <fusiform/core/parallel.hpp>

namespace fusiform::kernels {

/// Adds partial sums to `sum` in their order: `chunks` of them, `size` elements each, one behind the other.
template <Scalar T>
void add_chunks(const T* partial, Index chunks, Index size, T* sum) {
  if (chunks == 0) return;
  parallel_ranges(size, 8192, [&](Index begin, Index end) {
    for (Index chunk = 0; chunk < chunks; ++chunk)
      for (Index i = begin; i < end; ++i) sum[i] += partial[chunk * size + i];
  });
}

}  // namespace fusiform::kernels
