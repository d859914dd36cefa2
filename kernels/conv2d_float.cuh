#pragma once
/// Convolutions and linear layers in float on any GPU ("exact_fp32"): the choice of the tile, and launches.

#include <tuple>

#include <fusiform/core/storage.hpp>

#include "implicit_gemm_plan.hpp"
#include "implicit_gemm_ranges.cuh"

namespace fusiform::kernels {

/// Large tiles for large products; few lines are few images of a linear layer, which is bound by reading its weights.
using FloatTiles = std::tuple<FloatTile<128, 128, 8, 8, 8, 4, 2>, FloatTile<128, 64, 8, 8, 8, 4, 3>,
                              FloatTile<64, 64, 8, 8, 8, 4, 6>, FloatTile<8, 128, 16, 8, 2, 1, 7>>;
inline constexpr std::array<GemmTileCost, 4> float_tile_costs{
    {{128, 128, 1.0, 1.5, true}, {128, 64, 0.92, 3}, {64, 64, 0.8, 6}, {8, 128, 0.35, 8, true}}};

/// How a product in float is computed.
struct FloatRun {
  GemmRanges ranges;
  GemmEpilogue epilogue{};
  bool aligned;          ///< whether rows of both operands begin at multiples of 16 bytes
  bool aligned_results;  ///< the same of the result
  std::string what;      ///< the operation and its shapes
  int tile = -1;         ///< of FloatTiles; -1: the cheapest
};

[[nodiscard]] inline bool begins_aligned(const void* data, Index row) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && row % 4 == 0;
}

namespace detail {

template <class Tile, int V, class Pass>
void launch_float_tile(const Pass& pass, const GemmWork& work, const FloatRun& run, const GemmEpilogue& epilogue) {
  launch(implicit_gemm_float<Tile, V, Pass>,
         {.grid = {unsigned(work.tiles * pass.parts), unsigned(run.ranges.count), 1},
          .block = {unsigned(Tile::threads), 1, 1},
          .shared_bytes = sizeof(FloatTileMemory<Tile>),
          .stream = current_stream(),
          .what = run.what},
         pass, work, epilogue);
}

/// The products of one pass, without what follows a split.
template <class Pass>
void launch_float_product(const Pass& pass, Index range_elements, const FloatRun& run, const GemmEpilogue& epilogue) {
  const GemmExtent extent{pass.lines, pass.columns, pass.terms, pass.parts};
  const int chosen =
      run.tile >= 0 ? run.tile
                    : cheapest_tile(float_tile_costs, extent, run.ranges.count, run.aligned, multiprocessor_count());
  const auto with_tile = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
    using Tile = std::tuple_element_t<I, FloatTiles>;
    const Index column_tiles = tiles_of(pass.columns, Tile::columns);
    const GemmWork work{tiles_of(pass.lines, Tile::lines) * column_tiles, column_tiles, run.ranges.terms,
                        range_elements, run.aligned_results};
    if (run.aligned) return launch_float_tile<Tile, 4>(pass, work, run, epilogue);
    if constexpr (!float_tile_costs[I].needs_alignment) launch_float_tile<Tile, 1>(pass, work, run, epilogue);
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((chosen == int(I) ? with_tile(std::integral_constant<std::size_t, I>{}) : void()), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<FloatTiles>>{});
}

}  // namespace detail

/// Computes a pass whose result is `result`, of pass.lines x pass.columns elements if it is split.
template <class Pass>
void run_float_product(Pass pass, float* result, const FloatRun& run) {
  if (pass.lines == 0 || pass.columns == 0) return;
  if constexpr (requires { pass.result; }) {
    if (run.ranges.count > 1) {
      const Index count = pass.lines * pass.columns;
      const Storage<float, Cuda> parts(run.ranges.count * count);
      pass.result.data = parts.data();
      FloatRun split = run;
      split.aligned_results = pass.columns % 4 == 0;
      detail::launch_float_product(pass, count, split, {});
      if (run.epilogue.bias == nullptr && !run.epilogue.relu)
        return sum_parts(parts.data(), run.ranges.count, count, result, run.what);
      return launch(finish_sums_kernel<>, over_elements(count, run.what, 1), parts.data(), int(run.ranges.count), count,
                    pass.columns, run.epilogue, result);
    }
  }
  detail::launch_float_product(pass, 0, run, run.epilogue);
}

}  // namespace fusiform::kernels
