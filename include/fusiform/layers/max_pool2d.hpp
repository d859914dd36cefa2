#pragma once

#include <fusiform/layers/inputs.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/max_pool2d.hpp>

namespace fusiform {

/// Maximum over a sliding window: (H, W, C) to (H', W', C). For a backward pass the state holds where each maximum
/// was; nowhere if a ReLU before will let no gradient through to it.
template <Scalar T, Device D>
class MaxPool2d : public Layer<T, D> {
 public:
  /// Throws ConfigError for an impossible window.
  explicit MaxPool2d(const MaxPool2dOptions& options) : options_(options) {
    require_window("max_pool2d", options.window());
  }

  [[nodiscard]] std::string kind() const override { return "max_pool2d"; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    const PoolWindow window = options_.window();
    return {{"kernel", static_cast<double>(window.kernel)},
            {"stride", static_cast<double>(window.stride)},
            {"padding", static_cast<double>(window.padding)}};
  }

  /// Whether this is the pooling that a layer before may do; see Layer::can_end_with_max_pool.
  [[nodiscard]] bool has_2x2_windows_side_by_side() const noexcept {
    const PoolWindow window = options_.window();
    return window.kernel == 2 && window.stride == 2 && window.padding == 0;
  }

  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override {
    return max_pool2d_output_shape(only_input("max_pool2d", inputs).batched(1), options_).without_batch();
  }

  [[nodiscard]] bool can_be_recorded() const override { return true; }

  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = false, .output = false}; }

  [[nodiscard]] std::size_t state_bytes(const Shape& output, Mode /*mode*/, bool backward) const override {
    return backward ? static_cast<std::size_t>(output.size()) * sizeof(std::int32_t) : 0;
  }

  [[nodiscard]] bool can_pass_back_through_relu() const override { return true; }

  [[nodiscard]] bool keeps_channels_apart() const override { return true; }

  void forward(const ForwardArguments<T, D>& pass) const override {
    if (!pass.backward) {
      max_pool2d_forward(pass.inputs[0], options_, pass.output, {});
      return;
    }
    MaxPool2dOptions options = options_;
    options.after_relu = pass.after_relu;
    max_pool2d_forward(pass.inputs[0], options, pass.output, positions_in(pass.state, pass.output.shape()));
  }

  /// Where a forward pass with an output of shape `output` writes what `backward` reads of `state`: the maxima's
  /// positions as max_pool2d_forward makes them. For a layer that does this one's work.
  [[nodiscard]] static View<std::int32_t, D> positions_in(LayerState<T, D>& state, const Shape& output) {
    state.indices.resize(output);
    return state.indices.view();
  }

  void backward(const BackwardArguments<T, D>& pass) override {
    if (pass.input_gradients[0].data() != nullptr)
      max_pool2d_backward(pass.output_gradient, pass.state.indices, options_, pass.input_gradients[0]);
  }

 private:
  MaxPool2dOptions options_;
};

}  // namespace fusiform
