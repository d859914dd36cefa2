#pragma once

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/dropout.hpp>

namespace fusiform {

struct DropoutOptions {
  double probability = 0.5;  ///< of an element to be dropped
};

/// Inverted dropout, for inputs of any shape. In training the mask, one bit per element, stays in the state; it
/// depends on the layer's random stream and the element's place in the batch. In evaluation it is the identity.
template <Scalar T, Device D>
class Dropout : public Layer<T, D> {
 public:
  /// Throws ConfigError if the probability is not in 0..1.
  explicit Dropout(const DropoutOptions& options) : options_(options) {
    require_setting(options.probability >= 0 && options.probability <= 1, "dropout", "probability in 0..1",
                    options.probability);
  }

  [[nodiscard]] std::string kind() const override { return "dropout"; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    return {{"probability", options_.probability}};
  }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    return only_input("dropout", inputs);
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = false, .output = false}; }

  [[nodiscard]] std::size_t state_bytes(const Shape& output, Mode mode, bool /*backward*/) const override {
    return mode == Mode::train ? static_cast<std::size_t>(dropout_mask_shape(output).size()) * sizeof(std::int32_t) : 0;
  }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override {
    if (pass.mode == Mode::evaluate) {
      pass.state.indices.resize(Shape{0});
      copy(pass.inputs[0], pass.output);
      return;
    }
    pass.state.indices.resize(dropout_mask_shape(pass.output.shape()));
    if constexpr (std::same_as<D, Cuda>) {
      if (pass.recorded) {
        dropout_forward_recorded<T>(pass.inputs[0], options_.probability, pass.state.stream.data(), pass.output,
                                    pass.state.indices.view());
        return;
      }
    }
    dropout_forward(pass.inputs[0], options_.probability, pass.rng, pass.output, pass.state.indices.view());
  }

  void set_stream(const Rng& rng, LayerState<T, D>& state) const override {
    if constexpr (std::same_as<D, Cuda>) {
      if (state.stream.data() == nullptr) state.stream = Storage<Rng, D>(1);
      set_dropout_stream(rng, state.stream.data());
    }
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() == nullptr) return;
    if (pass.state.indices.empty())  // the forward pass was an evaluation
      copy(pass.output_gradient, pass.input_gradients[0]);
    else
      dropout_backward(pass.output_gradient, pass.state.indices, options_.probability, pass.input_gradients[0]);
  }

 private:
  DropoutOptions options_;
};

}  // namespace fusiform
