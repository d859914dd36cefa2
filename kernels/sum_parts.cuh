#pragma once
/// Sums over parts in a fixed order: the second half of sums that are split over blocks, so that the same input gives
/// the same bits.

#include <algorithm>

#include "launch.cuh"

namespace fusiform::kernels {

/// out(i) = parts(0, i) + parts(1, i) + ... for `count` elements a part. For few parts of many elements: one thread an
/// element.
template <int = 0>
__global__ void __launch_bounds__(256)
    sum_few_parts(const float* parts, int part_count, std::int64_t count, float* out) {
  for (std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x; i < count; i += std::int64_t(gridDim.x) * 256) {
    float sum = 0.0f;
    for (int first = 0; first < part_count; first += 16) {  // as many loads on their way as fit
      float values[16];
#pragma unroll
      for (int u = 0; u < 16; ++u) values[u] = first + u < part_count ? parts[(first + u) * count + i] : 0.0f;
#pragma unroll
      for (int u = 0; u < 16; ++u) sum += values[u];
    }
    out[i] = sum;
  }
}

/// The same for many parts of few elements: 32 threads an element, each with every 32nd part.
template <int = 0>
__global__ void __launch_bounds__(1024) sum_many_parts(const float* parts, int part_count, int count, float* out) {
  auto* rows = static_cast<float*>(arch::dynamic_shared_memory());  // (32, 32)
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, i = int(blockIdx.x) * 32 + lane;
  float sum = 0.0f;
  if (i < count)
#pragma unroll 4
    for (int part = row; part < part_count; part += 32) sum += parts[std::int64_t(part) * count + i];
  rows[row * 32 + lane] = sum;
  __syncthreads();
  if (row != 0 || i >= count) return;
  float total = 0.0f;
  for (int r = 0; r < 32; ++r) total += rows[r * 32 + lane];
  out[i] = total;
}

/// `part_count` parts of `count` floats each.
struct FloatParts {
  const float* data;
  int part_count;
  std::int64_t count;
};

/// out(i) = sum of the parts' elements i, in their order.
inline void add_parts(const FloatParts& parts, float* out, CudaStream stream, const char* what) {
  const bool many = parts.part_count > 64;
  const std::int64_t blocks =
      many ? (parts.count + 31) / 32 : std::min<std::int64_t>((parts.count + 255) / 256, 16 * 132);
  const LaunchShape shape{.grid = {unsigned(blocks), 1, 1},
                          .block = {many ? 1024u : 256u, 1, 1},
                          .shared_bytes = many ? 32 * 32 * sizeof(float) : 0,
                          .stream = stream,
                          .what = what};
  if (many)
    launch(sum_many_parts<>, shape, parts.data, parts.part_count, int(parts.count), out);
  else
    launch(sum_few_parts<>, shape, parts.data, parts.part_count, parts.count, out);
}

}  // namespace fusiform::kernels
