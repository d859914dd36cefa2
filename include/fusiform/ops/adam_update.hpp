#pragma once
/// One step of Adam (Kingma & Ba 2015) in one pass over memory.

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/adam_update.hpp>
#include <fusiform/ops/update_settings.hpp>

namespace fusiform {

/// Running means of the gradient and of its square; of the parameter's shape, 0 before the first step.
template <class T, Device D>
struct AdamMoments {
  View<T, D> mean;
  View<T, D> square;
};

namespace kernels {
template <Scalar T>
void adam_update(View<const T, Cuda> gradient, const AdamSettings& settings, View<T, Cuda> mean, View<T, Cuda> square,
                 View<T, Cuda> value);
}  // namespace kernels

/// d = gradient + weight_decay * value; mean and square move towards d and d^2 by 1 - beta1 and 1 - beta2;
/// value -= step_size * mean / (sqrt(square) / root_correction + eps): PyTorch's Adam.
/// Throws ShapeError unless all shapes are equal.
template <Scalar T, Device D>
void adam_update(In<T, D> gradient, const AdamSettings& settings, const AdamMoments<T, D>& moments, View<T, D> value) {
  require_equal("adam", "gradient shape", value.shape(), gradient.shape());
  require_equal("adam", "mean shape", value.shape(), moments.mean.shape());
  require_equal("adam", "square shape", value.shape(), moments.square.shape());
  kernels::adam_update(gradient, settings, moments.mean, moments.square, value);
}

}  // namespace fusiform
