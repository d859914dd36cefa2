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

/// Clocks of one multiprocessor for one step of a tile: the slowest of the tensor cores (2048 multiply-adds of bf16 a
/// clock), of shared memory (128 bytes a clock; every product of 64 rows reads its rows and all columns, and the copies
/// are written once), and of the second-level cache (about 48 bytes a clock and multiprocessor).
[[nodiscard]] constexpr double step_clocks(const HopperTile& tile) {
  const double tensor = tile.rows * tile.columns / 32.0;
  const double shared = tile.rows / 64.0 * (64 + tile.columns) + tile.stage_bytes() / 128.0;
  const double copies = tile.stage_bytes() / 48.0;
  return std::max({tensor, shared, copies});
}

/// Clocks for `items` of `steps` steps each, and `extra` clocks around them, on `multiprocessors`. Blocks that share a
/// multiprocessor share its rates, but one hides what surrounds the steps of the other.
[[nodiscard]] constexpr double item_clocks(const HopperTile& tile, std::int64_t items, std::int64_t steps, double extra,
                                           int multiprocessors) {
  const int blocks = tile.blocks_per_multiprocessor;
  const std::int64_t slots = std::int64_t(multiprocessors) * blocks, full = items / slots, rest = items % slots;
  const double alone = double(steps) * step_clocks(tile), hidden = blocks > 1 ? 0.25 : 1.0;
  // A last, partial wave of at most one block a multiprocessor has the multiprocessor to itself.
  const double last = rest == 0 ? 0.0 : rest > multiprocessors ? blocks * alone : alone * (blocks > 1 ? 1.3 : 1.0);
  return double(full) * (blocks * alone + blocks * extra * hidden) + last + (rest ? extra : 0.0);
}

/// Plan of a product of `pixels` x `channels` sums with `terms` channels at each of `taps` taps.
[[nodiscard]] constexpr HopperPlan plan_pixels(std::int64_t pixels, int channels, int terms, int taps,
                                               int multiprocessors) {
  HopperPlan best{-1, 1, 0.0};
  for (int i = 0; i < int(std::size(hopper_pixel_tiles)); ++i) {
    const HopperTile& tile = hopper_pixel_tiles[i];
    const std::int64_t items = pieces(pixels, tile.rows) * pieces(channels, tile.columns);
    const double store = tile.rows * tile.columns / 16.0;
    const double clocks = item_clocks(tile, items, taps * pieces(terms, 64), 600 + store, multiprocessors);
    if (best.tile < 0 || clocks < best.clocks) best = {i, 1, clocks};
  }
  return best;
}

/// Plan of the filter gradient. More ranges fill the last wave better and cost a float a filter weight each, written
/// and read again.
[[nodiscard]] constexpr HopperPlan plan_filters(const Conv2dProblem& p, int multiprocessors) {
  HopperPlan best{-1, 1, 0.0};
  const std::int64_t blocks = pieces(p.out_pixels(), 64);
  const double weights = double(p.out_channels) * p.taps() * p.in_channels;
  for (int i = 0; i < int(std::size(hopper_filter_tiles)); ++i) {
    const HopperTile& tile = hopper_filter_tiles[i];
    const std::int64_t tiles =
        pieces(p.out_channels, tile.rows) * pieces(p.taps() * pieces(p.in_channels, 64), tile.columns / 64);
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
