#pragma once
/// The middle and the last step of Winograd's convolution: the products of transformed tiles and filters at every
/// position, summed over the channels, and their transform back to pixels.

#include <algorithm>
#include <type_traits>

#include <fusiform/core/scratch.hpp>
#include <fusiform/ops/cpu/stream_store.hpp>
#include <fusiform/ops/cpu/winograd_filters.hpp>
#include <fusiform/ops/cpu/winograd_tiles.hpp>

namespace fusiform::kernels {

/// Where results go: (images, height, width, channels) with the sizes of the grid.
template <Scalar T, int tile>
struct WinogradTarget {
  T* data;
  TileGrid<tile> grid;
  Index channels;
  const T* bias;  ///< added to every pixel; may be nullptr
  bool relu;      ///< then the larger of the sum and 0
};

/// The rows of a product, one per tile: blocks of equal height, the last filled up with rows that nobody reads.
struct WinogradRows {
  explicit WinogradRows(Index count) {
    // A block costs its rows and about one more.
    for (Index rows = tile_rows; rows >= 2; rows -= 2) {
      const Index blocks = divide_up(count, rows);
      if (padded != 0 && blocks * (rows + 1) >= padded / height * (height + 1)) continue;
      height = rows;
      padded = blocks * rows;
    }
  }
  Index height = 0;
  Index padded = 0;
};

/// The register tile of `height` rows, even and at most tile_rows.
template <Scalar T>
void winograd_micro_kernel(Index height, Index depth, const T* a, const T* b, const TileTarget<T>& target) {
  const auto rows = [&]<int count>(std::integral_constant<int, count>) {
    micro_kernel<T, RowsOfA<T>, count, 2>(depth, a, b, target);
  };
  switch (height) {
    case 2:
      return rows(std::integral_constant<int, 2>{});
    case 4:
      return rows(std::integral_constant<int, 4>{});
    case 6:
      return rows(std::integral_constant<int, 6>{});
  }
  if constexpr (tile_rows == 14) {
    switch (height) {
      case 8:
        return rows(std::integral_constant<int, 8>{});
      case 10:
        return rows(std::integral_constant<int, 10>{});
      case 12:
        return rows(std::integral_constant<int, 12>{});
      case 14:
        return rows(std::integral_constant<int, 14>{});
    }
  }
}

/// The products of one block of tiles and outputs: element (position, tile, output) is
/// data[position * stride + tile * row + output].
template <Scalar T>
struct WinogradProducts {
  T* data;
  Index stride;
  Index row;
};

/// One cache line of outputs for every pixel of a tile.
template <Scalar T, int tile>
using PixelLines = simd::Vector<T>[tile][tile][64 / sizeof(simd::Vector<T>)];

/// Adds the bias to the pixels of one tile that exist and writes `width` outputs of each, at most a cache line. With
/// `stream`, whole lines pass the caches by.
template <Scalar T, int tile>
FUSIFORM_INLINE void store_pixels(const PixelLines<T, tile>& pixels, const WinogradTarget<T, tile>& y,
                                  const GridPosition& position, Index o, Index width, bool stream) {
  constexpr Index lanes = simd::lanes<T>;
  constexpr Index vectors = 64 / sizeof(simd::Vector<T>);
  const Index row = position.row() * tile;
  const Index column = position.column() * tile;
  const Index rows = std::min<Index>(tile, y.grid.height - row);
  const Index columns = std::min<Index>(tile, y.grid.width - column);
  simd::Vector<T> bias[vectors] = {};
  if (y.bias != nullptr)
    for (Index v = 0; v < vectors; ++v) bias[v] = simd::load_up_to(y.bias + o + v * lanes, width - v * lanes);
  for (Index i = 0; i < rows; ++i) {
    T* to = y.data + ((position.image() * y.grid.height + row + i) * y.grid.width + column) * y.channels + o;
    for (Index j = 0; j < columns; ++j, to += y.channels) {
      for (Index v = 0; v < vectors; ++v) {
        simd::Vector<T> value = pixels[i][j][v] + bias[v];
        if (y.relu) value = simd::relu<T>(value);
        if (stream) {
          stream_store(to + v * lanes, value);
        } else {
          simd::store_up_to(to + v * lanes, value, width - v * lanes);
        }
      }
    }
  }
}

/// Transforms `count` tiles from `first` on back and writes outputs o to o + width - 1 of the pixels that exist.
template <Scalar T, int tile>
void store_winograd_products(const WinogradProducts<T>& products, Index first, Index count, Index o, Index width,
                             const WinogradTarget<T, tile>& y) {
  constexpr Index lanes = simd::lanes<T>;
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  const Index size = y.grid.images * y.grid.height * y.grid.width * y.channels;
  const bool stream = width % line == 0 && worth_streaming(y.data, size, y.channels);
  GridPosition position = tile_position(y.grid, first);
  for (Index t = 0; t < count; ++t, position.advance()) {
    for (Index j = 0; j < width; j += line) {
      PixelLines<T, tile> pixels;
      for (Index v = 0; v < line / lanes; ++v) {
        const T* from = products.data + t * products.row + j + v * lanes;
        transform_square<typename WinogradTransform<tile>::Output, T>(
            [&](auto row, Index column) __attribute__((always_inline)) {
              return simd::load(from + (row * (tile + 2) + column) * products.stride);
            },
            [&](Index row, auto column, simd::Vector<T> value)
                __attribute__((always_inline)) { pixels[row][column][v] = value; });
      }
      store_pixels<T, tile>(pixels, y, position, o + j, std::min(line, width - j), stream);
    }
  }
  if (stream) stream_fence();
}

/// Asks for the rows of the next register tile: they are read number by number, which the hardware does not foresee.
template <Scalar T>
FUSIFORM_INLINE void prefetch(const T* rows, Index count, Index depth) noexcept {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  for (Index i = 0; i < count; ++i)
    for (Index k = 0; k < depth; k += line) __builtin_prefetch(rows + i * block_stride<T> + k, 0, 2);
}

/// Tiles first to first + count - 1, which are `tiles` transformed, times the filters of outputs o to o + width - 1.
template <Scalar T, int tile>
void winograd_products(const TransformedTiles<T>& tiles, Index depth, const WinogradRows& rows,
                       const WinogradFilters<T, tile>& filters, Index first, Index count, Index o, Index width,
                       const WinogradTarget<T, tile>& y) {
  struct ProductsScratch {};
  struct RowsScratch {};
  constexpr Index positions = winograd_positions<tile>;
  const Index row = round_up(width, panel_width<T>);
  const Index stride = position_stride<T>(rows.padded * row);
  const WinogradProducts<T> products{scratch<ProductsScratch, T>(positions * stride), stride, row};
  T** row_starts = scratch<RowsScratch, T*>(rows.padded);
  for (Index i = 0; i < rows.padded; ++i) row_starts[i] = products.data + i * row;
  for (Index p = 0; p < positions; ++p) {
    for (Index k = 0; k < depth; k += block_depth<T>) {
      const Index slice_depth = std::min(block_depth<T>, depth - k);
      for (Index i = 0; i < count; i += rows.height) {
        if (i + rows.height < count)
          prefetch(tiles.at(i + rows.height, k) + p * tiles.stride, rows.height, slice_depth);
        for (Index j = 0; j < row; j += panel_width<T>) {
          const TileTarget<T> target{row_starts + i, p * stride + j, panel_width<T>, k > 0, nullptr};
          winograd_micro_kernel<T>(rows.height, slice_depth, tiles.at(i, k) + p * tiles.stride,
                                   filters.panel(p, k, o + j), target);
        }
      }
    }
  }
  store_winograd_products(products, first, count, o, width, y);
}

}  // namespace fusiform::kernels
