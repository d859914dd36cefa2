#pragma once
/// The way out of the Hopper convolutions: sums in registers to bf16 pixels in memory, with bias, ReLU and a factor a
/// channel (0 for a lesioned one) on the way. A warpgroup writes 64 pixels x 64 channels at a time to shared memory,
/// and the copy engine takes them from there while the next sums are made.

#include "arch/bfloat16.cuh"
#include "arch/fence.cuh"
#include "arch/named_barrier.cuh"
#include "arch/tma.cuh"
#include "hopper_ring.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// What becomes of the sums, and how the grid of pixels is cut into lines for the map they are stored by: (channels,
/// columns, rows, images) with boxes of 64 channels and 64 pixels. A line of the grid may be longer than one of the
/// map: the copy engine drops what lies outside.
struct PixelStore {
  int channels;
  int height, width;    ///< of the grid
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

/// Starts the copies of 64 pixels of the grid from `pixel` on: one for every line that they touch.
__device__ inline void send_block(const arch::TensorMap& map, const std::uint32_t* block, const PixelStore& store,
                                  int pixel, int channel) {
  for (int line = pixel / store.width, start = line * store.width; start < pixel + 64; ++line, start += store.width)
    arch::tma_store_4d(&map, block, channel, pixel - start, line % store.height, line / store.height);
  arch::tma_store_commit();
}

/// Sends the sums of a consumer whose first row is `pixel` and first column `channel`. `turn` counts its blocks of
/// shared memory, from launch to end: `Tile::outgoing` of them are used in turn.
template <class Tile>
__device__ void store_pixels(const HopperSums<Tile>& sums, HopperShared<Tile>& shared, unsigned& turn,
                             const arch::TensorMap& map, const PixelStore& store, int pixel, int channel) {
  const unsigned consumer = threadIdx.x / 128 - 1, barrier = 1 + consumer;
  const bool sends = threadIdx.x % 128 == 0;
#pragma unroll
  for (int m = 0; m < Tile::row_blocks; ++m)
#pragma unroll
    for (int column = 0; column < Tile::columns / 64; ++column) {
      std::uint32_t* block = shared.outgoing.block[consumer * Tile::outgoing + turn];
      if (sends) arch::tma_store_wait_read<Tile::outgoing - 1>();  // this block's last copy has left
      arch::named_barrier_sync(barrier, 128);
      stage_block(&sums[m][column * 32], block, store, channel + column * 64);
      arch::fence_proxy_async_shared();
      arch::named_barrier_sync(barrier, 128);
      if (sends) send_block(map, block, store, pixel + m * 64, channel + column * 64);
      turn = turn + 1 == Tile::outgoing ? 0 : turn + 1;
    }
}

#endif

}  // namespace fusiform::kernels
