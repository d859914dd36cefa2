#pragma once

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/relu.hpp>

namespace fusiform {

/// max(x, 0), for inputs of any shape.
template <Scalar T, Device D>
class Relu : public Layer<T, D> {
 public:
  [[nodiscard]] std::string kind() const override { return "relu"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override { return only_input("relu", inputs); }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = false, .output = true}; }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override { relu_forward(pass.inputs[0], pass.output); }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() != nullptr)
      relu_backward(pass.output, pass.output_gradient, pass.input_gradients[0]);
  }
};

}  // namespace fusiform
