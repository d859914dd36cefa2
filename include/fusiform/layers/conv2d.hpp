#pragma once

#include <array>

#include <fusiform/layers/initializer.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/layers/rounded_weight.hpp>
#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/conv2d_max_pool2d.hpp>

namespace fusiform {

struct Conv2dConfig {
  Index in = 0;        ///< channels
  Index out = 0;       ///< channels
  Index kernel = 0;    ///< height and width, unless given one by one:
  Index kernel_h = 0;  ///< 0: `kernel`
  Index kernel_w = 0;  ///< 0: `kernel`
  Index stride = 1;
  Index padding = 0;
  bool bias = true;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;  ///< how to compute it; no part of a net's description
};

/// Two-dimensional convolution: (H, W, in) -> (H', W', out). Throws ConfigError for settings that make no layer.
template <Scalar T, Device D>
class Conv2d final : public Layer<T, D> {
 public:
  explicit Conv2d(const Conv2dConfig& config) : config_(config) {
    if (config_.kernel_h == 0) config_.kernel_h = config_.kernel;
    if (config_.kernel_w == 0) config_.kernel_w = config_.kernel;
    require_setting(config_.in >= 1, "conv2d", "in >= 1 channels", config_.in);
    require_setting(config_.out >= 1, "conv2d", "out >= 1 channels", config_.out);
    require_setting(config_.kernel_h >= 1, "conv2d", "kernel height >= 1", config_.kernel_h);
    require_setting(config_.kernel_w >= 1, "conv2d", "kernel width >= 1", config_.kernel_w);
    require_setting(config_.stride >= 1, "conv2d", "stride >= 1", config_.stride);
    require_setting(config_.padding >= 0, "conv2d", "padding >= 0", config_.padding);
    parameters_[0] = Parameter<T, D>::learned("weight", {config_.out, config_.kernel_h, config_.kernel_w, config_.in},
                                              ParameterLayout::conv_filter);
    if (config_.bias) parameters_[1] = Parameter<T, D>::learned("bias", {config_.out});
  }

  [[nodiscard]] const Conv2dConfig& config() const noexcept { return config_; }

  /// Another way to compute the same; the next pass uses it.
  void set_algorithm(ConvAlgorithm algorithm) noexcept { config_.algorithm = algorithm; }

  [[nodiscard]] std::string kind() const override { return "conv2d"; }

  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    return {{"in", static_cast<double>(config_.in)},
            {"out", static_cast<double>(config_.out)},
            {"kernel_h", static_cast<double>(config_.kernel_h)},
            {"kernel_w", static_cast<double>(config_.kernel_w)},
            {"stride", static_cast<double>(config_.stride)},
            {"padding", static_cast<double>(config_.padding)},
            {"bias", config_.bias ? 1.0 : 0.0}};
  }

  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    require_equal("conv2d", "input", std::size_t{1}, inputs.size());
    require_equal("conv2d", "dimensions of the input (H, W, C)", 3, inputs[0].rank());
    return conv2d_output_shape(inputs[0].batched(1), weight().shape(), settings()).without_batch();
  }

  [[nodiscard]] bool can_be_recorded() const override { return config_.algorithm != ConvAlgorithm::cudnn; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = true, .output = false}; }

  [[nodiscard]] std::size_t state_bytes(const Shape& /*output*/, Mode /*mode*/, bool /*backward*/) const override {
    return rounded_weight_bytes<T, D>(weight());
  }

  [[nodiscard]] bool can_end_with_relu() const override { return true; }

  // On the CPU these would be passes of their own, over the same memory.
  [[nodiscard]] bool can_end_with_max_pool() const override { return std::same_as<D, Cuda>; }
  [[nodiscard]] bool can_pass_back_through_relu() const override { return std::same_as<D, Cuda>; }

  [[nodiscard]] std::optional<ChannelTerms<T, D>> channel_terms() const override {
    return ChannelTerms<T, D>{weight(), config_.stride, config_.padding};
  }

  void forward(const ForwardArguments<T, D>& pass) const override {
    const View<const T, D> rounded = round_weight<T, D>(weight(), pass.state);
    if (pass.max_pool) {
      conv2d_max_pool2d_forward<T, D>(pass.inputs[0], rounded, bias(), settings(pass.relu), pass.max_pool->after_relu,
                                      pass.output, pass.max_pool->positions);
      return;
    }
    // Weights change with every training step: there is nothing to keep then.
    FilterCache<T, D>* cache = pass.mode == Mode::evaluate ? &filters_ : nullptr;
    conv2d_forward<T, D>(pass.inputs[0], rounded, bias(), settings(pass.relu), pass.output, cache);
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() != nullptr)
      conv2d_backward_input<T, D>(pass.output_gradient, rounded_weight<T, D>(weight(), pass.state), settings(),
                                  pass.input_gradients[0], pass.after_relu ? pass.inputs[0] : View<const T, D>());
    if (!pass.parameter_gradients) return;
    conv2d_backward_parameters<T, D>(pass.inputs[0], pass.output_gradient, settings(), parameters_[0].gradient.view(),
                                     parameters_[1].gradient.view());
  }

  /// Weights Kaiming-normal by fan-out, bias 0.
  void initialize(Rng rng) override {
    fill_on_cpu(parameters_[0].value, [&](Tensor<Master<T>, Cpu>& values) { kaiming_normal_fan_out(values, rng); });
    if (config_.bias) fill_on_cpu(parameters_[1].value, [](Tensor<Master<T>, Cpu>& values) { values.fill(0); });
  }

  using Layer<T, D>::parameters;
  [[nodiscard]] std::span<Parameter<T, D>> parameters() override {
    return std::span(parameters_).first(config_.bias ? 2 : 1);
  }

 private:
  [[nodiscard]] Conv2dOptions settings(bool relu = false) const {
    return {.stride = config_.stride, .padding = config_.padding, .relu = relu, .algorithm = config_.algorithm};
  }
  [[nodiscard]] const Tensor<Master<T>, D>& weight() const { return parameters_[0].value; }
  [[nodiscard]] View<const Master<T>, D> bias() const {
    return config_.bias ? parameters_[1].value.view() : View<const Master<T>, D>();
  }

  Conv2dConfig config_;
  std::array<Parameter<T, D>, 2> parameters_;  // weight, bias
  mutable FilterCache<T, D> filters_;          // one for all threads that evaluate
};

}  // namespace fusiform
