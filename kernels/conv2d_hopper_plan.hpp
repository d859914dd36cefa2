#pragma once
/// Which tile, and into how many ranges of pixels, a Hopper convolution is cut: a cost model of the time one
/// multiprocessor is busy, with constants measured once. The choice depends on the shapes and on the number of
/// multiprocessors only, so that a run can be repeated.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>

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
  int column_step;   ///< from one result to the next in the image that is read
  int products = 1;  ///< of the planes of both factors
  int places = 1;    ///< rows of a tile that make one result: 4 where results are maxima of windows

  [[nodiscard]] constexpr bool takes(const HopperTile& tile) const {
    return tile.taps == 1 || (tile.taps == tap_columns && column_step == 1 && places == 1);
  }
  [[nodiscard]] constexpr std::int64_t grid_rows(const HopperTile& tile) const {
    return lines * (width + tile.taps - 1) * places;
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

/// Microseconds for `items` of `stages` stages each, on the average. Blocks that share a multiprocessor share its rate;
/// one that has it to itself at the end is not twice as fast.
[[nodiscard]] constexpr double item_microseconds(const HopperTile& tile, const HopperCost& cost, std::int64_t items,
                                                 double stages, int multiprocessors) {
  const int blocks = tile.blocks_per_multiprocessor;
  const std::int64_t slots = std::int64_t(multiprocessors) * blocks, rest = items % slots;
  const double last = rest == 0 ? 0.0 : rest > multiprocessors ? blocks : blocks > 1 ? 1.3 : 1.0;
  return (double(items / slots) * blocks + last) * (stages * cost.stage + cost.around);
}

/// Plan of passes over pixels that are launched together.
[[nodiscard]] constexpr HopperPlan plan_pixels(std::span<const PixelProduct> passes, int multiprocessors) {
  HopperPlan best{-1, 1, 0.0};
  for (int i = 0; i < int(std::size(hopper_pixel_tiles)); ++i) {
    const HopperTile& tile = hopper_pixel_tiles[i];
    std::int64_t items = 0, stages = 0;
    bool taken = true;
    for (const PixelProduct& p : passes) {
      taken = taken && p.takes(tile);
      const std::int64_t tiles = pieces(p.grid_rows(tile), tile.rows) * pieces(p.channels, tile.columns);
      items += tiles;
      stages += tiles * p.products * p.tap_rows * p.tap_columns * pieces(p.terms, 64);
    }
    if (!taken) continue;
    const double time =
        item_microseconds(tile, hopper_pixel_costs[i], items, double(stages) / double(items), multiprocessors);
    if (best.tile < 0 || time < best.microseconds) best = {i, 1, time};
  }
  return best;
}
[[nodiscard]] constexpr HopperPlan plan_pixels(const PixelProduct& pass, int multiprocessors) {
  return plan_pixels(std::span<const PixelProduct>(&pass, 1), multiprocessors);
}

/// Whether a forward pass can end with maxima of windows: im2col steps are at most 8, and a window is two strides wide.
[[nodiscard]] constexpr bool can_pool(const Conv2dProblem& p) {
  return p.stride <= 4 && p.out_height() >= 2 && p.out_width() >= 2;
}

[[nodiscard]] constexpr PixelProduct pooled_product(const Conv2dProblem& p) {
  PixelProduct product = forward_product(p);
  product.lines = std::int64_t(p.images) * (p.out_height() / 2);
  product.width = p.out_width() / 2;
  product.column_step = 2 * p.stride;
  product.places = 4;
  return product;
}

/// Whether a forward pass that ends with maxima is expected to take no longer as one kernel than as two, with results
/// of `bytes` bytes and factors of so many products of planes. The second kernel reads what lies between and writes
/// maxima and positions, at 2.5 TB/s, after a launch.
[[nodiscard]] constexpr bool pools_at_once(const Conv2dProblem& p, int multiprocessors, int bytes, int products = 1) {
  if (!can_pool(p)) return false;
  PixelProduct at_once = pooled_product(p), first = forward_product(p);
  at_once.products = first.products = products;
  const double results = double(at_once.lines) * at_once.width * p.out_channels;
  const double second = 3 + (double(p.out_pixels()) * p.out_channels * bytes + results * (bytes + 4)) / 2.5e6;
  return plan_pixels(at_once, multiprocessors).microseconds <=
         plan_pixels(first, multiprocessors).microseconds + second;
}

/// Column tiles and blocks of 64 pixels of the pass over filters.
[[nodiscard]] constexpr std::int64_t filter_column_tiles(const Conv2dProblem& p, const HopperTile& tile) {
  return pieces(p.taps() * pieces(p.in_channels, 64), tile.columns / 64);
}
[[nodiscard]] constexpr std::int64_t filter_pixel_blocks(const Conv2dProblem& p, const HopperTile& tile) {
  return pieces(std::int64_t(p.images) * p.out_height() * (p.out_width() + tile.taps - 1), 64);
}

/// Blocks of 64 pixels in a range where factors have two planes. The tensor cores cut every 16 products that they add
/// to a sum off, about 2e-8 of the sum each (measured on an H100): 1e-5 in a range.
inline constexpr std::int64_t most_split_blocks = 128;

/// Plan of the filter gradient, with the given tile if it is not -1 and can be used. More ranges fill the last wave
/// better and cost a float a filter weight each, written and read again.
[[nodiscard]] constexpr HopperPlan plan_filters(const Conv2dProblem& p, int multiprocessors, int tile_wanted = -1,
                                                int products = 1) {
  HopperPlan best{-1, 1, 0.0};
  const double weights = double(p.out_channels) * p.taps() * p.in_channels;
  for (int i = 0; i < int(std::size(hopper_filter_tiles)); ++i) {
    const HopperTile& tile = hopper_filter_tiles[i];
    const bool other_wanted = tile_wanted >= 0 && tile_wanted != i && filters_take(p, hopper_filter_tiles[tile_wanted]);
    if (other_wanted || !filters_take(p, tile)) continue;
    const std::int64_t blocks = filter_pixel_blocks(p, tile);
    const std::int64_t tiles = pieces(p.out_channels, tile.rows) * filter_column_tiles(p, tile);
    const std::int64_t fewest = products > 1 ? pieces(blocks, most_split_blocks) : 1;
    for (std::int64_t splits = fewest; splits <= std::max(std::min<std::int64_t>(blocks, 64), fewest); ++splits) {
      // Two more passes over the parts, at 2.5 TB/s, and a launch.
      const double parts = splits == 1 ? 0.0 : 3 + weights * 4 * 2 * double(splits) / 2.5e6;
      const double time = parts + item_microseconds(tile, hopper_filter_costs[i], tiles * splits,
                                                    double(products * pieces(blocks, splits)), multiprocessors);
      if (best.tile < 0 || time < best.microseconds) best = {i, int(splits), time};
    }
  }
  return best;
}

}  // namespace fusiform::kernels
