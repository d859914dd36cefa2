#pragma once
/// Tiles of a (rows, channels) matrix, for sums over rows: every tile adds its rows in double on its own, and the
/// partial sums are combined in the order of the tiles.

#include <algorithm>
#include <array>
#include <vector>

#include <fusiform/core/parallel.hpp>

namespace fusiform::kernels {

inline constexpr Index tile_channels = 64;

/// One sum per channel of a tile. On the stack: 512 bytes.
using TileSums = std::array<double, static_cast<std::size_t>(tile_channels)>;

struct ColumnTiles {
  Index rows = 0;
  Index channels = 0;
  Index tile_rows = 1;  ///< so that a tile (about 2^14 elements) stays in the second-level cache

  ColumnTiles(Index row_count, Index channel_count)
      : rows(row_count),
        channels(channel_count),
        tile_rows(std::max<Index>(1, (Index{1} << 14U) / std::max<Index>(1, std::min(channel_count, tile_channels)))) {}

  [[nodiscard]] Index row_tiles() const noexcept { return (rows + tile_rows - 1) / tile_rows; }
  [[nodiscard]] Index channel_tiles() const noexcept { return (channels + tile_channels - 1) / tile_channels; }

  /// Calls body(row_tile, first_row, end_row, first_channel, channel_count) for every tile, in parallel.
  template <class Body>
  void for_each(const Body& body) const {
    parallel_for(row_tiles() * channel_tiles(), [&](Index tile) {
      const Index row_tile = tile / channel_tiles();
      const Index first_channel = tile % channel_tiles() * tile_channels;
      body(row_tile, row_tile * tile_rows, std::min(rows, (row_tile + 1) * tile_rows), first_channel,
           std::min(tile_channels, channels - first_channel));
    });
  }
};

}  // namespace fusiform::kernels
