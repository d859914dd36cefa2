#pragma once
/// Differences of two values, turned so that each channel lies in one piece; see fusiform/ops/channel_planes.hpp.

#include "arch/number.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

inline constexpr int plane_tile = 32;    ///< rows and channels of a tile
inline constexpr int plane_threads = 8;  ///< rows of a block's threads

/// One column more than a tile has: threads that read down a column meet different banks.
template <class T>
struct PlaneTile {
  T at[plane_tile][plane_tile + 1];
};

/// to[c * size + r] = after[r][c] - before[r][c] for rows r and channels c. A block makes tiles of 32 x 32: it reads
/// along channels and writes along rows.
template <class T>
__global__ void channel_planes_kernel(const T* after, const T* before, Index rows, Index channels, Index size, T* to) {
  auto& tile = *reinterpret_cast<PlaneTile<T>*>(arch::dynamic_shared_memory());
  const Index channel = Index(blockIdx.y) * plane_tile;
  for (Index row = Index(blockIdx.x) * plane_tile; row < rows; row += Index(gridDim.x) * plane_tile) {
    for (int i = int(threadIdx.y); i < plane_tile; i += plane_threads) {
      const Index r = row + i, c = channel + threadIdx.x;
      if (r < rows && c < channels)
        tile.at[i][threadIdx.x] =
            arch::stored<T>(arch::number(after[r * channels + c]) - arch::number(before[r * channels + c]));
    }
    __syncthreads();
    for (int i = int(threadIdx.y); i < plane_tile; i += plane_threads) {
      const Index r = row + threadIdx.x, c = channel + i;
      if (r < rows && c < channels) to[c * size + r] = tile.at[threadIdx.x][i];
    }
    __syncthreads();
  }
}

}  // namespace fusiform::kernels
