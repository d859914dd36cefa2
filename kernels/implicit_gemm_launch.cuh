#pragma once
/// The choice of the tile, and launches. An Engine has a std::tuple `Tiles`, their `costs`, the elements `vector` that
/// are read at once where rows are aligned, and kernel<Tile, V, Pass>() with its shared memory bytes<Tile>.

#include <string>
#include <tuple>
#include <utility>

#include <fusiform/core/storage.hpp>

#include "implicit_gemm_plan.hpp"
#include "implicit_gemm_ranges.cuh"

namespace fusiform::kernels {

/// How a product is computed.
struct GemmRun {
  GemmRanges ranges;
  GemmEpilogue epilogue{};
  bool aligned;          ///< whether rows of both operands begin at multiples of 16 bytes
  bool aligned_results;  ///< the same of the result
  std::string what;      ///< the operation and its shapes
  int tile = -1;         ///< of the engine's; -1: the cheapest
};

template <class T>
[[nodiscard]] inline bool begins_aligned(const T* data, Index row) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && row * Index(sizeof(T)) % 16 == 0;
}

namespace detail {

template <class Engine, class Tile, int V, class Pass>
void launch_tile(const Pass& pass, const GemmWork& work, const GemmRun& run, const GemmEpilogue& epilogue) {
  launch(Engine::template kernel<Tile, V, Pass>(),
         {.grid = {unsigned(work.tiles * pass.parts), unsigned(run.ranges.count), 1},
          .block = {unsigned(Tile::threads), 1, 1},
          .shared_bytes = Engine::template bytes<Tile, Pass>,
          .stream = current_stream(),
          .what = run.what},
         pass, work, epilogue);
}

/// The products of one pass, without what follows a split.
template <class Engine, class Pass>
void launch_product(const Pass& pass, Index range_elements, const GemmRun& run, const GemmEpilogue& epilogue) {
  using Tiles = typename Engine::Tiles;
  const GemmExtent extent{pass.lines, pass.columns, pass.terms, pass.parts};
  const int chosen = run.tile >= 0
                         ? run.tile
                         : cheapest_tile(Engine::costs, extent, run.ranges.count, run.aligned, multiprocessor_count());
  const auto with_tile = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
    using Tile = std::tuple_element_t<I, Tiles>;
    const Index column_tiles = tiles_of(pass.columns, Tile::columns);
    const GemmWork work{tiles_of(pass.lines, Tile::lines) * column_tiles, column_tiles, run.ranges.terms,
                        range_elements, run.aligned_results};
    if (run.aligned) return launch_tile<Engine, Tile, Engine::vector>(pass, work, run, epilogue);
    if constexpr (!Engine::costs[I].needs_alignment) launch_tile<Engine, Tile, 1>(pass, work, run, epilogue);
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((chosen == int(I) ? with_tile(std::integral_constant<std::size_t, I>{}) : void()), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<Tiles>>{});
}

}  // namespace detail

/// Computes a pass. If its terms are split it is one Product with a result in float, of lines x columns elements.
template <class Engine, class Pass>
void run_product(Pass pass, const GemmRun& run) {
  if (pass.lines == 0 || pass.columns == 0) return;
  if constexpr (requires(float* data) { pass.result.data = data; }) {
    if (run.ranges.count > 1) {
      const Index count = pass.lines * pass.columns;
      const Storage<float, Cuda> parts(run.ranges.count * count);
      float* result = std::exchange(pass.result.data, parts.data());
      GemmRun split = run;
      split.aligned_results = pass.columns % 4 == 0;
      detail::launch_product<Engine>(pass, count, split, {});
      if (run.epilogue.bias == nullptr && !run.epilogue.relu)
        return sum_parts(parts.data(), run.ranges.count, count, result, run.what);
      return launch(finish_sums_kernel<>, over_elements(count, run.what, 1), parts.data(), int(run.ranges.count), count,
                    pass.columns, run.epilogue, result);
    }
  }
  detail::launch_product<Engine>(pass, 0, run, run.epilogue);
}

}  // namespace fusiform::kernels
