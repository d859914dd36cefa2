#pragma once
/// Two-dimensional convolution (cross-correlation, as in every deep-learning library) and its gradients.
/// Images are (N, H, W, C), filters (out, kernel_h, kernel_w, in). Filters have the images' scalar, their gradient and
/// the bias that of parameters, Master<T>. Outputs are overwritten. Throws as `conv2d_output_shape` does, and
/// ShapeError if an output or a gradient has another shape than the settings say.

#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/conv2d.hpp>
#include <fusiform/ops/filter_cache.hpp>
#include <fusiform/ops/relu.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void conv2d_forward(View<const T, Cuda> x, View<const T, Cuda> weight, View<const Master<T>, Cuda> bias,
                    const Conv2dOptions& options, View<T, Cuda> y, FilterCache<T, Cuda>* cache);
template <Scalar T>
void conv2d_backward_input(View<const T, Cuda> dy, View<const T, Cuda> weight, const Conv2dOptions& options,
                           View<const T, Cuda> relu_output, View<T, Cuda> dx);
template <Scalar T>
void conv2d_backward_weight(View<const T, Cuda> x, View<const T, Cuda> dy, const Conv2dOptions& options,
                            std::type_identity_t<View<Master<T>, Cuda>> dw);
template <Scalar T>
void conv2d_backward_bias(View<const T, Cuda> dy, std::type_identity_t<View<Master<T>, Cuda>> db);
void conv2d_backward_parameters(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy,
                                const Conv2dOptions& options, View<float, Cuda> dw, View<float, Cuda> db);
}  // namespace kernels

/// y(n, i, j, o) = bias(o) + sum over (a, b, c) of x(n, i stride + a - padding, j stride + b - padding, c)
/// weight(o, a, b, c). A bias with data() == nullptr is none. With `options.relu` the larger of that and 0.
/// `cache` keeps transformed filters for the next call with the same weights; nullptr: nothing is kept.
template <Scalar T, Device D>
void conv2d_forward(In<T, D> x, In<T, D> weight, In<Master<T>, D> bias, const Conv2dOptions& options, View<T, D> y,
                    FilterCache<T, D>* cache = nullptr) {
  require_equal("conv2d_forward", "output", conv2d_output_shape(x.shape(), weight.shape(), options), y.shape());
  if (bias.data() != nullptr) require_equal("conv2d_forward", "biases", weight.shape()[0], bias.size());
  kernels::conv2d_forward(x, weight, bias, options, y, cache);
}

/// dx = d loss / d x for dy = d loss / d y. With `relu_output`, x as the output of a ReLU, dx is the gradient of what
/// the ReLU was given, as by relu_backward: 0 where x is not positive. data() == nullptr: none.
template <Scalar T, Device D>
void conv2d_backward_input(In<T, D> dy, In<T, D> weight, const Conv2dOptions& options, View<T, D> dx,
                           In<T, D> relu_output = {}) {
  require_equal("conv2d_backward_input", "output gradient", conv2d_output_shape(dx.shape(), weight.shape(), options),
                dy.shape());
  if (relu_output.data() != nullptr)
    require_equal("conv2d_backward_input", "ReLU's output", dx.shape(), relu_output.shape());
  if constexpr (std::same_as<D, Cuda>) {
    kernels::conv2d_backward_input<T>(dy, weight, options, relu_output, dx);
  } else {
    kernels::conv2d_backward_input(dy, weight, options, dx);
    if (relu_output.data() != nullptr) relu_backward<T, D>(relu_output, dx, dx);
  }
}

/// dw = d loss / d weight for dy = d loss / d y.
template <Scalar T, Device D>
void conv2d_backward_weight(In<T, D> x, In<T, D> dy, const Conv2dOptions& options,
                            std::type_identity_t<View<Master<T>, D>> dw) {
  require_equal("conv2d_backward_weight", "output gradient", conv2d_output_shape(x.shape(), dw.shape(), options),
                dy.shape());
  kernels::conv2d_backward_weight(x, dy, options, dw);
}

/// db(o) = sum over (n, i, j) of dy(n, i, j, o). Throws ShapeError if db does not have one element per channel.
template <Scalar T, Device D>
void conv2d_backward_bias(In<T, D> dy, std::type_identity_t<View<Master<T>, D>> db) {
  require_equal("conv2d_backward_bias", "bias gradient", Shape{dy.shape().channels()}, db.shape());
  kernels::conv2d_backward_bias(dy, db);
}

/// Both: dw as conv2d_backward_weight and, unless db.data() == nullptr, db as conv2d_backward_bias; bf16 kernels read
/// dy only once for them.
template <Scalar T, Device D>
void conv2d_backward_parameters(In<T, D> x, In<T, D> dy, const Conv2dOptions& options, View<Master<T>, D> dw,
                                View<Master<T>, D> db) {
  if constexpr (std::same_as<D, Cuda> && std::same_as<T, bfloat16>) {
    require_equal("conv2d_backward_parameters", "output gradient", conv2d_output_shape(x.shape(), dw.shape(), options),
                  dy.shape());
    if (db.data() != nullptr)
      require_equal("conv2d_backward_parameters", "bias gradient", Shape{dy.shape().channels()}, db.shape());
    kernels::conv2d_backward_parameters(x, dy, options, dw, db);
  } else {
    conv2d_backward_weight<T, D>(x, dy, options, dw);
    if (db.data() != nullptr) conv2d_backward_bias<T, D>(dy, db);
  }
}

}  // namespace fusiform
