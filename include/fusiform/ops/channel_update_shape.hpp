#pragma once
/// What the kernels that update outputs for one channel are given.

#include <fusiform/core/device.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform::kernels {

/// An update whose shapes have been checked; pointers to memory of device D.
template <Scalar T, Device D = Cpu>
struct ChannelUpdate {
  const T* base;             ///< (images, grid_height, grid_width, out)
  const T* change;           ///< (images, height, width)
  const Master<T>* filters;  ///< (out, window_height, window_width, channels)
  T* y;                      ///< as base
  Index images, height, width;
  Index window_height, window_width, stride, padding;
  Index grid_height, grid_width, out;
  Index channels, channel;
  bool relu;

  [[nodiscard]] Index depth() const noexcept { return window_height * window_width; }
  [[nodiscard]] Index rows() const noexcept { return grid_height * grid_width; }  ///< of one image
  /// Whether the window is the whole image: its patch is the image.
  [[nodiscard]] bool is_linear() const noexcept {
    return rows() == 1 && window_height == height && window_width == width && padding == 0;
  }
};

}  // namespace fusiform::kernels
