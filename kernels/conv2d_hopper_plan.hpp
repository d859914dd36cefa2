#pragma once
/// Which tile, and into how many ranges of pixels, a Hopper convolution is cut: a cost model of the time one
/// multiprocessor is busy. The choice depends on the shapes and on the number of multiprocessors, never on a
/// measurement, so that a run can be repeated.

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "conv2d_hopper_tile.hpp"

namespace fusiform::kernels {

/// A convolution of images (N, H, W, C) with filters (out, kernel_h, kernel_w, in).
struct Conv2dProblem {
  int images, height, width, in_channels, out_channels, kernel_h, kernel_w;
  int stride = 1, padding = 0;

  [[nodiscard]] constexpr int out_height() const { return (height + 2 * padding - kernel_h) / stride + 1; }
  [[nodiscard]] constexpr int out_width() const { return (width + 2 * padding - kernel_w) / stride + 1; }
  [[nodiscard]] constexpr int taps() const { return kernel_h * kernel_w; }
  [[nodiscard]] constexpr std::int64_t out_pixels() const { return std::int64_t(images) * out_height() * out_width(); }
  /// Multiplications and additions of one pass.
  [[nodiscard]] constexpr double operations() const {
    return 2.0 * double(out_pixels()) * out_channels * in_channels * taps();
  }
};

struct HopperPlan {
  int tile;    ///< index into the table of the pass
  int splits;  ///< ranges of pixels, 1 in the passes over pixels
  double clocks;
};

[[nodiscard]] constexpr std::int64_t pieces(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

/// A product of pixels and filters, as the passes over pixels see it.
struct PixelProduct {
  std::int64_t lines;  ///< of results, of all images
  int width;           ///< results in a line
  int channels, terms;
  int tap_rows, tap_columns;
  int column_step;  ///< from one result to the next in the image that is read

  [[nodiscard]] constexpr bool takes(const HopperTile& tile) const {
    return tile.taps == 1 || (tile.taps == tap_columns && column_step == 1);
  }
  [[nodiscard]] constexpr std::int64_t grid_pixels(const HopperTile& tile) const {
    return lines * (width + tile.taps - 1);
  }
};

[[nodiscard]] constexpr PixelProduct forward_product(const Conv2dProblem& p) {
  return {std::int64_t(p.images) * p.out_height(),
          p.out_width(),
          p.out_channels,
          p.in_channels,
          p.kernel_h,
          p.kernel_w,
          p.stride};
}

/// Whether the pass over filters of a problem can use a tile.
[[nodiscard]] constexpr bool filters_take(const Conv2dProblem& p, const HopperTile& tile) {
  return tile.taps == 1 || (tile.taps == p.kernel_w && p.stride == 1);
}

/// Clocks of one multiprocessor for one stage of a tile: the slowest of the tensor cores (2048 multiply-adds of bf16 a
/// clock), of shared memory (128 bytes a clock; every product of 64 rows reads its rows and all columns, and the copies
/// are written once), and of the second-level cache (about 48 bytes a clock and multiprocessor).
[[nodiscard]] constexpr double stage_clocks(const HopperTile& tile) {
  const double bytes = 128.0 * (double(tile.a_rows()) / (tile.windows > 0 ? tile.taps : 1) + tile.b_rows());
  const double tensor = tile.rows * tile.columns / 32.0;
  const double shared = tile.rows / 64.0 * (64 + tile.columns) + bytes / 128.0;
  const double copies = bytes / 48.0;
  return std::max({tensor, shared, copies});
}

/// Clocks for `items` of `stages` stages each, and `extra` clocks around them, on `multiprocessors`. Blocks that share
/// a multiprocessor share its rates, but one hides what surrounds the stages of the other.
[[nodiscard]] constexpr double item_clocks(const HopperTile& tile, std::int64_t items, std::int64_t stages,
                                           double extra, int multiprocessors) {
  const int blocks = tile.blocks_per_multiprocessor;
  const std::int64_t slots = std::int64_t(multiprocessors) * blocks, full = items / slots, rest = items % slots;
  const double alone = double(stages) * stage_clocks(tile), hidden = blocks > 1 ? 0.25 : 1.0;
  // A last, partial wave of at most one block a multiprocessor has the multiprocessor to itself.
  const double last = rest == 0 ? 0.0 : rest > multiprocessors ? blocks * alone : alone * (blocks > 1 ? 1.3 : 1.0);
  return double(full) * (blocks * alone + blocks * extra * hidden) + last + (rest ? extra : 0.0);
}

[[nodiscard]] constexpr HopperPlan plan_pixels(const PixelProduct& p, int multiprocessors) {
  HopperPlan best{-1, 1, 0.0};
  for (int i = 0; i < int(std::size(hopper_pixel_tiles)); ++i) {
    const HopperTile& tile = hopper_pixel_tiles[i];
    if (!p.takes(tile)) continue;
    const std::int64_t items = pieces(p.grid_pixels(tile), tile.rows) * pieces(p.channels, tile.columns);
    const std::int64_t stages = std::int64_t(p.tap_rows) * p.tap_columns * pieces(p.terms, 64);
    const double store = tile.rows * tile.columns / 8.0;
    const double clocks = item_clocks(tile, items, stages, 600 + store, multiprocessors);
    if (best.tile < 0 || clocks < best.clocks) best = {i, 1, clocks};
  }
  return best;
}

/// Column tiles and blocks of 64 pixels of the pass over filters.
[[nodiscard]] constexpr std::int64_t filter_column_tiles(const Conv2dProblem& p, const HopperTile& tile) {
  return pieces(p.taps() * pieces(p.in_channels, 64), tile.columns / 64);
}
[[nodiscard]] constexpr std::int64_t filter_pixel_blocks(const Conv2dProblem& p, const HopperTile& tile) {
  return pieces(std::int64_t(p.images) * p.out_height() * (p.out_width() + tile.taps - 1), 64);
}

/// Plan of the filter gradient, with the given tile if it is not -1 and can be used. More ranges fill the last wave
/// better and cost a float a filter weight each, written and read again.
[[nodiscard]] constexpr HopperPlan plan_filters(const Conv2dProblem& p, int multiprocessors, int tile_wanted = -1) {
  HopperPlan best{-1, 1, 0.0};
  const double weights = double(p.out_channels) * p.taps() * p.in_channels;
  for (int i = 0; i < int(std::size(hopper_filter_tiles)); ++i) {
    const HopperTile& tile = hopper_filter_tiles[i];
    const bool other_wanted = tile_wanted >= 0 && tile_wanted != i && filters_take(p, hopper_filter_tiles[tile_wanted]);
    if (other_wanted || !filters_take(p, tile)) continue;
    const std::int64_t blocks = filter_pixel_blocks(p, tile);
    const std::int64_t tiles = pieces(p.out_channels, tile.rows) * filter_column_tiles(p, tile);
    for (int splits = 1; splits <= std::min<std::int64_t>(blocks, 64); ++splits) {
      const double store = tile.rows * tile.columns / 8.0;
      const double parts = splits == 1 ? 0.0 : 4000 + weights * 4 * (splits + 1) / (16.0 * multiprocessors);
      const double clocks =
          item_clocks(tile, tiles * splits, pieces(blocks, splits), 1000 + store, multiprocessors) + parts;
      if (best.tile < 0 || clocks < best.clocks) best = {i, splits, clocks};
    }
  }
  return best;
}

}  // namespace fusiform::kernels
