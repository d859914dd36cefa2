#pragma once
/// Convolution passes that compute one image from another (forward and backward-input) on Hopper: a matrix product of
/// image patches, which the copy engine gathers tap by tap (im2col), and filters. bf16 in, bf16 or float out, sums in
/// float.

#include <concepts>

#include "arch/registers.cuh"
#include "arch/tma.cuh"
#include "conv2d_hopper_planes.cuh"
#include "conv2d_hopper_pool.cuh"
#include "conv2d_hopper_store.cuh"
#include "hopper_ring.cuh"

namespace fusiform::kernels {

/// The walk over the image that is read and over the taps of the filters. Row i, column j of the grid reads at tap
/// (a, b) the pixel (first_row + i row_step + a, first_column + j column_step + b). Where results are maxima of
/// windows, the grid is that of windows: their places are half a step apart.
struct PixelWalk {
  int images, height, width;  ///< of the grid: the results, and `taps` - 1 columns to drop where taps share windows
  int first_row, first_column;
  int row_step, column_step;
  int tap_rows, tap_columns;
  int first_tap, tap_row_step, tap_column_step;  ///< tap (a, b) is filter tap first_tap + a tap_row_step + b ...
  int terms;                                     ///< channels of the image that is read
  int pixel_tiles, column_tiles;
  HopperPlanes planes = {};

  [[nodiscard]] __host__ __device__ int tiles() const { return pixel_tiles * column_tiles; }
  [[nodiscard]] __host__ __device__ int steps(int taps) const {
    return planes.products() * tap_rows * (tap_columns / taps) * ((terms + 63) / 64);
  }
};

/// Passes of one launch, `Count` of them: the same filters, each with an image and a target of its own. Tiles are
/// numbered through, those of pass i from first_tile[i] on.
template <int Count>
struct PixelWork {
  arch::TensorMap image[Count], result[Count];
  arch::TensorMap filters;
  PixelWalk walk[Count];
  PixelStore store[Count];
  int first_tile[Count + 1];

  [[nodiscard]] __host__ __device__ int tiles() const { return first_tile[Count]; }
};

/// Pixels of one copy: all of a tile, or, to pool them, those at one place in the windows of a consumer.
template <class Tile, bool Pooled>
inline constexpr int box_pixels = Pooled ? Tile::rows_per_consumer / 4 : Tile::a_rows;

#if FUSIFORM_HAS_SM90A

/// Filters lie as (out, tap, in). k_major: the tile's columns are `out` and the terms `in`, one box of all columns;
/// mn_major: columns are `in` and terms `out`, one box for every 64 columns.
template <class Tile, arch::Order Filters>
__device__ void load_filters(arch::bf16* b, const arch::TensorMap& filters, std::uint64_t* full, int column, int tap,
                             int term) {
  if constexpr (Filters == arch::Order::k_major) {
    arch::tma_load_3d(b, &filters, full, term, tap, column);
  } else {
#pragma unroll
    for (int block = 0; block < Tile::columns / 64; ++block)
      arch::tma_load_3d(b + block * 4096, &filters, full, column + block * 64, tap, term);
  }
}

/// The copies of a tile's pixels: one, or, to pool them, one for every place in the windows of every consumer. A
/// window's places differ by what im2col adds to coordinates, so that their boxes begin at the same ones.
template <class Tile, bool Pooled>
struct PixelBoxes {
  static constexpr int groups = Pooled ? Tile::consumers : 1;
  static constexpr int pixels = box_pixels<Tile, Pooled>;
  int n[groups], y[groups], x[groups];

  __device__ PixelBoxes(const PixelWalk& walk, int row) {
#pragma unroll
    for (int i = 0; i < groups; ++i) {
      const int pixel = Pooled ? row / 4 + i * pixels : row, line = pixel / walk.width;
      n[i] = line / walk.height;
      y[i] = walk.first_row + line % walk.height * walk.row_step;
      x[i] = walk.first_column + pixel % walk.width * walk.column_step;
    }
  }

  /// Tap (a, b), 64 terms.
  __device__ void load(arch::bf16* rows, const arch::TensorMap& image, std::uint64_t* full, const PixelWalk& walk,
                       int term, int a, int b) const {
    if constexpr (Pooled) {
#pragma unroll
      for (int i = 0; i < groups; ++i)
#pragma unroll
        for (int place = 0; place < 4; ++place)
          arch::tma_load_im2col(rows + (i * 4 + place) * pixels * 64, &image, full, term, x[i], y[i], n[i],
                                std::uint16_t(b + place % 2 * (walk.column_step / 2)),
                                std::uint16_t(a + place / 2 * (walk.row_step / 2)));
    } else {
      arch::tma_load_im2col(rows, &image, full, term, x[0], y[0], n[0], std::uint16_t(b), std::uint16_t(a));
    }
  }
};

/// Stages of one product: at every tap, blocks of 64 terms.
template <class Tile, arch::Order Filters, bool Pooled>
__device__ void copy_pixel_product(HopperShared<Tile>& shared, HopperPosition<Tile>& at, const arch::TensorMap& image,
                                   const arch::TensorMap& filters, const PixelWalk& walk, int pixel, int column,
                                   const ProductPlanes& low) {
  const PixelBoxes<Tile, Pooled> boxes(walk, pixel);
  // Filters lie as (out, tap, in): the low plane is further along the last, whichever index that is.
  const int low_term = Filters == arch::Order::k_major ? low.second : 0, low_column = low.second - low_term;
  for (int a = 0; a < walk.tap_rows; ++a)
    for (int b = 0; b < walk.tap_columns; b += Tile::taps)
      for (int term = 0; term < walk.terms; term += 64) {
        if constexpr (Tile::windows > 0) {
          std::uint64_t* full = open_stage(shared.windows, at.window, Tile::a_rows);
          boxes.load(shared.window.data[at.window.stage], image, full, walk, term + low.first, a, b);
          at.window.advance();
        }
#pragma unroll
        for (int t = 0; t < Tile::taps; ++t) {
          constexpr int rows = (Tile::windows > 0 ? 0 : Tile::a_rows) + Tile::b_rows;
          std::uint64_t* full = open_stage(shared.stages, at.stage, rows);
          if constexpr (Tile::windows == 0)
            boxes.load(shared.a.data[at.stage.stage], image, full, walk, term + low.first, a, b);
          load_filters<Tile, Filters>(shared.b.data[at.stage.stage], filters, full, column + low_column,
                                      walk.first_tap + a * walk.tap_row_step + (b + t) * walk.tap_column_step,
                                      term + low_term);
          at.stage.advance();
        }
      }
}

/// A tile of a pass, and where it begins.
struct PixelTile {
  int pass, pixel, column;

  template <class Tile, int Count>
  __device__ static PixelTile at(const PixelWork<Count>& work, int tile) {
    int pass = 0;
#pragma unroll
    for (int i = 1; i < Count; ++i) pass += tile >= work.first_tile[i];
    const int column_tiles = work.walk[0].column_tiles, in_pass = tile - work.first_tile[pass];
    return {pass, in_pass / column_tiles * Tile::rows, in_pass % column_tiles * Tile::columns};
  }
};

/// Everything that a multiplying warpgroup does.
template <class Tile, arch::Order Filters, class Out, int Count>
__device__ void multiply_pixels(HopperShared<Tile>& shared, const PixelWork<Count>& work) {
  constexpr bool masked = Filters == arch::Order::mn_major;  // input gradients
  const int consumer = int(threadIdx.x) / 128 - 1;
  HopperPosition<Tile> at;
  [[maybe_unused]] unsigned turn = 0;
  HopperSums<Tile> sums;
  for (int i = int(blockIdx.x); i < work.tiles(); i += int(gridDim.x)) {
    const PixelTile tile = PixelTile::at<Tile>(work, i);
    const int steps = work.walk[tile.pass].steps(Tile::taps), pixel = tile.pixel + consumer * Tile::rows_per_consumer;
    const PixelStore& store = work.store[tile.pass];
    if constexpr (masked && std::same_as<Out, float>)
      prefetch_relu<Tile>(store.relu_floats, store, pixel, tile.column);
    else if constexpr (masked)
      prefetch_relu<Tile>(store.relu_output, store, pixel, tile.column);
    if (steps == 0) clear_sums<Tile>(sums);
    if constexpr (Tile::windows > 0)
      multiply_windows<Tile, Filters>(sums, shared, at, steps, consumer);
    else
      multiply_steps<Tile, arch::Order::k_major, Filters>(sums, shared, at, steps, consumer, [](unsigned) {});
    if constexpr (std::same_as<Out, Maxima<float>>)
      store_maxima<Tile>(sums, shared, store, store.floats, pixel / 4, tile.column);
    else if constexpr (std::same_as<Out, Maxima<arch::bf16>>)
      store_maxima<Tile>(sums, shared, store, store.data, pixel / 4, tile.column);
    else if constexpr (std::same_as<Out, float>)
      store_floats<Tile, masked>(sums, store, pixel, tile.column);
    else if (Tile::windows == 0 && store.whole)
      store_whole<Tile, masked>(sums, shared, turn, work.result[tile.pass], store, pixel, tile.column);
    else
      store_lines<Tile, masked>(sums, shared, turn, work.result[tile.pass], store, pixel, tile.column);
  }
  if constexpr (std::same_as<Out, arch::bf16>)
    if (threadIdx.x % 32 == 0) arch::tma_store_wait_read<0>();  // shared memory must outlive its copies
}

#endif

/// One block a multiprocessor (or as many as the tile says), each taking every gridDim.x-th tile. Tiles of the same
/// pixels are neighbours, so that the image is read from the second-level cache by all but one of them.
template <class Tile, arch::Order Filters, class Out, int Count>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks_per_multiprocessor)
    conv2d_hopper_pixels(const __grid_constant__ PixelWork<Count> work) {
#if FUSIFORM_HAS_SM90A
  auto& shared = *static_cast<HopperShared<Tile>*>(arch::dynamic_shared_memory());
  prepare_rings<Tile>(shared);
  if (threadIdx.x < 128) {
    arch::release_registers<Tile::producer_registers>();
    if (threadIdx.x != 0) return;
    HopperPosition<Tile> at;
    for (int i = int(blockIdx.x); i < work.tiles(); i += int(gridDim.x)) {
      const PixelTile tile = PixelTile::at<Tile>(work, i);
      const PixelWalk& walk = work.walk[tile.pass];
      for (int product = 0; product < walk.planes.products(); ++product)
        copy_pixel_product<Tile, Filters, are_maxima<Out>>(shared, at, work.image[tile.pass], work.filters, walk,
                                                           tile.pixel, tile.column, walk.planes.of_product(product));
    }
  } else {
    arch::acquire_registers<Tile::consumer_registers>();
    multiply_pixels<Tile, Filters, Out>(shared, work);
  }
#endif
}

}  // namespace fusiform::kernels
