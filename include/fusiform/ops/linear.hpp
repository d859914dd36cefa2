#pragma once
/// y = x w^T + b and its gradients. x: (N, in), w: (out, in), b: (out), y: (N, out). w has the scalar of x, its
/// gradient and b that of parameters, Master<T>. Outputs are overwritten. Throws ShapeError if the shapes do not fit,
/// ConfigError for an algorithm that the device does not have.

#include <fusiform/core/shape.hpp>
#include <fusiform/ops/cpu/linear.hpp>
#include <fusiform/ops/linear_options.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void linear_forward(View<const T, Cuda> x, View<const T, Cuda> weight, View<const Master<T>, Cuda> bias,
                    View<T, Cuda> y, const LinearOptions& options);
template <Scalar T>
void linear_backward_input(View<const T, Cuda> dy, View<const T, Cuda> weight, View<T, Cuda> dx,
                           const LinearOptions& options);
template <Scalar T>
void linear_backward_weight(View<const T, Cuda> x, View<const T, Cuda> dy,
                            std::type_identity_t<View<Master<T>, Cuda>> dw, const LinearOptions& options);
template <Scalar T>
void linear_backward_bias(View<const T, Cuda> dy, std::type_identity_t<View<Master<T>, Cuda>> db);
void linear_backward_parameters(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy, View<float, Cuda> dw,
                                View<float, Cuda> db, const LinearOptions& options);
}  // namespace kernels

/// (N, in) and (out, in) -> (N, out). Throws ShapeError if `in` differs.
[[nodiscard]] inline Shape linear_output_shape(const Shape& x, const Shape& weight) {
  require_equal("linear", "dimensions of the input (N, in)", 2, x.rank());
  require_equal("linear", "dimensions of the weights (out, in)", 2, weight.rank());
  require_equal("linear", "input features", weight[1], x[1]);
  return {x[0], weight[0]};
}

/// A bias with data() == nullptr is none. With `options.relu` y is the larger of that and 0.
/// The bits of an image's y do not depend on the batch that it is in.
template <Scalar T, Device D>
void linear_forward(In<T, D> x, In<T, D> weight, In<Master<T>, D> bias, View<T, D> y,
                    const LinearOptions& options = {}) {
  require_equal("linear_forward", "output", linear_output_shape(x.shape(), weight.shape()), y.shape());
  if (bias.data() != nullptr) require_equal("linear_forward", "biases", weight.shape()[0], bias.size());
  kernels::linear_forward(x, weight, bias, y, options);
}

/// dx = dy w. The bits of an image's dx do not depend on the batch that it is in.
template <Scalar T, Device D>
void linear_backward_input(In<T, D> dy, In<T, D> weight, View<T, D> dx, const LinearOptions& options = {}) {
  require_equal("linear_backward_input", "output gradient", linear_output_shape(dx.shape(), weight.shape()),
                dy.shape());
  kernels::linear_backward_input(dy, weight, dx, options);
}

/// dw = dy^T x
template <Scalar T, Device D>
void linear_backward_weight(In<T, D> x, In<T, D> dy, std::type_identity_t<View<Master<T>, D>> dw,
                            const LinearOptions& options = {}) {
  require_equal("linear_backward_weight", "output gradient", linear_output_shape(x.shape(), dw.shape()), dy.shape());
  kernels::linear_backward_weight(x, dy, dw, options);
}

/// db(o) = sum over n of dy(n, o)
template <Scalar T, Device D>
void linear_backward_bias(In<T, D> dy, std::type_identity_t<View<Master<T>, D>> db) {
  require_equal("linear_backward_bias", "bias gradient", Shape{dy.shape().channels()}, db.shape());
  kernels::linear_backward_bias(dy, db);
}

/// Both: dw as linear_backward_weight and, unless db.data() == nullptr, db as linear_backward_bias; bf16 kernels read
/// dy only once for them.
template <Scalar T, Device D>
void linear_backward_parameters(In<T, D> x, In<T, D> dy, View<Master<T>, D> dw, View<Master<T>, D> db,
                                const LinearOptions& options = {}) {
  if constexpr (std::same_as<D, Cuda> && std::same_as<T, bfloat16>) {
    require_equal("linear_backward_parameters", "output gradient", linear_output_shape(x.shape(), dw.shape()),
                  dy.shape());
    if (db.data() != nullptr)
      require_equal("linear_backward_parameters", "bias gradient", Shape{dy.shape().channels()}, db.shape());
    kernels::linear_backward_parameters(x, dy, dw, db, options);
  } else {
    linear_backward_weight<T, D>(x, dy, dw, options);
    if (db.data() != nullptr) linear_backward_bias<T, D>(dy, db);
  }
}

}  // namespace fusiform
