#pragma once

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/avg_pool2d.hpp>

namespace fusiform {

/// Mean over a sliding window: (H, W, C) to (H', W', C).
template <Scalar T, Device D>
class AvgPool2d : public Layer<T, D> {
 public:
  /// Throws ConfigError for an impossible window.
  explicit AvgPool2d(const AvgPool2dOptions& options) : options_(options) {
    require_window("avg_pool2d", options.window());
  }

  [[nodiscard]] std::string kind() const override { return "avg_pool2d"; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    const PoolWindow window = options_.window();
    return {{"kernel", static_cast<double>(window.kernel)},
            {"stride", static_cast<double>(window.stride)},
            {"padding", static_cast<double>(window.padding)},
            {"count_include_pad", options_.count_include_pad ? 1.0 : 0.0}};
  }

  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    return avg_pool2d_output_shape(only_input("avg_pool2d", inputs).batched(1), options_).without_batch();
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = false, .output = false}; }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override {
    avg_pool2d_forward(pass.inputs[0], options_, pass.output);
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() != nullptr)
      avg_pool2d_backward(pass.output_gradient, options_, pass.input_gradients[0]);
  }

 private:
  AvgPool2dOptions options_;
};

}  // namespace fusiform
