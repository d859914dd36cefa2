#pragma once
/// Sums over the rows of a matrix (rows, columns) in a fixed order: the gradient of a bias. The rows are divided into
/// ranges, and the sums of the ranges added in their order.

#include <algorithm>

#include <fusiform/core/storage.hpp>

#include "arch/number.cuh"
#include "implicit_gemm_chunks.cuh"
#include "implicit_gemm_plan.hpp"
#include "implicit_gemm_ranges.cuh"

namespace fusiform::kernels {

/// A block of 256 threads sums the rows of one range, for 64 columns: 16 threads side by side with V neighbouring
/// columns each if V is 4, else 64.
template <int V>
struct BiasGradientTile {
  static constexpr int columns = 64, threads = 256, across = columns / V, rows = threads / across;
  float sums[rows][columns];
};

template <class T, int V>
__global__ void __launch_bounds__(256)
    bias_gradient_kernel(const T* matrix, Index row_count, Index columns, Index rows_each, float* parts) {
  using Memory = BiasGradientTile<V>;
  auto& memory = *static_cast<Memory*>(arch::dynamic_shared_memory());
  const int thread = int(threadIdx.x), row = thread / Memory::across, place = thread % Memory::across * V;
  const Index column = Index(blockIdx.x) * Memory::columns + place;
  const Index begin = Index(blockIdx.y) * rows_each;
  const Index end = begin + rows_each < row_count ? begin + rows_each : row_count;
  float sums[V] = {};
  if (column < columns)
#pragma unroll 4
    for (Index i = begin + row; i < end; i += Memory::rows) {
      const auto chunk = chunk_at<V>(matrix + (i * columns + column));
#pragma unroll
      for (int v = 0; v < V; ++v) sums[v] += arch::number(chunk.value[v]);
    }
#pragma unroll
  for (int v = 0; v < V; ++v) memory.sums[row][place + v] = sums[v];
  __syncthreads();
  const Index mine = Index(blockIdx.x) * Memory::columns + thread;
  if (thread >= Memory::columns || mine >= columns) return;
  float total = 0.0f;
#pragma unroll 4
  for (int i = 0; i < Memory::rows; ++i) total += memory.sums[i][thread];
  parts[Index(blockIdx.y) * columns + mine] = total;
}

/// sums(column) = sum over rows of matrix(row, column).
template <class T>
void bias_gradient(const T* matrix, Index rows, Index columns, float* sums, const std::string& what) {
  if (columns == 0) return;
  const Index tiles = tiles_of(columns, 64);
  const GemmRanges ranges = divide_terms(rows, std::max<Index>(1024 / tiles, 1), 128);
  const Storage<float, Cuda> parts(ranges.count > 1 ? ranges.count * columns : 0);
  const auto launch_with = [&]<int V>(std::integral_constant<int, V>) {
    launch(bias_gradient_kernel<T, V>,
           {.grid = {unsigned(tiles), unsigned(ranges.count), 1},
            .block = {BiasGradientTile<V>::threads, 1, 1},
            .shared_bytes = sizeof(BiasGradientTile<V>),
            .stream = current_stream(),
            .what = what},
           matrix, rows, columns, ranges.terms, ranges.count > 1 ? parts.data() : sums);
  };
  const bool aligned = columns % 4 == 0 && reinterpret_cast<std::uintptr_t>(matrix) % (4 * sizeof(T)) == 0;
  if (aligned)
    launch_with(std::integral_constant<int, 4>{});
  else
    launch_with(std::integral_constant<int, 1>{});
  if (ranges.count > 1) sum_parts(parts.data(), ranges.count, columns, sums, what);
}

}  // namespace fusiform::kernels
