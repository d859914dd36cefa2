#pragma once

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/copy.hpp>

namespace fusiform {

/// (H, W, C) to (H * W * C), channels fastest. PyTorch's order is (C, H, W): import permutes the linear layer behind.
template <Scalar T, Device D>
class Flatten : public Layer<T, D> {
 public:
  [[nodiscard]] std::string kind() const override { return "flatten"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    return {only_input("flatten", inputs).size()};
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override {
    return {.inputs = false, .output = false, .in_place = true};
  }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override { copy(pass.inputs[0], pass.output); }

  void backward(const BackwardArguments<T, D>& pass) override {
    const View<T, D> gradient = pass.input_gradients[0];
    if (gradient.data() != nullptr && gradient.data() != pass.output_gradient.data())
      copy(pass.output_gradient, gradient);
  }
};

}  // namespace fusiform
