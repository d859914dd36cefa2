#pragma once

#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/add.hpp>
#include <fusiform/ops/copy.hpp>

namespace fusiform {

/// Sum of two or more inputs of one shape: the junction of a residual block.
template <Scalar T, Device D>
class Add : public Layer<T, D> {
 public:
  [[nodiscard]] std::string kind() const override { return "add"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs.size() < 2) throw ShapeError(text("add: expected at least 2 inputs, got ", inputs.size()));
    for (const Shape& input : inputs) require_equal("add", "summand shape", inputs.front(), input);
    return inputs.front();
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override {
    return {.inputs = false, .output = false, .in_place = true};
  }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override { add(pass.inputs, pass.output); }

  void backward(const BackwardArguments<T, D>& pass) override {
    for (const View<T, D>& gradient : pass.input_gradients)
      if (gradient.data() != nullptr && gradient.data() != pass.output_gradient.data())
        copy(pass.output_gradient, gradient);
  }
};

}  // namespace fusiform
