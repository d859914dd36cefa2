#pragma once
/// Local response normalisation across channels (Krizhevsky, Sutskever & Hinton 2012, section 3.3), as in PyTorch.

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/local_response_norm.hpp>
#include <fusiform/ops/local_response_norm_options.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void local_response_norm_forward(View<const T, Cuda> x, const LocalResponseNormOptions& options, View<T, Cuda> y);
template <Scalar T>
void local_response_norm_backward(View<const T, Cuda> x, View<const T, Cuda> dy,
                                  const LocalResponseNormOptions& options, View<T, Cuda> dx);
}  // namespace kernels

/// y_c = x_c / s_c^beta with s_c = k + alpha / size * (sum of x_j^2 for c - size / 2 <= j <= c + (size - 1) / 2).
/// x and y (N, H, W, C) or (N, C). Throws ShapeError if the shapes differ, ConfigError if size < 1.
template <Scalar T, Device D>
void local_response_norm_forward(In<T, D> x, const LocalResponseNormOptions& options, View<T, D> y) {
  require_setting(options.size >= 1, "local_response_norm", "size >= 1", options.size);
  require_equal("local_response_norm", "output shape", x.shape(), y.shape());
  kernels::local_response_norm_forward(x, options, y);
}

/// dx_i = dy_i / s_i^beta - 2 alpha beta / size * x_i * (sum of dy_c x_c / s_c^(beta + 1) over the c that use x_i).
/// Throws ShapeError if the shapes differ, ConfigError if size < 1.
template <Scalar T, Device D>
void local_response_norm_backward(In<T, D> x, In<T, D> dy, const LocalResponseNormOptions& options, View<T, D> dx) {
  require_setting(options.size >= 1, "local_response_norm", "size >= 1", options.size);
  require_equal("local_response_norm", "output gradient shape", x.shape(), dy.shape());
  require_equal("local_response_norm", "input gradient shape", x.shape(), dx.shape());
  kernels::local_response_norm_backward(x, dy, options, dx);
}

}  // namespace fusiform
