#pragma once
/// Where the results of products lie, and how a window's maxima come from four of them.

#include "arch/number.cuh"
#include "implicit_gemm_chunks.cuh"
#include "implicit_gemm_places.cuh"
#include "take_maxima.cuh"

namespace fusiform::kernels {

/// Lines one behind the other.
template <class T>
struct RowsOfMatrix {
  using Element = T;
  T* data;
  Index columns;
  __device__ T* line(Index line) const { return data + line * columns; }
  __device__ static const T* relu_line(const T* /*line*/) { return nullptr; }
};

/// Lines are every `step`th pixel of an image.
template <class T>
struct SpreadPixels {
  using Element = T;
  T* data;
  const T* relu_output;  ///< nullptr, or as `data`: where it is not positive, results are 0
  int height, width, channels;
  Digits grid;  ///< (image, row, column) of a line
  int first_row, first_column, step;
  __device__ T* line(Index line) const {
    const Place at = grid.place(line);
    const int row = first_row + at.middle * step, column = first_column + at.low * step;
    return data + ((Index(at.high) * height + row) * width + column) * channels;
  }
  __device__ const T* relu_line(const T* line) const {
    return relu_output == nullptr ? nullptr : relu_output + (line - data);
  }
};

/// The gradient of what a ReLU was given: NaN in its output lets it pass.
template <class T>
__device__ inline T behind_relu(T gradient, T relu_output) {
  const float value = arch::number(relu_output);
  return value > 0 || value != value ? gradient : arch::stored<T>(0);
}

/// Four lines, in the order of WindowGrid, are the pixels of a window, whose maxima are all that is written.
template <class T>
struct WindowMaxima {
  using Element = T;
  T* maxima;                ///< windows one behind the other
  std::int32_t* positions;  ///< the same, or nullptr; see max_pool2d_forward
  bool after_relu;
  Index columns;
  Digits windows;  ///< (image, row, column) of a window
  int width;       ///< of the images that are pooled
  __device__ std::int32_t first_position(Index window) const {
    const Place at = windows.place(int(window));
    return 2 * (at.middle * width + at.low);
  }
};

/// Whether four lines of a result are one of its lines in memory.
template <class Result>
inline constexpr bool takes_maxima = false;
template <class T>
inline constexpr bool takes_maxima<WindowMaxima<T>> = true;

/// Writes N neighbouring columns of a window from its pixels, row by row, whose first one has position `first`.
template <int N, class T>
__device__ inline void put_maxima(const T (&pixels)[4][N], const WindowMaxima<T>& result, Index window,
                                  std::int32_t first, Index column, bool aligned) {
  if (column >= result.columns) return;
  Chunk<T, N> best;
  Chunk<std::int32_t, N> positions;
#pragma unroll
  for (int v = 0; v < N; ++v) best.value[v] = pixels[0][v], positions.value[v] = first;
#pragma unroll
  for (int pixel = 1; pixel < 4; ++pixel)
    take_maxima(pixels[pixel], first + pixel / 2 * result.width + pixel % 2, best.value, positions.value);
  if (result.after_relu)
#pragma unroll
    for (int v = 0; v < N; ++v)
      if (arch::number(best.value[v]) <= 0) positions.value[v] = -1;
  const Index at = window * result.columns + column;
  if (aligned) {
    *reinterpret_cast<Chunk<T, N>*>(result.maxima + at) = best;
    if (result.positions != nullptr) *reinterpret_cast<Chunk<std::int32_t, N>*>(result.positions + at) = positions;
    return;
  }
#pragma unroll
  for (int v = 0; v < N; ++v)
    if (column + v < result.columns) {
      result.maxima[at + v] = best.value[v];
      if (result.positions != nullptr) result.positions[at + v] = positions.value[v];
    }
}

}  // namespace fusiform::kernels
