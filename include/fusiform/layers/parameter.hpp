#pragma once
/// A named tensor of a layer: learned (weights) or recorded (running statistics).

#include <string>
#include <utility>

#include <fusiform/core/tensor.hpp>

namespace fusiform {

/// How a tensor's axes differ from PyTorch's; import and export permute accordingly.
enum class ParameterLayout {
  plain,          ///< the same in both
  conv_filter,    ///< here (out, kernel_h, kernel_w, in), there (out, in, kernel_h, kernel_w)
  linear_weight,  ///< (out, in); if `in` is a flattened image, here in (H, W, C) order, there in (C, H, W) order
};

/// Of a layer whose activations are T.
template <Scalar T, Device D>
struct Parameter {
  std::string name;  ///< PyTorch's: "weight", "bias", "running_mean"
  Tensor<Master<T>, D> value;
  Tensor<Master<T>, D> gradient;  ///< same shape as `value`; empty if recorded or frozen
  ParameterLayout layout = ParameterLayout::plain;
  double rate_factor = 1;  ///< times the learning rate of a step; see set_rate_factor
  bool frozen = false;     ///< `value` stays as it is and `gradient` is empty; see Network::set_frozen

  /// A tensor that the optimiser changes.
  [[nodiscard]] static Parameter learned(std::string name, const Shape& shape,
                                         ParameterLayout layout = ParameterLayout::plain) {
    return {std::move(name), Tensor<Master<T>, D>(shape), Tensor<Master<T>, D>(shape), layout};
  }

  /// A tensor that the layer itself updates in training (running statistics).
  [[nodiscard]] static Parameter recorded(std::string name, const Shape& shape) {
    return {std::move(name), Tensor<Master<T>, D>(shape), Tensor<Master<T>, D>(), ParameterLayout::plain};
  }

  /// Not a recorded tensor; optimisers change it unless it is frozen.
  [[nodiscard]] bool is_learned() const noexcept { return frozen || gradient.shape() == value.shape(); }

  /// Whether it has a gradient and optimisers change it.
  [[nodiscard]] bool learns() const noexcept { return !frozen && is_learned(); }

  /// The gradient's memory goes with freezing, and comes back, zero, with thawing. Recorded tensors stay as they are.
  void set_frozen(bool now) {
    if (!is_learned() || frozen == now) return;
    frozen = now;
    gradient = frozen ? Tensor<Master<T>, D>() : Tensor<Master<T>, D>(value.shape());
  }
};

}  // namespace fusiform
