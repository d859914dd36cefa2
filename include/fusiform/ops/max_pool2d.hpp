#pragma once
/// Maximum over a sliding window, per channel.

#include <cstdint>
#include <limits>

#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/max_pool2d.hpp>
#include <fusiform/ops/pool_window.hpp>

namespace fusiform {

struct MaxPool2dOptions {
  Index kernel = 2;
  Index stride = 0;  ///< 0: the same as `kernel`
  Index padding = 0;
  /// The input is a ReLU's output, and gradients are wanted of what was before the ReLU: maxima that are not positive
  /// have position -1, and no gradient goes there.
  bool after_relu = false;

  [[nodiscard]] PoolWindow window() const noexcept { return {kernel, stride == 0 ? kernel : stride, padding}; }
};

[[nodiscard]] inline Shape max_pool2d_output_shape(const Shape& x, const MaxPool2dOptions& options) {
  const Shape y = pool2d_output_shape("max_pool2d", x, options.window());
  if (x[1] * x[2] > std::numeric_limits<std::int32_t>::max())
    throw ShapeError(text("max_pool2d: expected at most 2^31 - 1 pixels in an image, got ", x[1], " x ", x[2]));
  return y;
}

namespace kernels {
template <Scalar T>
void max_pool2d_forward(View<const T, Cuda> x, const PoolWindow& window, bool after_relu, View<T, Cuda> y,
                        View<std::int32_t, Cuda> positions);
template <Scalar T>
void max_pool2d_backward(View<const T, Cuda> dy, View<const std::int32_t, Cuda> positions, const PoolWindow& window,
                         View<T, Cuda> dx);
}  // namespace kernels

/// y = maximum of the part of each window that lies in the image. `positions`, of y's shape, receives the place
/// h * W + w of each maximum: the first in row-major order; NaN counts as larger than everything, as in PyTorch. (With
/// `after_relu` it is -1 for a maximum that is not positive.)
/// Pass `positions` with data() == nullptr if no gradient is wanted.
/// x (N, H, W, C), y as max_pool2d_output_shape says. Throws ShapeError if not, ConfigError for an impossible window.
template <Scalar T, Device D>
void max_pool2d_forward(In<T, D> x, const MaxPool2dOptions& options, View<T, D> y, View<std::int32_t, D> positions) {
  require_equal("max_pool2d", "output shape", max_pool2d_output_shape(x.shape(), options), y.shape());
  if (positions.data() != nullptr) require_equal("max_pool2d", "positions shape", y.shape(), positions.shape());
  kernels::max_pool2d_forward(x, options.window(), options.after_relu, y, positions);
}

/// dx = for each pixel the sum of dy over the windows whose maximum it was.
/// dy and `positions` (from the forward pass) have the output's shape, dx the input's; ShapeError if not.
template <Scalar T, Device D>
void max_pool2d_backward(In<T, D> dy, std::type_identity_t<View<const std::int32_t, D>> positions,
                         const MaxPool2dOptions& options, View<T, D> dx) {
  require_equal("max_pool2d", "output gradient shape", max_pool2d_output_shape(dx.shape(), options), dy.shape());
  require_equal("max_pool2d", "positions shape", dy.shape(), positions.shape());
  kernels::max_pool2d_backward(dy, positions, options.window(), dx);
}

}  // namespace fusiform
