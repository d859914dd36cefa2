#pragma once
/// How products are cut among blocks. Ranges of terms change the order of a sum, so they depend on shapes only; tiles
/// do not, so the fastest one is taken.

#include <algorithm>
#include <array>
#include <cstddef>

#include <fusiform/core/scalar.hpp>

namespace fusiform::kernels {

struct GemmExtent {
  Index lines, columns, terms;
  Index parts = 1;  ///< products of this size
};

/// The terms of a sum in `count` ranges of `terms` terms (the last one: what is left), whose sums are added in order.
struct GemmRanges {
  Index count, terms;
};

[[nodiscard]] constexpr Index tiles_of(Index count, Index tile) { return (count + tile - 1) / tile; }

/// About `wanted` ranges, but none shorter than `shortest`; their lengths are multiples of the terms of any tile.
[[nodiscard]] constexpr GemmRanges divide_terms(Index terms, Index wanted, Index shortest) {
  constexpr Index granule = 64;
  const Index count = std::clamp<Index>(wanted, 1, std::max<Index>(terms / shortest, 1));
  const Index each = std::max<Index>(tiles_of(tiles_of(terms, count), granule), 1) * granule;
  return {std::max<Index>(tiles_of(terms, each), 1), each};
}

/// A linear layer's sums over its inputs: few images give few tiles, and all weights pass through the GPU.
[[nodiscard]] constexpr GemmRanges linear_ranges(Index terms, Index columns) {
  constexpr Index blocks = 512, tile = 128, shortest = 256;
  return divide_terms(terms, blocks / std::max<Index>(tiles_of(columns, tile), 1), shortest);
}

/// A filter gradient's sums over pixels: few tiles, many terms. A range costs a float a weight, written and read.
[[nodiscard]] constexpr GemmRanges weight_gradient_ranges(const GemmExtent& extent) {
  constexpr Index blocks = 1024, tile = 128, shortest = 1024, most_floats = Index{1} << 25;
  const Index tiles = std::max<Index>(tiles_of(extent.lines, tile) * tiles_of(extent.columns, tile), 1);
  const Index affordable = most_floats / std::max<Index>(extent.lines * extent.columns, 1);
  return divide_terms(extent.terms, std::min(blocks / tiles, affordable), shortest);
}

/// What a tile costs. Estimated from the warps and the instructions of a block, not measured.
struct GemmTileCost {
  Index lines, columns;
  double rate;         ///< multiply-adds in a time, relative to the best tile
  double full_blocks;  ///< what one block alone on a multiprocessor takes, in blocks at that rate
  bool needs_alignment = false;
};

/// The tile with the least time on the busiest multiprocessor.
template <std::size_t Count>
[[nodiscard]] constexpr int cheapest_tile(const std::array<GemmTileCost, Count>& tiles, const GemmExtent& extent,
                                          Index ranges, bool aligned, int multiprocessors) {
  int best = -1;
  double best_time = 0;
  for (std::size_t i = 0; i < Count; ++i) {
    const GemmTileCost& tile = tiles[i];
    if (tile.needs_alignment && !aligned) continue;
    const Index blocks =
        extent.parts * ranges * tiles_of(extent.lines, tile.lines) * tiles_of(extent.columns, tile.columns);
    const auto on_one = static_cast<double>(tiles_of(blocks, multiprocessors));
    const double time = std::max(on_one, tile.full_blocks) * static_cast<double>(tile.lines * tile.columns) / tile.rate;
    if (best < 0 || time < best_time) {
      best = static_cast<int>(i);
      best_time = time;
    }
  }
  return best;
}

}  // namespace fusiform::kernels
