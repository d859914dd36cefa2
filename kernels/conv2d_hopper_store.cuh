#pragma once
/// The way out of the Hopper convolutions: sums in registers to bf16 pixels in memory, with bias, ReLU and a factor a
/// channel (0 for a lesioned one) on the way.

#include "arch/bfloat16.cuh"
#include "hopper_ring.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// Where the results go: pixel (n, i, j) of the grid is pixel (n, first_row + i row_step, first_column + j column_step)
/// of an image of (height, width, channels). Columns of the grid from `columns` on are dropped.
struct PixelStore {
  arch::bf16* data;
  int height, width, channels;
  int columns;
  int first_row, first_column, row_step, column_step;
  const float* bias;    ///< one a channel, or nullptr
  const float* factor;  ///< one a channel, after ReLU, or nullptr
  bool relu;
};

#if FUSIFORM_HAS_SM90A

/// Bias, ReLU and factor of two neighbouring channels.
__device__ __forceinline__ std::uint32_t finish_pair(float first, float second, const FloatPair& bias,
                                                     const FloatPair& factor, bool relu) {
  first += bias.first;
  second += bias.second;
  if (relu) {
    first = first > 0.0f ? first : 0.0f;
    second = second > 0.0f ? second : 0.0f;
  }
  return arch::pack_bf16(first * factor.first, second * factor.second);
}

__device__ __forceinline__ FloatPair load_pair(const float* values, int channel, int channels, float otherwise) {
  if (values == nullptr || channel >= channels) return {otherwise, otherwise};
  return *reinterpret_cast<const FloatPair*>(values + channel);
}

template <class Tile>
__device__ void clear_sums(HopperSums<Tile>& sums) {
#pragma unroll
  for (int m = 0; m < Tile::row_blocks; ++m)
#pragma unroll
    for (int i = 0; i < Tile::columns / 2; ++i) sums[m][i] = 0.0f;
}

/// Offset of a pixel of the grid in the stored image, -1 for one that is dropped.
template <class Walk>
__device__ std::int64_t pixel_offset(const PixelStore& store, const Walk& walk, int pixel) {
  if (pixel >= walk.images * walk.height * walk.width) return -1;
  const int line = pixel / walk.width, n = line / walk.height, column = pixel % walk.width;
  if (column >= store.columns) return -1;
  const int y = store.first_row + line % walk.height * store.row_step;
  const int x = store.first_column + column * store.column_step;
  return ((std::int64_t(n) * store.height + y) * store.width + x) * store.channels;
}

/// 16 pixels x 64 channels of one warp, from the accumulators' order into 128-byte rows. The 16-byte pieces of a row
/// are swapped by its number, so that neither these writes nor the reads of whole rows meet in a bank.
__device__ __forceinline__ void stage_block(const float* sums, std::uint32_t* outgoing, const PixelStore& store,
                                            int channel) {
  const int lane = int(threadIdx.x) % 32, row = lane / 4, pair = lane % 4;
#pragma unroll
  for (int piece = 0; piece < 8; ++piece) {
    const int c = channel + piece * 8 + pair * 2;
    const FloatPair bias = load_pair(store.bias, c, store.channels, 0.0f);
    const FloatPair factor = load_pair(store.factor, c, store.channels, 1.0f);
    const int word = (piece ^ row) * 4 + pair;
    outgoing[row * 32 + word] = finish_pair(sums[piece * 4], sums[piece * 4 + 1], bias, factor, store.relu);
    outgoing[(row + 8) * 32 + word] = finish_pair(sums[piece * 4 + 2], sums[piece * 4 + 3], bias, factor, store.relu);
  }
}

/// Writes the sums of a consumer whose first row is `pixel` and first column `channel`. Every warp turns its 16 rows
/// around in its own 2 KiB of shared memory, 64 channels at a time, and writes rows of 128 bytes.
template <class Tile, class Walk>
__device__ void store_pixels(const HopperSums<Tile>& sums, std::uint32_t* outgoing, const PixelStore& store,
                             const Walk& walk, int pixel, int channel) {
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32 % 4, piece = lane % 8;
#pragma unroll
  for (int m = 0; m < Tile::row_blocks; ++m) {
    std::int64_t offset[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) offset[i] = pixel_offset(store, walk, pixel + m * 64 + warp * 16 + i * 4 + lane / 8);
#pragma unroll
    for (int block = 0; block < Tile::columns / 64; ++block) {
      const int c = channel + block * 64 + piece * 8;
      __syncwarp();  // the rows of the block before have been read
      stage_block(&sums[m][block * 32], outgoing, store, channel + block * 64);
      __syncwarp();
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = i * 4 + lane / 8;
        if (offset[i] < 0 || c >= store.channels) continue;
        *reinterpret_cast<SixteenBytes*>(store.data + offset[i] + c) =
            *reinterpret_cast<const SixteenBytes*>(outgoing + row * 32 + (piece ^ row % 8) * 4);
      }
    }
  }
}

#endif

}  // namespace fusiform::kernels
