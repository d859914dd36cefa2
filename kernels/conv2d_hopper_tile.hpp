#pragma once
/// Tiles of the Hopper convolutions: how the work of one thread block is cut. Plain C++, no CUDA header.

#include <cstddef>

namespace fusiform::kernels {

enum class HopperPass { pixels, filters };

/// How one thread block computes: a tile of `rows` x `columns` sums by one warpgroup that copies and `consumers` that
/// multiply, over a ring of `stages` copies. A stage holds 64 terms of both operands in rows of 128 bytes.
/// In the passes over pixels (forward, backward-input) rows are pixels and columns channels; in the pass over filters
/// rows are output channels and columns blocks of 64 input channels at a tap.
/// With `taps` above 1, as many neighbouring taps of a filter row read one window of the image, each one pixel further:
/// the image is copied once for all of them. It needs kernels of that width and stride 1. The grid of pixels then has
/// taps - 1 more columns than the result, so that a window never crosses a line; those are computed and dropped.
/// In the passes over pixels the windows have a ring of their own, and a stage holds the filters of one tap.
struct HopperTile {
  HopperPass pass;
  int rows, columns;
  int consumers;
  int stages;
  int blocks_per_multiprocessor;
  int outgoing = 2;  ///< blocks of 64 x 64 results that a consumer may have on their way out
  int taps = 1;
  int windows = 0;

  [[nodiscard]] constexpr int threads() const { return 128 * (1 + consumers); }
  [[nodiscard]] constexpr int rows_per_consumer() const { return rows / consumers; }
  /// m64 products side by side in one consumer.
  [[nodiscard]] constexpr int row_blocks() const { return rows_per_consumer() / 64; }
  /// Sums that one multiplying thread holds.
  [[nodiscard]] constexpr int accumulators() const { return row_blocks() * columns / 2; }
  /// Rows of 128 bytes of each operand that a copy brings.
  [[nodiscard]] constexpr int a_rows() const { return pass == HopperPass::pixels ? rows + taps - 1 : rows; }
  [[nodiscard]] constexpr int b_rows() const {
    return pass == HopperPass::filters && taps > 1 ? 64 + taps - 1 : columns;
  }
  /// Memory for operands begins where the swizzle's pattern of 8 rows does.
  [[nodiscard]] static constexpr int operand_bytes(int operand_rows) { return (operand_rows + 7) / 8 * 1024; }
  [[nodiscard]] constexpr int stage_bytes() const {
    return (windows > 0 ? 0 : operand_bytes(a_rows())) + operand_bytes(b_rows());
  }
  /// Blocks of 8 KiB on the way out; the pass over filters writes its sums from registers.
  [[nodiscard]] constexpr int outgoing_blocks() const { return pass == HopperPass::pixels ? consumers * outgoing : 0; }
  /// Read by nothing. compute-sanitizer takes an operand for `columns` * 32 bytes that follow each other; where taps
  /// share a window its blocks of 64 columns overlap, and the last of the last stage ends earlier.
  [[nodiscard]] constexpr int spare_bytes() const {
    return pass == HopperPass::filters && taps > 1 ? columns * 32 - (16 + taps - 1) * 128 : 0;
  }
  /// Stages, results on their way out, the barriers and spare bytes, in whole KiB.
  [[nodiscard]] constexpr int shared_bytes() const {
    const int operands = stages * stage_bytes() + windows * operand_bytes(a_rows());
    return (operands + outgoing_blocks() * 8192 + (stages + windows) * 16 + spare_bytes() + 1023) / 1024 * 1024;
  }
  /// Registers a thread gets at launch; setmaxnreg then moves them from the copying to the multiplying warps.
  [[nodiscard]] constexpr int launch_registers() const {
    return 65536 / (threads() * blocks_per_multiprocessor) / 8 * 8;
  }
  [[nodiscard]] constexpr int producer_registers() const { return launch_registers() > 128 ? 40 : 24; }
  [[nodiscard]] constexpr int consumer_registers() const {
    const int granted = (launch_registers() * (1 + consumers) - producer_registers()) / consumers / 8 * 8;
    return granted < 232 ? granted : 232;
  }
  /// Whether the hardware can run it: 227 KiB of shared memory a block, 1 KiB of 228 reserved for each, and 24
  /// registers beside the sums for addresses.
  [[nodiscard]] constexpr bool fits() const {
    return rows % (64 * consumers) == 0 && columns % 64 == 0 && columns <= 256 && rows <= 256 && stages >= 2 &&
           (pass == HopperPass::pixels ? (windows >= 2) == (taps > 1) && outgoing >= 1
                                       : windows == 0 && (taps == 1 || columns == 64 * taps)) &&
           blocks_per_multiprocessor * (shared_bytes() + 1024) <= 228 * 1024 &&
           accumulators() + 24 <= consumer_registers();
  }
  constexpr bool operator==(const HopperTile&) const = default;
};

/// Tiles of the passes over pixels. Measured on an H100 and left out because another was faster wherever they applied:
/// 256 x 128, 256 x 64, and windows with 256, 128 or twice 64 columns.
inline constexpr HopperTile hopper_pixel_tiles[] = {
    {HopperPass::pixels, 128, 256, 2, 4, 1},          // 256 channels and more
    {HopperPass::pixels, 128, 128, 1, 3, 2},          // few pixels
    {HopperPass::pixels, 128, 64, 1, 4, 2},           // 64 channels, other kernels than 3 wide
    {HopperPass::pixels, 192, 128, 3, 4, 1},          // 128 channels
    {HopperPass::pixels, 192, 64, 3, 8, 1, 2, 3, 3},  // 64 channels
};

/// Tiles of the pass over filters; the last two for kernels 3 wide. Left out: 128 x 256, 256 x 128, and windows with
/// 256 rows.
inline constexpr HopperTile hopper_filter_tiles[] = {
    {HopperPass::filters, 128, 192, 2, 5, 1},      {HopperPass::filters, 64, 192, 1, 3, 2},
    {HopperPass::filters, 256, 192, 2, 3, 1},      {HopperPass::filters, 128, 192, 2, 8, 1, 0, 3},
    {HopperPass::filters, 64, 192, 1, 6, 2, 0, 3},
};

/// A tile as a type, for kernels: nvcc takes no value of class type as an argument of a kernel template.
template <HopperPass Pass, int Rows, int Columns, int Consumers, int Stages, int BlocksPerMultiprocessor, int Outgoing,
          int Taps, int Windows>
struct HopperTileType {
  static constexpr HopperTile tile{Pass,     Rows, Columns, Consumers, Stages, BlocksPerMultiprocessor,
                                   Outgoing, Taps, Windows};
  static constexpr HopperPass pass = Pass;
  static constexpr int rows = Rows, columns = Columns, consumers = Consumers, stages = Stages;
  static constexpr int taps = Taps, windows = Windows, outgoing = Outgoing;
  static constexpr int blocks_per_multiprocessor = BlocksPerMultiprocessor;
  static constexpr int threads = tile.threads();
  static constexpr int rows_per_consumer = tile.rows_per_consumer();
  static constexpr int row_blocks = tile.row_blocks();
  static constexpr int a_rows = tile.a_rows(), b_rows = tile.b_rows();
  static constexpr int outgoing_blocks = tile.outgoing_blocks();
  static constexpr int shared_bytes = tile.shared_bytes();
  static constexpr int producer_registers = tile.producer_registers();
  static constexpr int consumer_registers = tile.consumer_registers();
};

/// Entry I of a table as a type.
template <const auto& Table, std::size_t I>
using HopperTileAt =
    HopperTileType<Table[I].pass, Table[I].rows, Table[I].columns, Table[I].consumers, Table[I].stages,
                   Table[I].blocks_per_multiprocessor, Table[I].outgoing, Table[I].taps, Table[I].windows>;

template <std::size_t Count>
[[nodiscard]] constexpr bool all_fit(const HopperTile (&tiles)[Count]) {
  for (const HopperTile& tile : tiles)
    if (!tile.fits()) return false;
  return true;
}
static_assert(all_fit(hopper_pixel_tiles) && all_fit(hopper_filter_tiles));

}  // namespace fusiform::kernels
