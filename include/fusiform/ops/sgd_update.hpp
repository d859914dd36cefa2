#pragma once
/// One step of stochastic gradient descent with momentum, in one pass over memory.

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/sgd_update.hpp>
#include <fusiform/ops/update_settings.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void sgd_update(View<const T, Cuda> gradient, const SgdSettings& settings, View<T, Cuda> velocity, View<T, Cuda> value);
}  // namespace kernels

/// d = gradient + weight_decay * value; velocity = momentum * velocity + d; value -= learning_rate * velocity:
/// PyTorch's SGD without dampening, whose first step is that of a velocity of 0. Throws ShapeError unless all shapes
/// are equal.
template <Scalar T, Device D>
void sgd_update(In<T, D> gradient, const SgdSettings& settings, View<T, D> velocity, View<T, D> value) {
  require_equal("sgd", "gradient shape", value.shape(), gradient.shape());
  require_equal("sgd", "velocity shape", value.shape(), velocity.shape());
  kernels::sgd_update(gradient, settings, velocity, value);
}

}  // namespace fusiform
