#pragma once
/// Cutting images into the tiles of Winograd's convolution, and transforming the tiles.

#include <algorithm>

#include <fusiform/ops/cpu/gemm.hpp>
#include <fusiform/ops/cpu/grid_position.hpp>
#include <fusiform/ops/cpu/winograd_transform.hpp>

namespace fusiform::kernels {

/// Tile (n, i, j) covers the output pixels from (i * tile, j * tile) on of image n; tiles at the lower and right border
/// may stick out. Tiles are numbered image by image, row by row.
template <int tile>
struct TileGrid {
  Index images, height, width;  ///< in output pixels

  [[nodiscard]] Index rows() const noexcept { return divide_up(height, tile); }
  [[nodiscard]] Index columns() const noexcept { return divide_up(width, tile); }
  [[nodiscard]] Index tiles() const noexcept { return images * rows() * columns(); }
};

/// The position of tile `number` in the grid of tiles.
template <int tile>
[[nodiscard]] GridPosition tile_position(const TileGrid<tile>& grid, Index number) noexcept {
  return {grid.rows(), grid.columns(), number};
}

/// Images whose tiles are transformed. The square of tile (n, i, j) starts `shift` pixels right and below of the tile's
/// first pixel (the padding counts negative); pixels outside of the image are 0.
template <Scalar T>
struct TiledImages {
  const T* data;  ///< (images, height, width, channels)
  Index height, width, channels;
  Index shift;
};

/// Transformed tiles. Channel c of tile t at product position p is data[p * stride + t * block_stride + c] for the
/// first block_depth channels; the next block_depth channels follow after `rows` tiles, and so on.
template <Scalar T>
struct TransformedTiles {
  T* data;
  Index rows;    ///< room for tiles
  Index stride;  ///< see position_stride

  [[nodiscard]] T* at(Index t, Index c) const noexcept {
    return data + (c / block_depth<T> * rows + t) * block_stride<T> + c % block_depth<T>;
  }
};

/// Elements of one product position of TransformedTiles.
template <Scalar T>
[[nodiscard]] constexpr Index transformed_tiles_stride(Index rows, Index channels) noexcept {
  return position_stride<T>(divide_up(channels, block_depth<T>) * rows * block_stride<T>);
}

/// Transforms channels first_channel to first_channel + channels - 1 of `count` tiles from `first` on.
template <class Transform, int tile, Scalar T>
void transform_tiles(const TiledImages<T>& images, const TileGrid<tile>& grid, Index first, Index count,
                     Index first_channel, Index channels, const TransformedTiles<T>& to) {
  constexpr Index size = Transform::from;
  constexpr Index lanes = simd::lanes<T>;
  const Index line = images.width * images.channels;
  GridPosition position = tile_position(grid, first);
  for (Index t = 0; t < count; ++t, position.advance()) {
    const Index top = position.row() * tile + images.shift;
    const Index left = position.column() * tile + images.shift;
    const Index first_row = std::max<Index>(0, -top);
    const Index end_row = std::min(size, images.height - top);
    const Index first_column = std::max<Index>(0, -left);
    const Index end_column = std::min(size, images.width - left);
    const bool inside = first_row == 0 && end_row == size && first_column == 0 && end_column == size;
    const T* image = images.data + position.image() * images.height * line + first_channel;
    for (Index c = 0; c < channels; c += lanes) {
      T* target = to.at(t, c);
      const Index lanes_left = channels - c;
      const auto store = [&](Index i, auto j, simd::Vector<T> value) __attribute__((always_inline)) {
        simd::store(target + (i * Transform::to + j) * to.stride, value);
      };
      if (inside && lanes_left >= lanes) {
        const T* corner = image + top * line + left * images.channels + c;
        // What the next tile adds. The hardware does not foresee steps of a pixel.
        for (Index i = 0; i < size; ++i)
          for (Index j = size; j < size + tile; ++j) __builtin_prefetch(corner + i * line + j * images.channels, 0, 2);
        transform_square<Transform, T>(
            [&](auto i, Index j)
                __attribute__((always_inline)) { return simd::load(corner + i * line + j * images.channels); },
            store);
      } else {
        simd::Vector<T> square[size][size] = {};
        for (Index i = first_row; i < end_row; ++i) {
          for (Index j = first_column; j < end_column; ++j) {
            const T* from = image + (top + i) * line + (left + j) * images.channels + c;
            square[i][j] = simd::load_up_to(from, lanes_left);
          }
        }
        transform_square<Transform, T>(
            [&](auto i, Index j) __attribute__((always_inline)) { return square[i][j]; }, store);
      }
    }
  }
}

}  // namespace fusiform::kernels
