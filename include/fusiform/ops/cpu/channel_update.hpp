#pragma once
/// y = base + P W: P the patches of one channel (a row per output pixel), W this channel's filters. Few terms per
/// element, so that what counts is to read and write each element once while W stays in the first-level cache.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/ops/channel_update_shape.hpp>
#include <fusiform/ops/cpu/patches.hpp>

namespace fusiform::kernels {

/// Rows and vectors of a tile of y, all in registers: 24 of AVX-512's 32, 12 of AVX2's 16.
inline constexpr int update_rows = 6;
inline constexpr int update_vectors = simd::registers == 32 ? 4 : 2;

struct ChannelFilterScratch {};
struct ChannelPatchScratch {};

/// The filters of one channel, cut into tiles of update_vectors vectors: of each tile row k holds weight k of the
/// window for the tile's outputs, the last tile filled up with zeros. Rows of one long matrix would share cache sets.
template <Scalar T>
[[nodiscard]] const T* pack_channel_filters(const ChannelUpdate<T>& s) {
  constexpr Index width = update_vectors * simd::lanes<T>;
  const Index depth = s.depth();
  T* packed = scratch<ChannelFilterScratch, T>(round_up(s.out, width) * depth);
  for (Index o = 0; o < round_up(s.out, width); ++o) {
    T* to = packed + o / width * width * depth + o % width;
    const T* from = s.filters + o * depth * s.channels + s.channel;
    for (Index k = 0; k < depth; ++k) to[k * width] = o < s.out ? from[k * s.channels] : T{};
  }
  return packed;
}

/// `rows` rows of y and `vectors` vectors of each, of which `columns` elements exist.
template <Scalar T, int rows, int vectors>
void update_tile(const ChannelUpdate<T>& s, const T* patches, const T* filters, const T* base, T* y, Index columns) {
  constexpr Index lanes = simd::lanes<T>;
  using Vector = simd::Vector<T>;
  const Index depth = s.depth();
  Vector sums[rows][vectors];
  const bool is_whole = columns >= vectors * lanes;
  simd::unrolled<rows>([&](auto r) __attribute__((always_inline)) {
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      const T* from = base + r * s.out + v * lanes;
      sums[r][v] = is_whole ? simd::load(from) : simd::load_up_to(from, columns - v * lanes);
    });
  });
  for (Index k = 0; k < depth; ++k) {
    Vector weights[vectors];
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      weights[v] = simd::load(filters + (k * update_vectors + v) * lanes);
    });
    simd::unrolled<rows>([&](auto r) __attribute__((always_inline)) {
      const Vector value = simd::broadcast(patches[r * depth + k]);
      simd::unrolled<vectors>([&](auto v)
                                  __attribute__((always_inline)) { sums[r][v] = value * weights[v] + sums[r][v]; });
    });
  }
  simd::unrolled<rows>([&](auto r) __attribute__((always_inline)) {
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      const Vector sum = s.relu ? simd::relu<T>(sums[r][v]) : sums[r][v];
      T* to = y + r * s.out + v * lanes;
      if (is_whole) {
        simd::store(to, sum);
      } else {
        simd::store_up_to(to, sum, columns - v * lanes);
      }
    });
  });
}

/// `rows` rows of y, one column of tiles.
template <Scalar T, int vectors>
void update_columns(const ChannelUpdate<T>& s, const T* patches, const T* filters, Index rows, const T* base, T* y,
                    Index columns) {
  Index row = 0;
  for (; row + update_rows <= rows; row += update_rows)
    update_tile<T, update_rows, vectors>(s, patches + row * s.depth(), filters, base + row * s.out, y + row * s.out,
                                         columns);
  for (; row < rows; ++row)
    update_tile<T, 1, vectors>(s, patches + row * s.depth(), filters, base + row * s.out, y + row * s.out, columns);
}

/// Columns past the last whole tile take as few vectors as they need.
template <Scalar T, int vectors = update_vectors>
void update_columns_of(const ChannelUpdate<T>& s, const T* patches, const T* filters, Index rows, const T* base, T* y,
                       Index columns) {
  if constexpr (vectors > 1)
    if (columns <= (vectors - 1) * simd::lanes<T>)
      return update_columns_of<T, vectors - 1>(s, patches, filters, rows, base, y, columns);
  update_columns<T, vectors>(s, patches, filters, rows, base, y, columns);
}

/// The patches of `count` images from `first` on, one row of window_height * window_width elements per output pixel.
template <Scalar T>
[[nodiscard]] const T* channel_patches(const ChannelUpdate<T>& s, Index first, Index count) {
  const T* change = s.change + first * s.height * s.width;
  if (s.is_linear()) return change;
  const Patches<T> patches{.image = change,
                           .images = count,
                           .height = s.height,
                           .width = s.width,
                           .channels = 1,
                           .window_height = s.window_height,
                           .window_width = s.window_width,
                           .step = s.stride,
                           .first_row = -s.padding,
                           .first_column = -s.padding,
                           .grid_height = s.grid_height,
                           .grid_width = s.grid_width};
  T* block = scratch<ChannelPatchScratch, T>(patches.rows() * s.depth());
  pack_patches(patches, 0, patches.rows(), 0, s.depth(), block, s.depth());
  return block;
}

template <Scalar T>
void channel_update(const ChannelUpdate<T>& s) {
  constexpr Index width = update_vectors * simd::lanes<T>;
  constexpr Index rows_each = 192;  // patches and a tile's column of y stay in the first-level cache
  const Index images_each = std::max<Index>(1, rows_each / std::max<Index>(1, s.rows()));
  const T* filters = pack_channel_filters(s);
  parallel_for(divide_up(s.images, images_each), [&](Index group) {
    const Index first = group * images_each;
    const Index count = std::min(images_each, s.images - first);
    const T* patches = channel_patches(s, first, count);
    const Index offset = first * s.rows() * s.out;
    for (Index column = 0; column < s.out; column += width)
      update_columns_of<T>(s, patches, filters + column * s.depth(), count * s.rows(), s.base + offset + column,
                           s.y + offset + column, s.out - column);
  });
}

}  // namespace fusiform::kernels
