#pragma once
/// Which tile, and into how many ranges of pixels, a Hopper convolution is cut: a cost model of the time one
/// multiprocessor is busy, with constants measured once. The choice depends on the shapes and on the number of
/// multiprocessors only, so that a run can be repeated.

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "conv2d_hopper_tile.hpp"
#include "conv2d_problem.hpp"

namespace fusiform::kernels {

struct HopperPlan {
  int tile;             ///< index into the table of the pass
  int splits;           ///< ranges of pixels, 1 in the passes over pixels
  double microseconds;  ///< expected, on an H100
};

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

/// Microseconds on an H100: of one stage of a tile on one multiprocessor, and of what surrounds the stages of an item
/// (the first copies, the results). Least squares over the 3x3 layers of VGG16 at batch 64, 9 to 72 stages an item
/// (`bench/gpu.sh run`, 2026-11-27; the model is within 10 % of most). Only their proportions matter.
struct HopperCost {
  double stage, around;
};
inline constexpr HopperCost hopper_pixel_costs[] = {
    {0.660, 3.0}, {0.425, 0.9}, {0.327, 0.1}, {0.515, 2.2}, {0.262, 1.4}};
inline constexpr HopperCost hopper_filter_costs[] = {
    {0.509, 0.2}, {0.376, 0.2}, {0.983, 0.2}, {0.459, 0.2}, {0.236, 0.8}};
static_assert(std::size(hopper_pixel_costs) == std::size(hopper_pixel_tiles));
static_assert(std::size(hopper_filter_costs) == std::size(hopper_filter_tiles));

/// Microseconds for `items` of `stages` stages each. Blocks that share a multiprocessor share its rate; one that has it
/// to itself at the end is not twice as fast.
[[nodiscard]] constexpr double item_microseconds(const HopperTile& tile, const HopperCost& cost, std::int64_t items,
                                                 std::int64_t stages, int multiprocessors) {
  const int blocks = tile.blocks_per_multiprocessor;
  const std::int64_t slots = std::int64_t(multiprocessors) * blocks, rest = items % slots;
  const double last = rest == 0 ? 0.0 : rest > multiprocessors ? blocks : blocks > 1 ? 1.3 : 1.0;
  return (double(items / slots) * blocks + last) * (double(stages) * cost.stage + cost.around);
}

[[nodiscard]] constexpr HopperPlan plan_pixels(const PixelProduct& p, int multiprocessors) {
  HopperPlan best{-1, 1, 0.0};
  for (int i = 0; i < int(std::size(hopper_pixel_tiles)); ++i) {
    const HopperTile& tile = hopper_pixel_tiles[i];
    if (!p.takes(tile)) continue;
    const std::int64_t items = pieces(p.grid_pixels(tile), tile.rows) * pieces(p.channels, tile.columns);
    const std::int64_t stages = std::int64_t(p.tap_rows) * p.tap_columns * pieces(p.terms, 64);
    const double time = item_microseconds(tile, hopper_pixel_costs[i], items, stages, multiprocessors);
    if (best.tile < 0 || time < best.microseconds) best = {i, 1, time};
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
      // Two more passes over the parts, at 2.5 TB/s, and a launch.
      const double parts = splits == 1 ? 0.0 : 3 + weights * 4 * 2 * splits / 2.5e6;
      const double time = parts + item_microseconds(tile, hopper_filter_costs[i], tiles * splits,
                                                    pieces(blocks, splits), multiprocessors);
      if (best.tile < 0 || time < best.microseconds) best = {i, splits, time};
    }
  }
  return best;
}

}  // namespace fusiform::kernels
