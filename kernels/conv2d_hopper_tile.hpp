#pragma once
/// Tiles of the Hopper convolutions: how the work of one thread block is cut. Plain C++, no CUDA header.

#include <cstddef>

namespace fusiform::kernels {

/// How one thread block computes: a tile of `rows` x `columns` sums, 64 terms a step, by one warpgroup that copies and
/// `consumers` that multiply. In the passes over pixels rows are pixels and columns channels; in the pass over filters
/// rows are output channels and columns are input channels of one or more taps.
struct HopperTile {
  int rows;
  int columns;
  int consumers;
  int stages;
  int blocks_per_multiprocessor;

  [[nodiscard]] constexpr int threads() const { return 128 * (1 + consumers); }
  [[nodiscard]] constexpr int rows_per_consumer() const { return rows / consumers; }
  /// m64 products side by side in one consumer.
  [[nodiscard]] constexpr int row_blocks() const { return rows_per_consumer() / 64; }
  /// Sums that one multiplying thread holds.
  [[nodiscard]] constexpr int accumulators() const { return row_blocks() * columns / 2; }
  [[nodiscard]] constexpr int stage_bytes() const { return (rows + columns) * 128; }
  /// Stages, 2 KiB a multiplying warp on the way out, and the barriers, in whole KiB.
  [[nodiscard]] constexpr int shared_bytes() const {
    return (stages * stage_bytes() + consumers * 8192 + stages * 16 + 1023) / 1024 * 1024;
  }
  /// Registers a thread gets at launch; setmaxnreg then moves them from the copying to the multiplying warps.
  [[nodiscard]] constexpr int launch_registers() const {
    return 65536 / (threads() * blocks_per_multiprocessor) / 8 * 8;
  }
  [[nodiscard]] constexpr int producer_registers() const { return launch_registers() >= 128 ? 40 : 24; }
  [[nodiscard]] constexpr int consumer_registers() const {
    const int granted = (launch_registers() * (1 + consumers) - producer_registers()) / consumers / 8 * 8;
    return granted < 232 ? granted : 232;
  }
  /// Whether the hardware can run it: 227 KiB of shared memory a block, 1 KiB of 228 reserved for each, and 40
  /// registers beside the sums for addresses.
  [[nodiscard]] constexpr bool fits() const {
    return rows % (64 * consumers) == 0 && columns % 64 == 0 && columns <= 256 && rows <= 256 && stages >= 2 &&
           blocks_per_multiprocessor * (shared_bytes() + 1024) <= 228 * 1024 &&
           accumulators() + 40 <= consumer_registers();
  }
  constexpr bool operator==(const HopperTile&) const = default;
};

/// A tile as a type, for kernels: nvcc takes no value of class type as an argument of a kernel template.
template <int Rows, int Columns, int Consumers, int Stages, int BlocksPerMultiprocessor>
struct HopperTileType {
  static constexpr HopperTile tile{Rows, Columns, Consumers, Stages, BlocksPerMultiprocessor};
  static constexpr int rows = Rows, columns = Columns, consumers = Consumers, stages = Stages;
  static constexpr int blocks_per_multiprocessor = BlocksPerMultiprocessor;
  static constexpr int threads = tile.threads();
  static constexpr int rows_per_consumer = tile.rows_per_consumer();
  static constexpr int row_blocks = tile.row_blocks();
  static constexpr int stage_bytes = tile.stage_bytes();
  static constexpr int shared_bytes = tile.shared_bytes();
  static constexpr int producer_registers = tile.producer_registers();
  static constexpr int consumer_registers = tile.consumer_registers();
};

/// Tiles of the passes over pixels.
inline constexpr HopperTile hopper_pixel_tiles[] = {
    {.rows = 128, .columns = 256, .consumers = 2, .stages = 4, .blocks_per_multiprocessor = 1},
    {.rows = 256, .columns = 128, .consumers = 2, .stages = 4, .blocks_per_multiprocessor = 1},
    {.rows = 128, .columns = 128, .consumers = 1, .stages = 3, .blocks_per_multiprocessor = 2},
    {.rows = 256, .columns = 64, .consumers = 2, .stages = 5, .blocks_per_multiprocessor = 1},
    {.rows = 128, .columns = 64, .consumers = 1, .stages = 4, .blocks_per_multiprocessor = 2},
};

/// Tiles of the pass over filters.
inline constexpr HopperTile hopper_filter_tiles[] = {
    {.rows = 128, .columns = 256, .consumers = 2, .stages = 4, .blocks_per_multiprocessor = 1},
    {.rows = 128, .columns = 192, .consumers = 2, .stages = 5, .blocks_per_multiprocessor = 1},
    {.rows = 64, .columns = 192, .consumers = 1, .stages = 3, .blocks_per_multiprocessor = 2},
};

template <std::size_t I>
using HopperPixelTile =
    HopperTileType<hopper_pixel_tiles[I].rows, hopper_pixel_tiles[I].columns, hopper_pixel_tiles[I].consumers,
                   hopper_pixel_tiles[I].stages, hopper_pixel_tiles[I].blocks_per_multiprocessor>;

template <std::size_t I>
using HopperFilterTile =
    HopperTileType<hopper_filter_tiles[I].rows, hopper_filter_tiles[I].columns, hopper_filter_tiles[I].consumers,
                   hopper_filter_tiles[I].stages, hopper_filter_tiles[I].blocks_per_multiprocessor>;

template <std::size_t Count>
[[nodiscard]] constexpr bool all_fit(const HopperTile (&tiles)[Count]) {
  for (const HopperTile& tile : tiles)
    if (!tile.fits()) return false;
  return true;
}
static_assert(all_fit(hopper_pixel_tiles) && all_fit(hopper_filter_tiles));

}  // namespace fusiform::kernels
