#pragma once
/// Sums over pixels, channel by channel, and sums over parts: both in a fixed order, so that the same input gives the
/// same bits.

#include "arch/bfloat16.cuh"
#include "arch/target.cuh"

namespace fusiform::kernels {

/// out(i) = parts(0, i) + parts(1, i) + ... One thread an element; `count` elements a part.
template <int = 0>
__global__ void __launch_bounds__(256) sum_parts(const float* parts, int part_count, std::int64_t count, float* out) {
  for (std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x; i < count; i += std::int64_t(gridDim.x) * 256) {
    float sum = 0.0f;
#pragma unroll 4
    for (int part = 0; part < part_count; ++part) sum += parts[part * count + i];
    out[i] = sum;
  }
}

struct alignas(16) EightBf16 {
  arch::bf16 value[8];
};

/// Sums of one range of pixels: parts(blockIdx.y, c) for the 64 channels of blockIdx.x. Eight threads read 64 channels
/// of a pixel, 32 pixels at a time; `channels` is a multiple of 8.
template <int = 0>
__global__ void __launch_bounds__(256)
    channel_sum_parts(const arch::bf16* x, std::int64_t pixels, int channels, float* parts) {
  auto* rows = static_cast<float*>(arch::dynamic_shared_memory());  // (32, 64)
  const int row = int(threadIdx.x) / 8, piece = int(threadIdx.x) % 8, c = int(blockIdx.x) * 64 + piece * 8;
  const std::int64_t begin = pixels * blockIdx.y / gridDim.y, end = pixels * (blockIdx.y + 1) / gridDim.y;
  float sum[8] = {};
  if (c < channels)
#pragma unroll 4
    for (std::int64_t pixel = begin + row; pixel < end; pixel += 32) {
      const auto eight = *reinterpret_cast<const EightBf16*>(x + pixel * channels + c);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[i] += arch::to_float(eight.value[i]);
    }
#pragma unroll
  for (int i = 0; i < 8; ++i) rows[row * 64 + piece * 8 + i] = sum[i];
  __syncthreads();
  const int channel = int(blockIdx.x) * 64 + int(threadIdx.x);
  if (threadIdx.x >= 64 || channel >= channels) return;
  float total = 0.0f;
  for (int i = 0; i < 32; ++i) total += rows[i * 64 + int(threadIdx.x)];
  parts[std::int64_t(blockIdx.y) * channels + channel] = total;
}

}  // namespace fusiform::kernels
