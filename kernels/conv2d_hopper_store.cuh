#pragma once
/// The way out of the Hopper convolutions: sums in registers to pixels in memory, with bias, ReLU and a factor a
/// channel (0 for a lesioned one) on the way. They are turned around in shared memory, 64 pixels x 64 channels at a
/// time, if they become bf16. Where pixels follow each other the copy engine takes them from there while the next sums
/// are made.

#include "arch/bfloat16.cuh"
#include "arch/fence.cuh"
#include "arch/named_barrier.cuh"
#include "arch/tma.cuh"
#include "conv2d_hopper_relu.cuh"
#include "conv2d_hopper_target.cuh"
#include "hopper_ring.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

#if FUSIFORM_HAS_SM90A

/// Bias, ReLU and factor of two neighbouring channels.
__device__ __forceinline__ FloatPair finished(float first, float second, const FloatPair& bias, const FloatPair& factor,
                                              bool relu) {
  first += bias.first;
  second += bias.second;
  if (relu) {
    first = first <= 0.0f ? 0.0f : first;  // NaN stays NaN
    second = second <= 0.0f ? 0.0f : second;
  }
  return {first * factor.first, second * factor.second};
}
__device__ __forceinline__ std::uint32_t finish_pair(float first, float second, const FloatPair& bias,
                                                     const FloatPair& factor, bool relu) {
  const FloatPair result = finished(first, second, bias, factor, relu);
  return arch::pack_bf16(result.first, result.second);
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

/// 64 pixels x 64 channels of a warpgroup, from the accumulators' order into rows of 128 bytes. The 16-byte pieces of a
/// row are swapped by its number, as the copy engine expects; no two lanes meet in a bank.
__device__ __forceinline__ void stage_block(const float* sums, std::uint32_t* block, const PixelStore& store,
                                            int channel) {
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32 % 4 * 16 + lane / 4, pair = lane % 4;
#pragma unroll
  for (int piece = 0; piece < 8; ++piece) {
    const int c = channel + piece * 8 + pair * 2;
    const FloatPair bias = load_pair(store.bias, c, store.channels, 0.0f);
    const FloatPair factor = load_pair(store.factor, c, store.channels, 1.0f);
    const int word = (piece ^ row % 8) * 4 + pair;
    block[row * 32 + word] = finish_pair(sums[piece * 4], sums[piece * 4 + 1], bias, factor, store.relu);
    block[(row + 8) * 32 + word] = finish_pair(sums[piece * 4 + 2], sums[piece * 4 + 3], bias, factor, store.relu);
  }
}

/// stage_block of a block of the sums, then masked. What masks it is read before, except for the first block: only then
/// the registers of staged sums are free for it.
template <class Tile, bool Masked>
__device__ __forceinline__ void stage_masked(const HopperSums<Tile>& sums, int m, int column, std::uint32_t* block,
                                             ReluRows<Masked>& relu, const PixelStore& store, int pixel, int channel) {
  const int warp_row = int(threadIdx.x) / 32 % 4 * 16;
  const bool first = m == 0 && column == 0;
  const auto read = [&] {
    if (column == 0) relu.begin(store, pixel + m * 64 + warp_row);
    relu.load(store, channel + column * 64);
  };
  if (!first) read();
  stage_block(&sums[m][column * 32], block, store, channel + column * 64);
  if (first) read();
  relu.apply(block + warp_row * 32);
}

/// The sums of a consumer for a whole image, whose pixels follow each other: the copy engine takes 64 x 64 at a time.
/// `turn` counts the blocks of shared memory from launch to end, `Tile::outgoing` of them are used in turn.
template <class Tile, bool Masked>
__device__ void store_whole(const HopperSums<Tile>& sums, HopperShared<Tile>& shared, unsigned& turn,
                            const arch::TensorMap& map, const PixelStore& store, int pixel, int channel) {
  const unsigned consumer = threadIdx.x / 128 - 1, barrier = 1 + consumer;
  const bool sends = threadIdx.x % 128 == 0;
  ReluRows<Masked> relu;
#pragma unroll
  for (int m = 0; m < Tile::row_blocks; ++m)
#pragma unroll
    for (int column = 0; column < Tile::columns / 64; ++column) {
      std::uint32_t* block = shared.outgoing.block[consumer * Tile::outgoing + turn];
      if (sends) arch::tma_store_wait_read<Tile::outgoing - 1>();  // this block's last copy has left
      arch::named_barrier_sync(barrier, 128);
      stage_masked<Tile>(sums, m, column, block, relu, store, pixel, channel);
      arch::fence_proxy_async_shared();
      arch::named_barrier_sync(barrier, 128);
      if (sends) {
        arch::tma_store_2d(&map, block, channel + column * 64, pixel + m * 64);
        arch::tma_store_commit();
      }
      turn = turn + 1 == Tile::outgoing ? 0 : turn + 1;
    }
}

/// Rows `first` to `first` + 7 of a warp's part of a block, which belong to the pixels of the grid from `pixel` on. The
/// copy engine takes pixels of one line, and drops those outside the image; eight that cross the end of a line are
/// written by the lanes. (Its coordinates could begin at a negative pixel, but an H100 refuses that.)
__device__ inline void send_eight(const arch::TensorMap& map, const std::uint32_t* rows, const PixelStore& store,
                                  int pixel, int channel) {
  const int lane = int(threadIdx.x) % 32, line = pixel / store.line, column = pixel % store.line;
  if (line >= store.lines) return;
  if (column + 8 <= store.line) {
    if (lane == 0) arch::tma_store_4d(&map, rows, channel, column, line % store.rows, line / store.rows);
    return;
  }
  const int piece = lane % 8, c = channel + piece * 8;
#pragma unroll
  for (int row = lane / 8; row < 8; row += 4) {
    const std::int64_t offset = pixel_offset(store, pixel + row);
    if (offset < 0 || c >= store.channels) continue;
    *reinterpret_cast<SixteenBytes*>(store.data + offset + c) =
        *reinterpret_cast<const SixteenBytes*>(rows + row * 32 + (piece ^ row) * 4);
  }
}

/// The sums of a consumer for pixels that lie apart. Every warp turns its 16 rows around in its part of a block and
/// sends them on in lines of the image.
template <class Tile, bool Masked>
__device__ void store_lines(const HopperSums<Tile>& sums, HopperShared<Tile>& shared, unsigned& turn,
                            const arch::TensorMap& map, const PixelStore& store, int pixel, int channel) {
  const unsigned warp_row = threadIdx.x / 32 % 4 * 16;
  ReluRows<Masked> relu;
#pragma unroll
  for (int m = 0; m < Tile::row_blocks; ++m)
#pragma unroll
    for (int column = 0; column < Tile::columns / 64; ++column) {
      std::uint32_t* block = shared.outgoing.block[(threadIdx.x / 128 - 1) * Tile::outgoing + turn];
      if (threadIdx.x % 32 == 0) arch::tma_store_wait_read<Tile::outgoing - 1>();  // its last rows have left
      __syncwarp();
      stage_masked<Tile>(sums, m, column, block, relu, store, pixel, channel);
      arch::fence_proxy_async_shared();
      __syncwarp();
#pragma unroll
      for (unsigned eight = 0; eight < 2; ++eight)
        send_eight(map, block + (warp_row + eight * 8) * 32, store, pixel + m * 64 + int(warp_row + eight * 8),
                   channel + column * 64);
      if (threadIdx.x % 32 == 0) arch::tma_store_commit();
      turn = turn + 1 == Tile::outgoing ? 0 : turn + 1;
    }
}

/// The sums of a consumer as floats, from registers: four lanes write 32 bytes of a pixel.
template <class Tile, bool Masked>
__device__ void store_floats(const HopperSums<Tile>& sums, const PixelStore& store, int pixel, int channel) {
  const int lane = int(threadIdx.x) % 32, first = pixel + int(threadIdx.x) / 32 % 4 * 16 + lane / 4;
#pragma unroll
  for (int i = 0; i < 2 * Tile::row_blocks; ++i) {
    const std::int64_t offset = pixel_offset(store, first + i / 2 * 64 + i % 2 * 8);
    if (offset < 0) continue;
#pragma unroll
    for (int column = 0; column < Tile::columns; column += 64) {
      ReluPairs<Masked> relu;
      relu.load(store, offset, channel + column + lane % 4 * 2);
#pragma unroll
      for (int piece = 0; piece < 8; ++piece) {
        const int c = channel + column + piece * 8 + lane % 4 * 2;
        if (c >= store.channels) continue;
        const float* sum = &sums[i / 2][column / 2 + piece * 4 + i % 2 * 2];
        const FloatPair bias = load_pair(store.bias, c, store.channels, 0.0f);
        const FloatPair factor = load_pair(store.factor, c, store.channels, 1.0f);
        *reinterpret_cast<FloatPair*>(store.floats + offset + c) =
            relu.masked(finished(sum[0], sum[1], bias, factor, store.relu), piece);
      }
    }
  }
}

#endif

}  // namespace fusiform::kernels
