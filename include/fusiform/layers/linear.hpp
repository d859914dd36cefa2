#pragma once

#include <array>

#include <fusiform/layers/initializer.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/layers/rounded_weight.hpp>
#include <fusiform/ops/linear.hpp>

namespace fusiform {

struct LinearConfig {
  Index in = 0;   ///< features
  Index out = 0;  ///< features
  bool bias = true;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;  ///< how to compute it; no part of a net's description
};

/// y = x w^T + b: (in) -> (out). Throws ConfigError for settings that make no layer.
template <Scalar T, Device D>
class Linear final : public Layer<T, D> {
 public:
  explicit Linear(const LinearConfig& config) : config_(config) {
    require_setting(config_.in >= 1, "linear", "in >= 1 features", config_.in);
    require_setting(config_.out >= 1, "linear", "out >= 1 features", config_.out);
    parameters_[0] = Parameter<T, D>::learned("weight", {config_.out, config_.in}, ParameterLayout::linear_weight);
    if (config_.bias) parameters_[1] = Parameter<T, D>::learned("bias", {config_.out});
  }

  [[nodiscard]] const LinearConfig& config() const noexcept { return config_; }

  /// Another way to compute the same; the next pass uses it.
  void set_algorithm(ConvAlgorithm algorithm) noexcept { config_.algorithm = algorithm; }

  [[nodiscard]] std::string kind() const override { return "linear"; }

  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    return {{"in", static_cast<double>(config_.in)},
            {"out", static_cast<double>(config_.out)},
            {"bias", config_.bias ? 1.0 : 0.0}};
  }

  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    require_equal("linear", "input", std::size_t{1}, inputs.size());
    require_equal("linear", "dimensions of the input (features)", 1, inputs[0].rank());
    return linear_output_shape(inputs[0].batched(1), weight().shape()).without_batch();
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = true, .output = false}; }

  [[nodiscard]] std::size_t state_bytes(const Shape& /*output*/, Mode /*mode*/, bool /*backward*/) const override {
    return rounded_weight_bytes<T, D>(weight());
  }

  [[nodiscard]] bool can_end_with_relu() const override { return true; }

  [[nodiscard]] std::optional<ChannelTerms<T, D>> channel_terms() const override {
    return ChannelTerms<T, D>{weight()};
  }

  void forward(const ForwardArguments<T, D>& pass) const override {
    linear_forward<T, D>(pass.inputs[0], round_weight<T, D>(weight(), pass.state), bias(), pass.output,
                         settings(pass.relu));
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() != nullptr)
      linear_backward_input<T, D>(pass.output_gradient, rounded_weight<T, D>(weight(), pass.state),
                                  pass.input_gradients[0], settings());
    if (!pass.parameter_gradients) return;
    linear_backward_parameters<T, D>(pass.inputs[0], pass.output_gradient, parameters_[0].gradient.view(),
                                     parameters_[1].gradient.view(), settings());
  }

  /// Weights N(0, 0.01^2), bias 0 (the authors' nets).
  void initialize(Rng rng) override {
    fill_on_cpu(parameters_[0].value, [&](Tensor<Master<T>, Cpu>& values) { normal(values, 0.01, rng); });
    if (config_.bias) fill_on_cpu(parameters_[1].value, [](Tensor<Master<T>, Cpu>& values) { values.fill(0); });
  }

  using Layer<T, D>::parameters;
  [[nodiscard]] std::span<Parameter<T, D>> parameters() override {
    return std::span(parameters_).first(config_.bias ? 2 : 1);
  }

 private:
  [[nodiscard]] LinearOptions settings(bool relu = false) const {
    return {.relu = relu, .algorithm = config_.algorithm};
  }
  [[nodiscard]] const Tensor<Master<T>, D>& weight() const { return parameters_[0].value; }
  [[nodiscard]] View<const Master<T>, D> bias() const {
    return config_.bias ? parameters_[1].value.view() : View<const Master<T>, D>();
  }

  LinearConfig config_;
  std::array<Parameter<T, D>, 2> parameters_;  // weight, bias
};

}  // namespace fusiform
