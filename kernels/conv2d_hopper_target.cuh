#pragma once
/// Where the results of a Hopper pass over pixels go, and what becomes of the sums on the way.

#include "arch/bfloat16.cuh"

namespace fusiform::kernels {

/// What becomes of the sums, and where they go: pixel (n, i, j) of the grid, of `lines` lines of `line` pixels, is
/// pixel (n, first_row + i step, first_column + j step) of an image of (height, width, channels). Columns of the grid
/// from `columns` on are dropped.
struct PixelStore {
  arch::bf16* data;
  int height, width, channels;
  int first_row, first_column, step;
  int lines, line, columns;
  int rows;             ///< of an image in the grid
  bool whole;           ///< grid and image are the same pixels
  const float* bias;    ///< one a channel, or nullptr
  const float* factor;  ///< one a channel, after ReLU, or nullptr
  bool relu;
  float* floats;  ///< in place of `data` where results are float
  /// Of the same shape as the image: results are 0 where it is not positive. Or nullptr.
  const arch::bf16* relu_output;
  const float* relu_floats;
  /// Where results are maxima of windows: as in Conv2dMaxPool, and the width of the image that is pooled.
  std::int32_t* positions;
  bool after_relu;
  int between_width;
};

/// Number of a pixel of the grid in the stored image, -1 for one that is dropped.
__device__ inline int pixel_place(const PixelStore& store, int pixel) {
  if (store.whole) return pixel < store.lines * store.line ? pixel : -1;
  const int line = pixel / store.line, column = pixel % store.line;
  if (line >= store.lines || column >= store.columns) return -1;
  const int y = store.first_row + line % store.rows * store.step, x = store.first_column + column * store.step;
  return (line / store.rows * store.height + y) * store.width + x;
}

/// Where its channels begin, or -1.
__device__ inline std::int64_t pixel_offset(const PixelStore& store, int pixel) {
  const int place = pixel_place(store, pixel);
  return place < 0 ? -1 : std::int64_t(place) * store.channels;
}

}  // namespace fusiform::kernels
