#pragma once

#include <array>

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/batch_norm.hpp>
#include <fusiform/ops/fill.hpp>

namespace fusiform {

struct BatchNormOptions {
  Index channels = 0;
  double eps = 1e-5;      ///< added to the variance
  double momentum = 0.1;  ///< share of the newest batch in the running statistics
};

/// Batch normalisation per channel, for (H, W, C) or (C). Parameters as in PyTorch: weight, bias, running_mean and
/// running_var. In training the statistics are the batch's; its state holds mean, inverse deviation and unbiased
/// variance. In evaluation they are the running ones; the state then holds mean and inverse deviation only.
template <Scalar T, Device D>
class BatchNorm : public Layer<T, D> {
 public:
  /// Throws ConfigError for settings out of range.
  explicit BatchNorm(const BatchNormOptions& options)
      : options_(options),
        parameters_{Parameter<T, D>::learned("weight", Shape{options.channels}),
                    Parameter<T, D>::learned("bias", Shape{options.channels}),
                    Parameter<T, D>::recorded("running_mean", Shape{options.channels}),
                    Parameter<T, D>::recorded("running_var", Shape{options.channels})} {
    require_setting(options.channels >= 1, "batch_norm", "channels >= 1", options.channels);
    require_setting(options.eps >= 0, "batch_norm", "eps >= 0", options.eps);
    require_setting(options.momentum >= 0 && options.momentum <= 1, "batch_norm", "momentum in 0..1", options.momentum);
    reset();
  }

  [[nodiscard]] std::string kind() const override { return "batch_norm"; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    return {
        {"channels", static_cast<double>(options_.channels)}, {"eps", options_.eps}, {"momentum", options_.momentum}};
  }

  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input("batch_norm", inputs);
    if (input.rank() < 1) throw ShapeError(text("batch_norm: expected (H, W, C) or (C), got ", input));
    require_equal("batch_norm", "input channels", options_.channels, input.channels());
    return input;
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = true, .output = false}; }

  [[nodiscard]] std::size_t state_bytes(const Shape& /*output*/, Mode mode, bool /*backward*/) const override {
    return static_cast<std::size_t>((mode == Mode::train ? 3 : 2) * options_.channels) * sizeof(Master<T>);
  }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override {
    auto& values = pass.state.values;
    values.resize(pass.mode == Mode::train ? 3 : 2);
    for (Tensor<Master<T>, D>& value : values) value.resize(Shape{options_.channels});
    if (pass.mode == Mode::train) {
      batch_norm_statistics<T, D>(pass.inputs[0], options_.eps, {values[0].view(), values[1].view(), values[2].view()});
    } else {
      values[0] = running_mean().value;
      inverse_deviation(running_variance().value, options_.eps, values[1].view());
    }
    batch_norm_apply<T, D>(pass.inputs[0], {values[0], values[1], weight().value, bias().value}, pass.output);
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    const auto& values = pass.state.values;
    BatchNormGradients<T, D> arguments{.x = pass.inputs[0],
                                       .dy = pass.output_gradient,
                                       .mean = values.at(0),
                                       .inverse_deviation = values.at(1),
                                       .weight = weight().value,
                                       .batch_statistics = values.size() == 3,
                                       .dx = pass.input_gradients[0],
                                       .dweight = {},
                                       .dbias = {}};
    if (pass.parameter_gradients) {
      arguments.dweight = parameters_[0].gradient.view();
      arguments.dbias = parameters_[1].gradient.view();
    }
    batch_norm_backward(arguments);
  }

  void initialize(Rng /*rng*/) override { reset(); }

  void update_statistics(const LayerState<T, D>& state) override {
    if (state.values.size() != 3) return;  // an evaluation pass measured nothing
    move_towards(state.values[0], options_.momentum, parameters_[2].value.view());
    move_towards(state.values[2], options_.momentum, parameters_[3].value.view());
  }

  [[nodiscard]] std::span<Parameter<T, D>> parameters() override { return parameters_; }

 private:
  [[nodiscard]] const Parameter<T, D>& weight() const noexcept { return parameters_[0]; }
  [[nodiscard]] const Parameter<T, D>& bias() const noexcept { return parameters_[1]; }
  [[nodiscard]] const Parameter<T, D>& running_mean() const noexcept { return parameters_[2]; }
  [[nodiscard]] const Parameter<T, D>& running_variance() const noexcept { return parameters_[3]; }

  void reset() {
    fill(1, parameters_[0].value.view());
    fill(0, parameters_[1].value.view());
    fill(0, parameters_[2].value.view());
    fill(1, parameters_[3].value.view());
  }

  BatchNormOptions options_;
  std::array<Parameter<T, D>, 4> parameters_;
};

}  // namespace fusiform
