#pragma once
/// Sums over rows for every channel, in a fixed order that depends on the shape only: the statistics of batch
/// normalisation, its gradients, global means.

#include <algorithm>

#include "numbers.cuh"

namespace fusiform::kernels {

/// How blocks of 256 threads share out rows of channels: `lanes` threads, a power of two, side by side along groups of
/// channels, the others along rows.
struct ColumnLayout {
  static constexpr int threads = 256;
  Index rows;
  int channels, lanes, log_rows, column_blocks;

  ColumnLayout(Index row_count, Index channel_count, int group) : rows(row_count), channels(int(channel_count)) {
    const int groups = channels / group;
    lanes = 1;
    log_rows = 8;
    while (lanes < 32 && lanes < groups) {
      lanes *= 2;
      --log_rows;
    }
    column_blocks = (groups + lanes - 1) / lanes;
  }

  [[nodiscard]] __host__ __device__ int rows_at_once() const { return 1 << log_rows; }
  [[nodiscard]] __device__ int lane() const { return int(threadIdx.x) & (lanes - 1); }
  [[nodiscard]] __device__ int row() const { return int(threadIdx.x) >> (8 - log_rows); }
  /// The first channel of the calling thread; may lie behind the last.
  template <int N>
  [[nodiscard]] __device__ int channel() const {
    return (int(blockIdx.y) * lanes + lane()) * N;
  }

  [[nodiscard]] LaunchShape shape(Index row_blocks, std::string what, std::size_t shared_bytes = 0) const {
    return {.grid = {unsigned(row_blocks), unsigned(column_blocks), 1},
            .block = {threads, 1, 1},
            .shared_bytes = shared_bytes,
            .stream = current_stream(),
            .what = std::move(what)};
  }
  /// For threads that go on by the whole grid's rows.
  [[nodiscard]] LaunchShape striding_shape(std::string what) const {
    const Index wanted = (rows + 4 * rows_at_once() - 1) / (4 * rows_at_once());
    const Index most = std::max<Index>(1, Index{8} * multiprocessor_count() / column_blocks);
    return shape(std::clamp<Index>(wanted, 1, most), std::move(what));
  }

  /// Rows of a part: sixteen a thread, more if there would be more than 1024 blocks.
  [[nodiscard]] Index part_rows() const {
    const Index most_parts = std::max<Index>(1, Index{1024} / column_blocks);
    return std::max<Index>(16 * rows_at_once(), (rows + most_parts - 1) / most_parts);
  }
  [[nodiscard]] Index parts() const { return rows == 0 ? 0 : (rows + part_rows() - 1) / part_rows(); }
};

/// Sums of one block's part of the rows. `terms` has a member start(channel), which is called once, and one that loads
/// the terms a(k) of the group of N channels at a position, and those that they are multiplied by:
/// terms(position, a, b). result(part, which, channel, sum) gets the sums of a, which = 0, and, if Terms::products,
/// those of a b, which = 1. Floats are added by sixteens, those sums in double: few conversions, and nearly no
/// rounding. Shared memory: column_sums_bytes.
template <int N, class Terms, class Result>
__global__ void __launch_bounds__(ColumnLayout::threads)
    column_sums_kernel(Terms terms, const __grid_constant__ ColumnLayout layout, Index part_rows, Result result) {
  constexpr int kinds = Terms::products ? 2 : 1;
  auto* shared = static_cast<double*>(arch::dynamic_shared_memory());  // (kinds, rows at once, lanes N)
  const int rows_at_once = layout.rows_at_once(), width = layout.lanes * N, channel = layout.channel<N>();
  using Number = typename Terms::Number;
  double sums[kinds][N]{};
  if (channel < layout.channels) {
    terms.start(channel);
    const Index begin = Index(blockIdx.x) * part_rows;
    const Index end = begin + part_rows < layout.rows ? begin + part_rows : layout.rows;
    for (Index row = begin + layout.row(); row < end;) {
      const Index left = (end - row + rows_at_once - 1) >> layout.log_rows;
      const int steps = left < 16 ? int(left) : 16;
      Number few[kinds][N]{};
#pragma unroll 4
      for (int step = 0; step < steps; ++step, row += rows_at_once) {
        Number a[N], b[N];
        terms(row * layout.channels + channel, a, b);
#pragma unroll
        for (int k = 0; k < N; ++k) {
          few[0][k] += a[k];
          if constexpr (Terms::products) few[1][k] += a[k] * b[k];
        }
      }
#pragma unroll
      for (int kind = 0; kind < kinds; ++kind)
#pragma unroll
        for (int k = 0; k < N; ++k) sums[kind][k] += double(few[kind][k]);
    }
  }
#pragma unroll
  for (int kind = 0; kind < kinds; ++kind)
#pragma unroll
    for (int k = 0; k < N; ++k)
      shared[(kind * rows_at_once + layout.row()) * width + layout.lane() * N + k] = sums[kind][k];
  __syncthreads();
  for (int i = int(threadIdx.x); i < kinds * width; i += ColumnLayout::threads) {
    const int kind = i < width ? 0 : 1, column = i - kind * width;
    double sum = 0;
    for (int row = 0; row < rows_at_once; ++row) sum += shared[(kind * rows_at_once + row) * width + column];
    const int at = int(blockIdx.y) * width + column;
    if (at < layout.channels) result(Index(blockIdx.x), kind, at, sum);
  }
}

template <int N, class Terms>
inline constexpr std::size_t column_sums_bytes = (Terms::products ? 2 : 1) * ColumnLayout::threads* N * sizeof(double);

/// Keeps the sums of parts: (part, which, channel).
struct PartSums {
  double* sums;
  int channels;

  __device__ void operator()(Index part, int which, int channel, double sum) const {
    sums[(part * 2 + which) * channels + channel] = sum;
  }
};

/// Calls finish(channel, sum of a, sum of a b) with the sums over all parts, from first to last by 32 strands.
template <class Finish>
__global__ void __launch_bounds__(1024)
    finish_column_sums_kernel(PartSums parts, Index part_count, const __grid_constant__ Finish finish) {
  auto* shared = static_cast<double*>(arch::dynamic_shared_memory());  // (2, 32, 32)
  const int lane = int(threadIdx.x) % 32, strand = int(threadIdx.x) / 32, channel = int(blockIdx.x) * 32 + lane;
  double sums[2]{};
  if (channel < parts.channels)
#pragma unroll 4
    for (Index part = strand; part < part_count; part += 32)
      for (int which = 0; which < 2; ++which) sums[which] += parts.sums[(part * 2 + which) * parts.channels + channel];
  for (int which = 0; which < 2; ++which) shared[(which * 32 + strand) * 32 + lane] = sums[which];
  __syncthreads();
  if (strand != 0 || channel >= parts.channels) return;
  for (int which = 0; which < 2; ++which) {
    sums[which] = 0;
    for (int i = 0; i < 32; ++i) sums[which] += shared[(which * 32 + i) * 32 + lane];
  }
  finish(channel, sums[0], sums[1]);
}

template <class Finish>
void finish_column_sums(const PartSums& parts, Index part_count, const Finish& finish, std::string what) {
  launch(finish_column_sums_kernel<Finish>,
         LaunchShape{.grid = {unsigned(parts.channels + 31) / 32, 1, 1},
                     .block = {1024, 1, 1},
                     .shared_bytes = 2 * 32 * 32 * sizeof(double),
                     .stream = current_stream(),
                     .what = std::move(what)},
         parts, part_count, finish);
}

}  // namespace fusiform::kernels
