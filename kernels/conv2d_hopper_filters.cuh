#pragma once
/// Filter gradient on Hopper: for every tap the product of output gradients (pixels, out) and image patches
/// (pixels, in), summed over all pixels. bf16 in, in one plane or two, float out. The pixels are cut into `splits`
/// ranges whose partial sums are added in their order by sum_parts.cuh, so the result does not depend on the schedule.

#include "arch/bfloat16.cuh"
#include "arch/registers.cuh"
#include "arch/tensor_map.cuh"
#include "arch/tma.cuh"
#include "conv2d_hopper_planes.cuh"
#include "hopper_ring.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// Rows of the product are output channels, columns blocks of 64 input channels at a tap.
struct FilterWalk {
  int images, height, width;                           ///< of the grid of pixels: the output gradient, and `taps` - 1
                                                       ///< columns of zeros where taps share windows
  int first_row, first_column, row_step, column_step;  ///< where tap (0, 0) reads the image
  int tap_rows, tap_columns;
  int in_channels, out_channels;
  int row_tiles, column_tiles, splits;
  float* parts;              ///< (splits, out, tap_rows, tap_columns, in)
  float* bias_parts;         ///< (splits, column_tiles, 4, out), or nullptr
  HopperPlanes planes = {};  ///< of the gradient and the image

  [[nodiscard]] __host__ __device__ int taps() const { return tap_rows * tap_columns; }
  [[nodiscard]] __host__ __device__ int input_blocks() const { return (in_channels + 63) / 64; }
  [[nodiscard]] __host__ __device__ int pixel_blocks() const {
    return int((std::int64_t(images) * height * width + 63) / 64);
  }
  [[nodiscard]] __host__ __device__ int tiles() const { return row_tiles * column_tiles; }
  [[nodiscard]] __host__ __device__ int items() const { return tiles() * splits; }
  /// First of the blocks of 64 pixels that range `split` sums over.
  [[nodiscard]] __host__ __device__ int first_block(int split) const {
    return int(std::int64_t(pixel_blocks()) * split / splits);
  }
};

#if FUSIFORM_HAS_SM90A

/// What a block computes: output channels from `row`, column tile `column_tile`, pixel blocks [begin, end).
struct FilterItem {
  int row, column_tile, split, begin, end;

  [[nodiscard]] __device__ int blocks() const { return end - begin; }
};

/// Items of one range of pixels are neighbours: they read the same pixels at the same time.
template <class Tile>
__device__ FilterItem filter_item(const FilterWalk& walk, int item) {
  const int tile = item % walk.tiles(), split = item / walk.tiles();
  return {tile % walk.row_tiles * Tile::rows, tile / walk.row_tiles, split, walk.first_block(split),
          walk.first_block(split + 1)};
}

/// What a block of 64 columns is. Behind the last tap (`tap` == taps()): channels that do not exist.
struct ColumnBlock {
  int tap, channel;
};

template <class Tile>
__device__ ColumnBlock column_block(const FilterWalk& walk, int column_tile, int i) {
  const int blocks = walk.input_blocks();
  if constexpr (Tile::taps > 1) {
    return {column_tile / blocks * Tile::taps + i, column_tile % blocks * 64};
  } else {
    const int block = column_tile * (Tile::columns / 64) + i;
    if (block >= walk.taps() * blocks) return {walk.taps(), blocks * 64};
    return {block / blocks, block % blocks * 64};
  }
}

/// A pixel of the grid, and how far the next block of 64 pixels is from it.
struct GridPlace {
  int image, row, column;
  int rows, columns;

  __device__ GridPlace(const FilterWalk& walk, int block)
      : image(block * 64 / walk.width / walk.height),
        row(block * 64 / walk.width % walk.height),
        column(block * 64 % walk.width),
        rows(64 / walk.width),
        columns(64 % walk.width) {}

  __device__ void advance(const FilterWalk& walk) {
    row += rows;
    column += columns;
    if (column >= walk.width) {
      column -= walk.width;
      ++row;
    }
    while (row >= walk.height) {
      row -= walk.height;
      ++image;
    }
  }
};

template <class Tile>
__device__ void copy_filter_item(HopperShared<Tile>& shared, HopperPosition<Tile>& at, const arch::TensorMap& gradient,
                                 const arch::TensorMap& image, const FilterWalk& walk, const FilterItem& item) {
  constexpr int boxes = Tile::taps > 1 ? 1 : Tile::columns / 64;
  int channel[boxes];
  std::uint16_t tap_row[boxes], tap_column[boxes];
#pragma unroll
  for (int i = 0; i < boxes; ++i) {
    const ColumnBlock block = column_block<Tile>(walk, item.column_tile, i);
    channel[i] = block.channel;
    tap_row[i] = std::uint16_t(block.tap / walk.tap_columns);
    tap_column[i] = std::uint16_t(block.tap % walk.tap_columns);
  }
  for (int product = 0; product < walk.planes.products(); ++product) {
    const ProductPlanes low = walk.planes.of_product(product);
    GridPlace place(walk, item.begin);
    for (int step = item.begin; step < item.end; ++step, place.advance(walk)) {
      std::uint64_t* full = open_stage(shared.stages, at.stage, Tile::a_rows + Tile::b_rows);
      arch::bf16 *a = shared.a.data[at.stage.stage], *b = shared.b.data[at.stage.stage];
#pragma unroll
      for (int i = 0; i < Tile::rows / 64; ++i)
        arch::tma_load_im2col(a + i * 4096, &gradient, full, item.row + i * 64 + low.first, place.column, place.row,
                              place.image, 0, 0);
      const int y = walk.first_row + place.row * walk.row_step, x = walk.first_column + place.column * walk.column_step;
#pragma unroll
      for (int i = 0; i < boxes; ++i)
        arch::tma_load_im2col(b + i * 4096, &image, full, channel[i] + low.second, x, y, place.image, tap_column[i],
                              tap_row[i]);
      at.stage.advance();
    }
  }
}

/// Whose step it is to add output gradients to the bias gradient: the items of a range of pixels take turns, so that
/// each adds the pixels of one step in `column_tiles`; once for each plane of the gradient.
struct BiasTurn {
  int step = 0, product = 0, turn;

  __device__ BiasTurn(const FilterWalk& walk, const FilterItem& item) : turn(item.begin % walk.column_tiles) {}

  /// Whether this step is the item's.
  __device__ bool next(const FilterWalk& walk, const FilterItem& item) {
    const bool mine = turn == item.column_tile && product != 1;
    if (++turn == walk.column_tiles) turn = 0;
    if (++step == item.blocks()) {
      step = 0;
      ++product;
      turn = item.begin % walk.column_tiles;
    }
    return mine;
  }
};

/// Sums of output gradients, two channels a thread for every 64 rows of the tile: the bias gradient.
template <class Tile>
struct BiasSums {
  float first[Tile::row_blocks] = {}, second[Tile::row_blocks] = {};

  /// Adds 16 pixels of every block of 64 channels; lanes read whole rows of 128 bytes.
  __device__ void add(const arch::bf16* gradient, int consumer) {
    const auto* words = reinterpret_cast<const std::uint32_t*>(gradient) + consumer * Tile::row_blocks * 2048;
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
#pragma unroll
    for (int m = 0; m < Tile::row_blocks; ++m)
#pragma unroll 8
      for (unsigned row = 0; row < 16; ++row) {
        const std::uint32_t pair =
            words[unsigned(m) * 2048 + (warp * 16 + row) * 32 + (lane / 4 ^ row % 8) * 4 + lane % 4];
        first[m] += arch::to_float(arch::bf16{std::uint16_t(pair & 0xffffu)});
        second[m] += arch::to_float(arch::bf16{std::uint16_t(pair >> 16)});
      }
  }

  __device__ void store(const FilterWalk& walk, const FilterItem& item, int consumer) const {
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32 % 4;
    const std::int64_t part = (std::int64_t(item.split) * walk.column_tiles + item.column_tile) * 4 + warp;
#pragma unroll
    for (int m = 0; m < Tile::row_blocks; ++m) {
      const int channel = item.row + consumer * Tile::rows_per_consumer + m * 64 + lane * 2;
      if (channel < walk.out_channels)
        *reinterpret_cast<FloatPair*>(walk.bias_parts + part * walk.out_channels + channel) = {first[m], second[m]};
    }
  }
};

template <class Tile>
__device__ void store_filter_item(const HopperSums<Tile>& sums, const FilterWalk& walk, const FilterItem& item,
                                  int consumer) {
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32 % 4;
  const std::int64_t filter = std::int64_t(walk.taps()) * walk.in_channels;
  float* part = walk.parts + item.split * walk.out_channels * filter;
#pragma unroll
  for (int m = 0; m < Tile::row_blocks; ++m) {
    const int row = item.row + consumer * Tile::rows_per_consumer + m * 64 + warp * 16 + lane / 4;
#pragma unroll
    for (int block = 0; block < Tile::columns / 64; ++block) {
      const ColumnBlock place = column_block<Tile>(walk, item.column_tile, block);
      float* out = part + row * filter + std::int64_t(place.tap) * walk.in_channels + place.channel + lane % 4 * 2;
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const float* sum = &sums[m][block * 32 + i * 4];
        if (place.tap >= walk.taps() || place.channel + i * 8 + lane % 4 * 2 >= walk.in_channels) continue;
        if (row < walk.out_channels) *reinterpret_cast<FloatPair*>(out + i * 8) = {sum[0], sum[1]};
        if (row + 8 < walk.out_channels) *reinterpret_cast<FloatPair*>(out + 8 * filter + i * 8) = {sum[2], sum[3]};
      }
    }
  }
}

#endif

/// One block a multiprocessor (or as many as the tile says), each taking every gridDim.x-th item.
template <class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks_per_multiprocessor)
    conv2d_hopper_filters(const __grid_constant__ arch::TensorMap gradient,
                          const __grid_constant__ arch::TensorMap image, const __grid_constant__ FilterWalk walk) {
#if FUSIFORM_HAS_SM90A
  auto& shared = *static_cast<HopperShared<Tile>*>(arch::dynamic_shared_memory());
  prepare_rings<Tile>(shared);
  HopperPosition<Tile> at;
  if (threadIdx.x < 128) {
    arch::release_registers<Tile::producer_registers>();
    if (threadIdx.x != 0) return;
    for (int i = int(blockIdx.x); i < walk.items(); i += int(gridDim.x))
      copy_filter_item<Tile>(shared, at, gradient, image, walk, filter_item<Tile>(walk, i));
  } else {
    arch::acquire_registers<Tile::consumer_registers>();
    const int consumer = int(threadIdx.x) / 128 - 1;
    HopperSums<Tile> sums;
    for (int i = int(blockIdx.x); i < walk.items(); i += int(gridDim.x)) {
      const FilterItem item = filter_item<Tile>(walk, i);
      BiasSums<Tile> bias;
      BiasTurn turn(walk, item);
      const auto add_bias = [&](unsigned stage) {
        if (walk.bias_parts != nullptr && turn.next(walk, item)) bias.add(shared.a.data[stage], consumer);
      };
      multiply_steps<Tile, arch::Order::mn_major, arch::Order::mn_major>(
          sums, shared, at, walk.planes.products() * item.blocks(), consumer, add_bias);
      store_filter_item<Tile>(sums, walk, item, consumer);
      if (walk.bias_parts != nullptr) bias.store(walk, item, consumer);
    }
  }
#endif
}

}  // namespace fusiform::kernels
