#pragma once
/// The second half of sums that are split into ranges: the parts are added in their order.

#include <string>

#include "implicit_gemm_work.cuh"
#include "runtime.cuh"
#include "sum_parts.cuh"

namespace fusiform::kernels {

/// out(i) = parts(0, i) + parts(1, i) + ..., `count` elements a part.
inline void sum_parts(const float* parts, Index part_count, Index count, float* out, const std::string& what) {
  if (count == 0) return;
  // Few elements would keep few threads busy, with one load after the other.
  if (part_count > 16 && count < Index{1} << 20)
    launch(sum_many_parts<>,
           {.grid = {unsigned((count + 31) / 32), 1, 1},
            .block = {1024, 1, 1},
            .shared_bytes = 32 * 32 * sizeof(float),
            .stream = current_stream(),
            .what = what},
           parts, int(part_count), int(count), out);
  else
    launch(sum_few_parts<>, over_elements(count, what, 1), parts, int(part_count), count, out);
}

/// The same for lines of `columns` elements, with what happens to their sums.
template <int = 0>
__global__ void __launch_bounds__(256) finish_sums_kernel(const float* parts, int part_count, Index count,
                                                          Index columns, GemmEpilogue epilogue, float* out) {
  for (Index i = grid_thread(); i < count; i += grid_threads()) {
    float sum = 0.0f;
#pragma unroll 4
    for (int part = 0; part < part_count; ++part) sum += parts[part * count + i];
    out[i] = epilogue(sum, i % columns);
  }
}

}  // namespace fusiform::kernels
