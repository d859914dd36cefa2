#pragma once
/// The tiles of products by mma.sync.

#include "implicit_gemm_conv2d.cuh"
#include "implicit_gemm_mma.cuh"

namespace fusiform::kernels {

struct MmaTiles {
  using Tiles = std::tuple<MmaTile<128, 128, 64, 32>, MmaTile<64, 64, 32, 32>>;
  static constexpr std::array<GemmTileCost, 2> costs{{{128, 128, 1.0, 1, true}, {64, 64, 0.6, 3}}};

  template <class Tile, int V, class Pass>
  static constexpr auto kernel() {
    return implicit_gemm_mma<Tile, V, Pass>;
  }
  template <class Tile, class Pass>
  static constexpr std::size_t bytes = sizeof(MmaMemory<Tile, Pass>);
};

/// For factors of type T, `vector` of which are read at once.
template <class T>
struct MmaEngine : MmaTiles {
  static constexpr int vector = 16 / int(sizeof(T));
};

/// Throws ConfigError for GPUs without these instructions.
inline void require_mma(const char* what, DeviceCode code) {
  if (code < DeviceCode::ampere)
    throw ConfigError(text(what, ": expected a GPU of compute capability 8.0 or later, got an older one"));
}

}  // namespace fusiform::kernels
