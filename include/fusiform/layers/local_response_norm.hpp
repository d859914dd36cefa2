#pragma once

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/local_response_norm.hpp>

namespace fusiform {

/// Local response normalisation across channels, for (H, W, C) or (C). Its state is empty: backward starts from x.
template <Scalar T, Device D>
class LocalResponseNorm : public Layer<T, D> {
 public:
  /// Throws ConfigError if size < 1.
  explicit LocalResponseNorm(const LocalResponseNormOptions& options) : options_(options) {
    require_setting(options.size >= 1, "local_response_norm", "size >= 1", options.size);
  }

  [[nodiscard]] std::string kind() const override { return "local_response_norm"; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    return {{"size", static_cast<double>(options_.size)},
            {"alpha", options_.alpha},
            {"beta", options_.beta},
            {"k", options_.k}};
  }

  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    return only_input("local_response_norm", inputs);
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = true, .output = false}; }

  void forward(const ForwardArguments<T, D>& pass) const override {
    local_response_norm_forward(pass.inputs[0], options_, pass.output);
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() != nullptr)
      local_response_norm_backward(pass.inputs[0], pass.output_gradient, options_, pass.input_gradients[0]);
  }

 private:
  LocalResponseNormOptions options_;
};

}  // namespace fusiform
