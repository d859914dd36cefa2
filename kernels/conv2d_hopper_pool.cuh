#pragma once
/// The way out of the Hopper convolutions whose results are maxima of 2 x 2 windows side by side (Conv2dMaxPool). The
/// rows of a consumer are four parts, one a place in the windows, of as many pixels each: the parts are turned around
/// and rounded in shared memory, and every thread takes the maxima of 16 bytes of a window.

#include "conv2d_hopper_store.cuh"
#include "take_maxima.cuh"

namespace fusiform::kernels {

/// Maxima as results of a pass, of type T.
template <class T>
struct Maxima {};

template <class Out>
inline constexpr bool are_maxima = false;
template <class T>
inline constexpr bool are_maxima<Maxima<T>> = true;

#if FUSIFORM_HAS_SM90A

/// 64 pixels x 32 channels of floats: stage_block with results of twice the size.
__device__ __forceinline__ void stage_floats(const float* sums, std::uint32_t* block, const PixelStore& store,
                                             int channel) {
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32 % 4 * 16 + lane / 4, pair = lane % 4;
#pragma unroll
  for (int eight = 0; eight < 4; ++eight) {
    const int c = channel + eight * 8 + pair * 2;
    const FloatPair bias = load_pair(store.bias, c, store.channels, 0.0f);
    const FloatPair factor = load_pair(store.factor, c, store.channels, 1.0f);
    std::uint32_t* word = block + row * 32 + ((eight * 2 + pair / 2) ^ row % 8) * 4 + pair % 2 * 2;
#pragma unroll
    for (int half = 0; half < 2; ++half)
      *reinterpret_cast<FloatPair*>(word + half * 8 * 32) =
          finished(sums[eight * 4 + half * 2], sums[eight * 4 + half * 2 + 1], bias, factor, store.relu);
  }
}

/// The maxima of one window and 16 bytes of its channels, from blocks of staged rows; part f of the rows has `Pixels`
/// rows from row f * Pixels on.
template <int Pixels, class T>
__device__ __forceinline__ void store_window(const std::uint32_t* blocks, int pixel, int piece, const PixelStore& store,
                                             int corner, T* y, std::int32_t* positions) {
  constexpr int count = wide<T>;
  T best[count], other[count];
  std::int32_t places[count];
  const auto load = [&](int place, T(&to)[count]) {  // parts begin at multiples of the swizzle's 8 rows
    load_elements(reinterpret_cast<const T*>(blocks + (place * Pixels + pixel) * 32 + (piece ^ pixel % 8) * 4), to);
  };
  load(0, best);
#pragma unroll
  for (int k = 0; k < count; ++k) places[k] = corner;
#pragma unroll
  for (int place = 1; place < 4; ++place) {
    load(place, other);
    take_maxima(other, corner + place / 2 * store.between_width + place % 2, best, places);
  }
  store_elements(best, y);
  if (positions == nullptr) return;
#pragma unroll
  for (int k = 0; k < count; ++k)
    if (store.after_relu && arch::number(best[k]) <= 0) places[k] = -1;
  store_elements(places, positions);
}

/// The sums of a consumer as maxima of the windows from `window` on.
template <class Tile, class T>
__device__ void store_maxima(const HopperSums<Tile>& sums, HopperShared<Tile>& shared, const PixelStore& store,
                             T* results, int window, int channel) {
  constexpr int windows = Tile::rows_per_consumer / 4, width = 32 * 4 / int(sizeof(T)), steps = Tile::columns / width;
  constexpr int turns = windows * 8 / 128;  // windows that a thread sees of every block
  // Two blocks in turn need one barrier each; one that is used again at once needs another.
  constexpr bool in_turn = Tile::row_blocks == 1;
  static_assert(Tile::outgoing == 2 && Tile::row_blocks <= 2 && (!in_turn || steps % 2 == 0));
  const int consumer = int(threadIdx.x) / 128 - 1, thread = int(threadIdx.x) % 128, piece = thread % 8;
  const unsigned barrier = 1 + unsigned(consumer);
  int corner[turns];
#pragma unroll
  for (int i = 0; i < turns; ++i) {
    const int at = window + thread / 8 + i * 16, line = at / store.line;
    corner[i] = (line % store.rows * store.between_width + at % store.line) * 2;
  }
#pragma unroll
  for (int step = 0; step < steps; ++step) {
    std::uint32_t* blocks = shared.outgoing.block[consumer * 2 + (in_turn ? step % 2 : 0)];
    if constexpr (!in_turn) arch::named_barrier_sync(barrier, 128);
#pragma unroll
    for (int m = 0; m < Tile::row_blocks; ++m)
      if constexpr (sizeof(T) == 4)
        stage_floats(&sums[m][step * 16], blocks + m * 2048, store, channel + step * width);
      else
        stage_block(&sums[m][step * 32], blocks + m * 2048, store, channel + step * width);
    arch::named_barrier_sync(barrier, 128);
    const int c = channel + step * width + piece * wide<T>;
#pragma unroll
    for (int i = 0; i < turns; ++i) {
      const int at = window + thread / 8 + i * 16;
      if (at >= store.lines * store.line || c >= store.channels) continue;
      const std::int64_t offset = std::int64_t(at) * store.channels + c;
      store_window<windows>(blocks, thread / 8 + i * 16, piece, store, corner[i], results + offset,
                            store.positions == nullptr ? nullptr : store.positions + offset);
    }
  }
}

#endif

}  // namespace fusiform::kernels
