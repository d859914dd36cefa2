#pragma once
/// A convolution whose result only a max pooling of 2 x 2 windows side by side reads.

#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/max_pool2d.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void conv2d_max_pool2d_forward(View<const T, Cuda> x, View<const T, Cuda> weight, View<const Master<T>, Cuda> bias,
                               const Conv2dOptions& options, bool after_relu, View<T, Cuda> y,
                               View<std::int32_t, Cuda> positions);
}  // namespace kernels

/// What conv2d_forward and then max_pool2d_forward with windows of 2 x 2 compute, up to the rounding of the sums: y and
/// `positions` have the pooling's output shape, `after_relu` is MaxPool2dOptions::after_relu, and a `positions` with
/// data() == nullptr is not wanted. On a GPU most shapes take one kernel that never stores the result between.
/// Throws as those two do.
template <Scalar T, Device D>
void conv2d_max_pool2d_forward(In<T, D> x, In<T, D> weight, In<Master<T>, D> bias, const Conv2dOptions& options,
                               bool after_relu, View<T, D> y, View<std::int32_t, D> positions) {
  const MaxPool2dOptions pool{.after_relu = after_relu};
  const Shape between = conv2d_output_shape(x.shape(), weight.shape(), options);
  require_equal("conv2d_max_pool2d", "output", max_pool2d_output_shape(between, pool), y.shape());
  if (positions.data() != nullptr) require_equal("conv2d_max_pool2d", "positions", y.shape(), positions.shape());
  if (bias.data() != nullptr) require_equal("conv2d_max_pool2d", "biases", weight.shape()[0], bias.size());
  if constexpr (std::same_as<D, Cuda>) {
    kernels::conv2d_max_pool2d_forward<T>(x, weight, bias, options, after_relu, y, positions);
  } else {
    Tensor<T, D> sums(between);
    conv2d_forward<T, D>(x, weight, bias, options, sums.view());
    max_pool2d_forward<T, D>(sums, pool, y, positions);
  }
}

}  // namespace fusiform
