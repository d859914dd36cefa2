#pragma once
/// Batch normalisation over all axes but the last (Ioffe & Szegedy 2015), for images (N, H, W, C) or vectors (N, C).

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/batch_norm_gradients.hpp>
#include <fusiform/ops/cpu/batch_norm.hpp>

namespace fusiform {

/// The statistics of one batch, one number per channel.
template <class T, Device D>
struct BatchStatistics {
  View<Master<T>, D> mean;
  View<Master<T>, D> inverse_deviation;  ///< 1 / sqrt(variance + eps), variance divided by the count
  View<Master<T>, D> unbiased_variance;  ///< divided by the count - 1: what the running variance takes in
};

namespace kernels {
template <Scalar T>
void batch_norm_statistics(View<const T, Cuda> x, double eps, View<Master<T>, Cuda> mean,
                           View<Master<T>, Cuda> inverse_deviation, View<Master<T>, Cuda> unbiased_variance);
template <Scalar T>
void inverse_deviation(View<const T, Cuda> variance, double eps, View<T, Cuda> result);
template <Scalar T>
void batch_norm_apply(View<const T, Cuda> x, View<const Master<T>, Cuda> mean,
                      View<const Master<T>, Cuda> inverse_deviation, View<const Master<T>, Cuda> weight,
                      View<const Master<T>, Cuda> bias, View<T, Cuda> y);
template <Scalar T>
void batch_norm_backward(const BatchNormGradients<T, Cuda>& arguments);
template <Scalar T>
void move_towards(View<const T, Cuda> target, double fraction, View<T, Cuda> value);
}  // namespace kernels

/// Throws ShapeError unless `v` has one number per channel of x.
inline void require_per_channel(std::string_view what, const Shape& x, const Shape& v) {
  if (x.rank() < 2) throw ShapeError(text("batch_norm: expected (N, H, W, C) or (N, C), got ", x));
  require_equal("batch_norm", text("as the shape of ", what), Shape{x.channels()}, v);
}

/// Mean and variance of every channel of x, summed in double in a fixed order. Each tensor of `result` is (C).
/// Throws ShapeError for other shapes and for fewer than two values per channel, as PyTorch does.
template <Scalar T, Device D>
void batch_norm_statistics(In<T, D> x, double eps, const BatchStatistics<T, D>& result) {
  require_per_channel("the mean", x.shape(), result.mean.shape());
  require_per_channel("the inverse deviation", x.shape(), result.inverse_deviation.shape());
  require_per_channel("the unbiased variance", x.shape(), result.unbiased_variance.shape());
  const Index count = x.shape().channels() > 0 ? x.size() / x.shape().channels() : 0;
  if (count < 2) throw ShapeError(text("batch_norm: expected at least 2 values per channel to train on, got ", count));
  kernels::batch_norm_statistics(x, eps, result.mean, result.inverse_deviation, result.unbiased_variance);
}

/// result = 1 / sqrt(variance + eps), elementwise. Throws ShapeError if the shapes differ.
template <Scalar T, Device D>
void inverse_deviation(In<T, D> variance, double eps, View<T, D> result) {
  require_equal("inverse_deviation", "output shape", variance.shape(), result.shape());
  kernels::inverse_deviation(variance, eps, result);
}

/// What normalises one channel; each (C).
template <class T, Device D>
struct BatchNormScale {
  View<const Master<T>, D> mean;
  View<const Master<T>, D> inverse_deviation;
  View<const Master<T>, D> weight;
  View<const Master<T>, D> bias;
};

/// y = (x - mean) * inverse_deviation * weight + bias, per channel. Throws ShapeError if the shapes do not fit.
template <Scalar T, Device D>
void batch_norm_apply(In<T, D> x, const BatchNormScale<T, D>& scale, View<T, D> y) {
  require_equal("batch_norm", "output shape", x.shape(), y.shape());
  require_per_channel("the mean", x.shape(), scale.mean.shape());
  require_per_channel("the inverse deviation", x.shape(), scale.inverse_deviation.shape());
  require_per_channel("the weight", x.shape(), scale.weight.shape());
  require_per_channel("the bias", x.shape(), scale.bias.shape());
  kernels::batch_norm_apply(x, scale.mean, scale.inverse_deviation, scale.weight, scale.bias, y);
}

/// Gradients of batch_norm_apply, through the statistics too if they were the batch's own.
/// `dx`, and `dweight` with `dbias`, may have data() == nullptr: not wanted. Throws ShapeError if shapes do not fit.
template <Scalar T, Device D>
void batch_norm_backward(const BatchNormGradients<T, D>& arguments) {
  const Shape& x = arguments.x.shape();
  require_equal("batch_norm", "output gradient shape", x, arguments.dy.shape());
  require_per_channel("the mean", x, arguments.mean.shape());
  require_per_channel("the inverse deviation", x, arguments.inverse_deviation.shape());
  require_per_channel("the weight", x, arguments.weight.shape());
  if (arguments.dx.data() != nullptr) require_equal("batch_norm", "input gradient shape", x, arguments.dx.shape());
  if (arguments.dweight.data() != nullptr) {
    require_per_channel("the weight gradient", x, arguments.dweight.shape());
    require_per_channel("the bias gradient", x, arguments.dbias.shape());
  }
  kernels::batch_norm_backward(arguments);
}

/// value += fraction * (target - value), elementwise, as (1 - fraction) * value + fraction * target.
/// Throws ShapeError if the shapes differ.
template <Scalar T, Device D>
void move_towards(In<T, D> target, double fraction, View<T, D> value) {
  require_equal("move_towards", "target shape", value.shape(), target.shape());
  kernels::move_towards(target, fraction, value);
}

}  // namespace fusiform
