#pragma once
/// Filter gradient on Hopper: for every tap the product of output gradients (pixels, out) and image patches
/// (pixels, in), summed over all pixels. bf16 in, float out. The pixels are cut into `splits` ranges whose partial sums
/// are added in their order by sum_parts, so the result does not depend on the schedule.

#include "arch/registers.cuh"
#include "arch/tensor_map.cuh"
#include "arch/tma.cuh"
#include "hopper_ring.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// Rows of the product are output channels, columns blocks of 64 input channels of a tap: block t * input_blocks() + b
/// holds channels 64 b ... of tap t.
struct FilterWalk {
  int images, height, width;  ///< of the output gradient
  int first_row, first_column, row_step, column_step;
  int tap_columns, taps;
  int in_channels, out_channels;
  int row_tiles, column_tiles, splits;
  float* parts;  ///< (splits, out, taps, in)

  [[nodiscard]] __host__ __device__ int input_blocks() const { return (in_channels + 63) / 64; }
  [[nodiscard]] __host__ __device__ int pixel_blocks() const { return (images * height * width + 63) / 64; }
  [[nodiscard]] __host__ __device__ int tiles() const { return row_tiles * column_tiles; }
  [[nodiscard]] __host__ __device__ int items() const { return tiles() * splits; }
  /// First of the blocks of 64 pixels that range `split` sums over.
  [[nodiscard]] __host__ __device__ int first_block(int split) const {
    return int(std::int64_t(pixel_blocks()) * split / splits);
  }
};

#if FUSIFORM_HAS_SM90A

/// What a block computes: output channels from `row`, column blocks from `block`, pixel blocks [begin, end).
struct FilterItem {
  int row, block, split, begin, end;
};

/// Items of one range of pixels are neighbours: they read the same pixels at the same time.
template <class Tile>
__device__ FilterItem filter_item(const FilterWalk& walk, int item) {
  const int tile = item % walk.tiles(), split = item / walk.tiles();
  return {tile % walk.row_tiles * Tile::rows, tile / walk.row_tiles * (Tile::columns / 64), split,
          walk.first_block(split), walk.first_block(split + 1)};
}

template <class Tile>
__device__ void copy_filter_items(HopperShared<Tile>& shared, const arch::TensorMap& gradient,
                                  const arch::TensorMap& image, const FilterWalk& walk) {
  RingPosition<Tile::stages> at;
  const int last_block = walk.taps * walk.input_blocks();
  for (int i = int(blockIdx.x); i < walk.items(); i += int(gridDim.x)) {
    const FilterItem item = filter_item<Tile>(walk, i);
    for (int step = item.begin; step < item.end; ++step) {
      auto& stage = open_stage<Tile>(shared, at);
      std::uint64_t* full = &shared.full[at.stage];
      const int pixel = step * 64, line = pixel / walk.width, n = line / walk.height;
      const int y = walk.first_row + line % walk.height * walk.row_step;
      const int x = walk.first_column + pixel % walk.width * walk.column_step;
#pragma unroll
      for (int r = 0; r < Tile::rows / 64; ++r)
        arch::tma_load_2d(stage.a + r * 4096, &gradient, full, item.row + r * 64, pixel);
#pragma unroll
      for (int c = 0; c < Tile::columns / 64; ++c) {
        // Behind the last block: channels that do not exist, which arrive as zeros.
        const int block = item.block + c, tap = block < last_block ? block / walk.input_blocks() : 0;
        const int channel = (block - tap * walk.input_blocks()) * 64;
        arch::tma_load_im2col(stage.b + c * 4096, &image, full, channel, x, y, n, std::uint16_t(tap % walk.tap_columns),
                              std::uint16_t(tap / walk.tap_columns));
      }
      at.advance();
    }
  }
}

template <class Tile>
__device__ void store_filter_item(const HopperSums<Tile>& sums, const FilterWalk& walk, const FilterItem& item,
                                  int consumer) {
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32 % 4;
  const std::int64_t filter = std::int64_t(walk.taps) * walk.in_channels;
  float* part = walk.parts + item.split * walk.out_channels * filter;
#pragma unroll
  for (int m = 0; m < Tile::row_blocks; ++m) {
    const int row = item.row + consumer * Tile::rows_per_consumer + m * 64 + warp * 16 + lane / 4;
#pragma unroll
    for (int i = 0; i < Tile::columns / 8; ++i) {
      const int block = item.block + i / 8, tap = block / walk.input_blocks();
      const int channel = (block - tap * walk.input_blocks()) * 64 + i % 8 * 8 + lane % 4 * 2;
      if (tap >= walk.taps || channel >= walk.in_channels) continue;
      float* out = part + row * filter + std::int64_t(tap) * walk.in_channels + channel;
      if (row < walk.out_channels) *reinterpret_cast<FloatPair*>(out) = {sums[m][i * 4], sums[m][i * 4 + 1]};
      if (row + 8 < walk.out_channels)
        *reinterpret_cast<FloatPair*>(out + 8 * filter) = {sums[m][i * 4 + 2], sums[m][i * 4 + 3]};
    }
  }
}

template <class Tile>
__device__ void compute_filter_items(HopperShared<Tile>& shared, const FilterWalk& walk) {
  const int consumer = int(threadIdx.x) / 128 - 1;
  RingPosition<Tile::stages> at;
  HopperSums<Tile> sums;
  for (int i = int(blockIdx.x); i < walk.items(); i += int(gridDim.x)) {
    const FilterItem item = filter_item<Tile>(walk, i);
    multiply_steps<Tile, arch::Order::mn_major, arch::Order::mn_major>(sums, shared, at, item.end - item.begin,
                                                                       consumer);
    store_filter_item<Tile>(sums, walk, item, consumer);
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
  prepare_ring<Tile>(shared);
  if (threadIdx.x < 128) {
    arch::release_registers<Tile::producer_registers>();
    if (threadIdx.x == 0) copy_filter_items<Tile>(shared, gradient, image, walk);
  } else {
    arch::acquire_registers<Tile::consumer_registers>();
    compute_filter_items<Tile>(shared, walk);
  }
#endif
}

}  // namespace fusiform::kernels
