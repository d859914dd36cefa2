#pragma once

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/avg_pool2d.hpp>

namespace fusiform {

/// Mean over the whole image, whatever its size: (H, W, C) to (1, 1, C), as PyTorch's AdaptiveAvgPool2d(1).
template <Scalar T, Device D>
class GlobalAvgPool2d : public Layer<T, D> {
 public:
  [[nodiscard]] std::string kind() const override { return "global_avg_pool2d"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    return global_avg_pool2d_output_shape(only_input("global_avg_pool2d", inputs).batched(1)).without_batch();
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = false, .output = false}; }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override {
    global_avg_pool2d_forward(pass.inputs[0], pass.output);
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() != nullptr)
      global_avg_pool2d_backward(pass.output_gradient, pass.input_gradients[0]);
  }
};

}  // namespace fusiform
