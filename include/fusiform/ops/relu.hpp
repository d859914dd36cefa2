#pragma once
/// Rectified linear unit.

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/relu.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void relu_forward(View<const T, Cuda> x, View<T, Cuda> y);
template <Scalar T>
void relu_backward(View<const T, Cuda> y, View<const T, Cuda> dy, View<T, Cuda> dx);
}  // namespace kernels

/// y = max(x, 0), elementwise, for any shape; NaN stays NaN. x and y must not overlap.
/// Throws ShapeError unless the shapes are equal.
template <Scalar T, Device D>
void relu_forward(In<T, D> x, View<T, D> y) {
  require_equal("relu", "output shape", x.shape(), y.shape());
  kernels::relu_forward(x, y);
}

/// dx = dy where the output y is positive (or NaN), 0 elsewhere: at 0 the gradient is 0, as in PyTorch.
/// Throws ShapeError unless the shapes are equal.
template <Scalar T, Device D>
void relu_backward(In<T, D> y, In<T, D> dy, View<T, D> dx) {
  require_equal("relu", "output gradient shape", y.shape(), dy.shape());
  require_equal("relu", "input gradient shape", y.shape(), dx.shape());
  kernels::relu_backward(y, dy, dx);
}

}  // namespace fusiform
