#pragma once
/// Copies of images and filters with more channels, for kernels that take them in multiples of 8, and back.

#include <cstring>

#include "runtime.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// Rows of `to` elements, the first of each from a row of `from` and the rest 0; rows from `rows` on are 0.
/// Any types of 2 or 4 bytes whose zero is all bits 0.
template <class T>
struct ChannelResize {
  const T* x;  ///< (rows, from)
  T* y;        ///< (all_rows, to)
  Index rows, all_rows;
  int from, to;
};

/// An element a thread.
template <class T>
__global__ void resize_channels_kernel(const ChannelResize<T> resize) {
  const Index count = resize.all_rows * resize.to;
  for (Index i = grid_thread(); i < count; i += grid_threads()) {
    const Index row = i / resize.to;
    const int channel = int(i - row * resize.to);
    resize.y[i] = row < resize.rows && channel < resize.from ? resize.x[row * resize.from + channel] : T{};
  }
}

/// 16 bytes a thread, where `to` elements are a multiple of them and y is aligned.
template <class T>
__global__ void widen_channels_kernel(const ChannelResize<T> resize) {
  constexpr int width = 16 / int(sizeof(T));
  const int pieces = resize.to / width;
  const Index count = resize.all_rows * pieces;
  for (Index i = grid_thread(); i < count; i += grid_threads()) {
    const Index row = i / pieces;
    const int first = int(i - row * pieces) * width;
    T elements[width];
#pragma unroll
    for (int c = 0; c < width; ++c)
      elements[c] = row < resize.rows && first + c < resize.from ? resize.x[row * resize.from + first + c] : T{};
    SixteenBytes bytes;
    memcpy(&bytes, elements, 16);
    reinterpret_cast<SixteenBytes*>(resize.y)[i] = bytes;
  }
}

template <class T>
void resize_channels(const ChannelResize<T>& resize, const std::string& what) {
  constexpr int width = 16 / int(sizeof(T));
  const bool wide = resize.to % width == 0 && reinterpret_cast<std::uintptr_t>(resize.y) % 16 == 0;
  const Index count = resize.all_rows * resize.to;
  if (wide)
    launch(widen_channels_kernel<T>, over_elements(count / width, what, 1), resize);
  else
    launch(resize_channels_kernel<T>, over_elements(count, what), resize);
}

}  // namespace fusiform::kernels
