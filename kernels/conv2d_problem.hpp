#pragma once
/// What a convolution on a GPU is asked for: shapes, and what becomes of the sums. Plain C++, no CUDA header.

#include <cstdint>

namespace fusiform::kernels {

/// A convolution of images (N, H, W, C) with filters (out, kernel_h, kernel_w, in).
struct Conv2dProblem {
  int images, height, width, in_channels, out_channels, kernel_h, kernel_w;
  int stride = 1, padding = 0;

  [[nodiscard]] constexpr int out_height() const { return (height + 2 * padding - kernel_h) / stride + 1; }
  [[nodiscard]] constexpr int out_width() const { return (width + 2 * padding - kernel_w) / stride + 1; }
  [[nodiscard]] constexpr int taps() const { return kernel_h * kernel_w; }
  [[nodiscard]] constexpr std::int64_t out_pixels() const { return std::int64_t(images) * out_height() * out_width(); }
  /// Multiplications and additions of one pass.
  [[nodiscard]] constexpr double operations() const {
    return 2.0 * double(out_pixels()) * out_channels * in_channels * taps();
  }
};

/// The maxima of 2 x 2 windows side by side as the end of a forward pass: results are (N, H' / 2, W' / 2, out). See
/// fusiform/ops/conv2d_max_pool2d.hpp.
struct Conv2dMaxPool {
  bool wanted = false;
  std::int32_t* positions = nullptr;  ///< as of max_pool2d_forward, or nullptr
  bool after_relu = false;            ///< the position of a maximum that is not positive is -1
};

/// What the forward pass does to every sum: y = factor(o) max(sum + bias(o), 0), each part where it is given, and then
/// to windows of those.
struct Conv2dEpilogue {
  const float* bias = nullptr;    ///< one an output channel
  const float* factor = nullptr;  ///< one an output channel: 0 switches a channel off
  bool relu = false;
  Conv2dMaxPool max_pool = {};
};

[[nodiscard]] constexpr std::int64_t pieces(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

}  // namespace fusiform::kernels
