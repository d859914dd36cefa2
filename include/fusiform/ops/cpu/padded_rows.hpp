#pragma once
/// Rows of an image with the zeros around it, so that every window of a convolution lies in memory as a whole.

#include <algorithm>

#include <fusiform/core/scratch.hpp>
#include <fusiform/ops/cpu/patches.hpp>

namespace fusiform::kernels {

struct PaddedRowsScratch {};

/// Some rows of one image; the window whose first pixel is (row, column) starts at data + row * line + column *
/// channels, both counted from the first padded one.
template <Scalar T>
struct PaddedRows {
  const T* data;
  Index line;  ///< elements from one row to the next
};

/// Rows that the grid rows `first` to `first + count` - 1 of `image` see: read where they are if nothing has to be
/// added, else copied into this thread's memory, where they stay until the next call.
template <Scalar T>
[[nodiscard]] PaddedRows<T> padded_rows(const Patches<T>& patches, Index image, Index first, Index count) {
  const Index line = patches.width * patches.channels;
  const T* from = patches.image + image * patches.height * line;
  const Index begin = first * patches.step + patches.first_row;
  const Index rows = (count - 1) * patches.step + patches.window_height;
  const Index pixels = (patches.grid_width - 1) * patches.step + patches.window_width;
  const bool inside = begin >= 0 && begin + rows <= patches.height && patches.first_column >= 0 &&
                      patches.first_column + pixels <= patches.width;
  if (inside) return {from + begin * line + patches.first_column * patches.channels, line};
  const Index padded = pixels * patches.channels;
  const Index left = patches.first_column * patches.channels;
  const Index before = std::clamp<Index>(-left, 0, padded);
  const Index copied = std::clamp<Index>(line - std::max<Index>(0, left), 0, padded - before);
  T* data = scratch<PaddedRowsScratch, T>(rows * padded);
  T* to = data;
  for (Index row = begin; row < begin + rows; ++row, to += padded) {
    if (row < 0 || row >= patches.height) {
      std::fill_n(to, padded, T{});
    } else {
      zero_short(before, to);
      copy_short(from + row * line + std::max<Index>(0, left), copied, to + before);
      zero_short(padded - before - copied, to + before + copied);
    }
  }
  return {data, padded};
}

}  // namespace fusiform::kernels
