#pragma once
/// Mean over a sliding window or over the whole image, per channel.

#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/avg_pool2d.hpp>
#include <fusiform/ops/pool_window.hpp>

namespace fusiform {

struct AvgPool2dOptions {
  Index kernel = 2;
  Index stride = 0;  ///< 0: the same as `kernel`
  Index padding = 0;
  bool count_include_pad = true;  ///< divide by kernel^2 at the border too, as PyTorch does unless told otherwise

  [[nodiscard]] PoolWindow window() const noexcept { return {kernel, stride == 0 ? kernel : stride, padding}; }
};

[[nodiscard]] inline Shape avg_pool2d_output_shape(const Shape& x, const AvgPool2dOptions& options) {
  return pool2d_output_shape("avg_pool2d", x, options.window());
}

/// (N, H, W, C) to (N, 1, 1, C).
[[nodiscard]] inline Shape global_avg_pool2d_output_shape(const Shape& x) {
  require_equal("global_avg_pool2d", "dimensions (N, H, W, C)", 4, x.rank());
  if (x[1] < 1 || x[2] < 1) throw ShapeError(text("global_avg_pool2d: expected at least one pixel, got ", x));
  return {x[0], 1, 1, x[3]};
}

namespace kernels {
template <Scalar T>
void avg_pool2d_forward(View<const T, Cuda> x, const PoolWindow& window, bool count_include_pad, View<T, Cuda> y);
template <Scalar T>
void avg_pool2d_backward(View<const T, Cuda> dy, const PoolWindow& window, bool count_include_pad, View<T, Cuda> dx);
template <Scalar T>
void global_avg_pool2d_forward(View<const T, Cuda> x, View<T, Cuda> y);
template <Scalar T>
void global_avg_pool2d_backward(View<const T, Cuda> dy, View<T, Cuda> dx);
}  // namespace kernels

/// y = mean of each window; pixels of the padding count as 0.
/// x (N, H, W, C), y as avg_pool2d_output_shape says. Throws ShapeError if not, ConfigError for an impossible window.
template <Scalar T, Device D>
void avg_pool2d_forward(In<T, D> x, const AvgPool2dOptions& options, View<T, D> y) {
  require_equal("avg_pool2d", "output shape", avg_pool2d_output_shape(x.shape(), options), y.shape());
  kernels::avg_pool2d_forward(x, options.window(), options.count_include_pad, y);
}

/// dx = each pixel's share of dy, summed over the windows that hold it. Throws ShapeError if the shapes do not fit.
template <Scalar T, Device D>
void avg_pool2d_backward(In<T, D> dy, const AvgPool2dOptions& options, View<T, D> dx) {
  require_equal("avg_pool2d", "output gradient shape", avg_pool2d_output_shape(dx.shape(), options), dy.shape());
  kernels::avg_pool2d_backward(dy, options.window(), options.count_include_pad, dx);
}

/// y (N, 1, 1, C) = mean over all pixels of x (N, H, W, C), summed in double. Throws ShapeError if not so shaped.
template <Scalar T, Device D>
void global_avg_pool2d_forward(In<T, D> x, View<T, D> y) {
  require_equal("global_avg_pool2d", "output shape", global_avg_pool2d_output_shape(x.shape()), y.shape());
  kernels::global_avg_pool2d_forward(x, y);
}

/// dx = dy / (H W) for every pixel. Throws ShapeError if the shapes do not fit.
template <Scalar T, Device D>
void global_avg_pool2d_backward(In<T, D> dy, View<T, D> dx) {
  require_equal("global_avg_pool2d", "output gradient shape", global_avg_pool2d_output_shape(dx.shape()), dy.shape());
  kernels::global_avg_pool2d_backward(dy, dx);
}

}  // namespace fusiform
