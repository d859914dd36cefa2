#pragma once
/// Floats as sums of two bf16: what the tensor cores multiply when a float result is wanted.

#include <algorithm>

#include "arch/bfloat16.cuh"
#include "launch.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// Channels of a plane: the copy engine takes multiples of 16 bytes.
[[nodiscard]] __host__ __device__ constexpr int padded_channels(int channels) { return (channels + 7) / 8 * 8; }

/// Rows of `channels` floats become rows of two planes of padded_channels(channels) bf16, filled up with zeros: x
/// rounded, and what is left of it rounded. What is left is exact in float; infinities and NaN have nothing left.
template <int = 0>
__global__ void __launch_bounds__(256)
    split_planes_kernel(const float* x, std::int64_t rows, int channels, arch::bf16* planes) {
  const int padded = padded_channels(channels), pieces_of_row = padded / 8;
  const std::int64_t count = rows * pieces_of_row;
  for (std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x; i < count; i += std::int64_t(gridDim.x) * 256) {
    const std::int64_t row = i / pieces_of_row;
    const int first = int(i % pieces_of_row) * 8;
    const float* from = x + row * channels + first;
    SixteenBytes high, low;
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) {
      float value[2], left[2];
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        value[j] = first + pair * 2 + j < channels ? from[pair * 2 + j] : 0.0f;
        const float difference = value[j] - arch::to_float(arch::to_bf16(value[j]));
        left[j] = difference - difference == 0.0f ? difference : 0.0f;
      }
      high.word[pair] = arch::pack_bf16(value[0], value[1]);
      low.word[pair] = arch::pack_bf16(left[0], left[1]);
    }
    arch::bf16* to = planes + row * 2 * padded + first;
    *reinterpret_cast<SixteenBytes*>(to) = high;
    *reinterpret_cast<SixteenBytes*>(to + padded) = low;
  }
}

/// Elements of the planes of (rows, channels).
[[nodiscard]] constexpr std::int64_t split_planes_size(std::int64_t rows, int channels) {
  return rows * 2 * padded_channels(channels);
}

/// Writes the planes of x(rows, channels), at a multiple of 16 bytes.
inline void split_planes(const float* x, std::int64_t rows, int channels, arch::bf16* planes, CudaStream stream) {
  const std::int64_t count = rows * (padded_channels(channels) / 8);
  if (count == 0) return;
  launch(split_planes_kernel<>,
         {.grid = {unsigned(std::min<std::int64_t>((count + 255) / 256, 16 * 132)), 1, 1},
          .block = {256, 1, 1},
          .shared_bytes = 0,
          .stream = stream,
          .what = "split into bf16 planes"},
         x, rows, channels, planes);
}

}  // namespace fusiform::kernels
