#pragma once
/// What a block of a product computes, and what becomes of the sums.

#include <fusiform/core/scalar.hpp>

#include "arch/target.cuh"

namespace fusiform::kernels {

/// How a pass is cut: blockIdx.x goes through the tiles of one part after the other, columns first; blockIdx.y through
/// ranges of terms.
struct GemmWork {
  Index tiles, column_tiles;
  Index terms_per_range;
  Index range_elements;  ///< from the results of one range to those of the next
  bool aligned_results;  ///< whether all lines of the result begin at multiples of 16 bytes
};

/// What happens to a sum before it is written.
struct GemmEpilogue {
  const float* bias = nullptr;  ///< one a column
  bool relu = false;

  __device__ float operator()(float sum, Index column) const {
    if (bias != nullptr) sum += bias[column];
    return !relu || sum > 0 || sum != sum ? sum : 0.0f;  // NaN stays NaN
  }
};

/// A block's share of a part: where its tile begins, and its terms, in steps of Tile::terms.
struct GemmBlock {
  Index first_line, first_column, first_term;
  Index results;  ///< elements from the results of range 0 to those of this one
  int steps;
};

template <class Tile>
__device__ inline GemmBlock block_of(const GemmWork& work, Index part_terms) {
  const Index tile = blockIdx.x % work.tiles, first_term = Index(blockIdx.y) * work.terms_per_range;
  const Index terms = part_terms - first_term < work.terms_per_range ? part_terms - first_term : work.terms_per_range;
  return {tile / work.column_tiles * Tile::lines, tile % work.column_tiles * Tile::columns, first_term,
          Index(blockIdx.y) * work.range_elements, int((terms + Tile::terms - 1) / Tile::terms)};
}

}  // namespace fusiform::kernels
