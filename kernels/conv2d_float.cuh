#pragma once
/// Convolutions and linear layers in float on any GPU ("exact_fp32"): the tiles.

#include "implicit_gemm_float.cuh"
#include "implicit_gemm_launch.cuh"

namespace fusiform::kernels {

/// Large tiles for large products; few lines are few images of a linear layer, which is bound by reading its weights.
struct FloatEngine {
  using Tiles = std::tuple<FloatTile<128, 128, 8, 8, 8, 4, 2>, FloatTile<128, 64, 8, 8, 8, 4, 3>,
                           FloatTile<64, 64, 8, 8, 8, 4, 5>, FloatTile<8, 128, 16, 8, 2, 1, 7>>;
  static constexpr std::array<GemmTileCost, 4> costs{
      {{128, 128, 1.0, 1.2, true}, {128, 64, 0.92, 1.6}, {64, 64, 0.8, 2.7}, {8, 128, 0.35, 5, true}}};
  static constexpr int vector = 4;

  template <class Tile, int V, class Pass>
  static constexpr auto kernel() {
    return implicit_gemm_float<Tile, V, Pass>;
  }
  template <class Tile, class Pass>
  static constexpr std::size_t bytes = sizeof(FloatTileMemory<Tile>);
};

}  // namespace fusiform::kernels
