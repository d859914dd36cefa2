#pragma once
/// The matrix of image patches that turns a convolution into a matrix product: one row per output pixel, one column
/// per (kernel row, kernel column, channel). It is never held as a whole: blocks of it are packed when needed.

#include <algorithm>
#include <cstring>

#include <fusiform/core/scalar.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/ops/cpu/grid_position.hpp>

namespace fusiform::kernels {

/// Row (n, i, j) of the patch matrix holds the window of image n whose first pixel is
/// (i * step + first_row, j * step + first_column); pixels outside of the image are 0.
template <Scalar T>
struct Patches {
  const T* image;  ///< (images, height, width, channels)
  Index images, height, width, channels;
  Index window_height, window_width;
  Index step;
  Index first_row, first_column;  ///< minus the padding, in a forward convolution
  Index grid_height, grid_width;  ///< output pixels of one image

  [[nodiscard]] Index rows() const noexcept { return images * grid_height * grid_width; }
  [[nodiscard]] Index columns() const noexcept { return window_height * window_width * channels; }
  /// The output pixel of a row of the matrix.
  [[nodiscard]] GridPosition position(Index row) const noexcept { return {grid_height, grid_width, row}; }
};

/// memcpy for short runs: a call costs more than the copy.
template <Scalar T>
FUSIFORM_INLINE void copy_short(const T* from, Index count, T* to) {
  constexpr Index lanes = simd::lanes<T>;
  if (count >= lanes) {
    Index i = 0;
    for (; i + lanes <= count; i += lanes) simd::store(to + i, simd::load(from + i));
    if (i < count) simd::store(to + count - lanes, simd::load(from + count - lanes));
  } else {
    for (Index i = 0; i < count; ++i) to[i] = from[i];
  }
}

template <Scalar T>
FUSIFORM_INLINE void zero_short(Index count, T* to) {
  for (Index i = 0; i < count; ++i) to[i] = T{};
}

/// Columns `begin` to `end` - 1 of the patch matrix for `count` rows from `first` on. Row i goes to block + i * stride.
/// A kernel row of a patch is one contiguous run of the image, so that a row is a few copies.
template <Scalar T>
void pack_patches(const Patches<T>& patches, Index first, Index count, Index begin, Index end, T* block, Index stride) {
  const Index run = patches.window_width * patches.channels;
  const Index line = patches.width * patches.channels;
  const Index first_run = begin / run;
  const Index first_offset = begin % run;
  GridPosition position = patches.position(first);
  for (Index i = 0; i < count; ++i, position.advance(), block += stride) {
    const T* image = patches.image + position.image() * patches.height * line;
    const Index left = (position.column() * patches.step + patches.first_column) * patches.channels;
    Index row = position.row() * patches.step + patches.first_row + first_run;
    Index offset = first_offset;
    T* to = block;
    for (Index rest = end - begin; rest > 0; ++row, offset = 0) {
      const Index length = std::min(rest, run - offset);
      rest -= length;
      const Index start = left + offset;  // in the image's line; may be outside on both sides
      if (row < 0 || row >= patches.height || start >= line || start + length <= 0) {
        zero_short(length, to);
      } else if (start >= 0 && start + length <= line) {
        copy_short(image + row * line + start, length, to);
      } else {
        const Index before = std::max<Index>(0, -start);
        const Index after = std::max<Index>(0, start + length - line);
        zero_short(before, to);
        copy_short(image + row * line + start + before, length - before - after, to + before);
        zero_short(after, to + length - after);
      }
      to += length;
    }
  }
}

}  // namespace fusiform::kernels
