#pragma once
/// What every layer of a network offers. User-defined layers derive from `Layer` (see examples/custom_layer.cpp).

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/layers/parameter.hpp>
#include <fusiform/ops/channel_update.hpp>

namespace fusiform {

/// Whether dropout drops and batch norm uses the statistics of the batch (`train`) or not (`evaluate`).
enum class Mode { evaluate, train };

/// What one forward pass leaves behind for its backward pass. Kept outside the layer, so that several threads can run
/// one network at the same time. What is in it is the layer's own business.
template <Scalar T, Device D>
struct LayerState {
  std::vector<Tensor<Master<T>, D>> values;
  Tensor<T, D> weight;  ///< see rounded_weight.hpp
  Tensor<std::int32_t, D> indices;
  Storage<Rng, D> stream;  ///< of recorded passes; see Layer::set_stream
};

/// A max pooling of 2 x 2 windows side by side that a layer does at its end; see ops/max_pool2d.hpp.
template <Device D>
struct FinalMaxPool {
  View<std::int32_t, D> positions;  ///< of the output's shape, to be overwritten; data() == nullptr: not wanted
  bool after_relu = false;          ///< MaxPool2dOptions::after_relu
};

template <Scalar T, Device D>
struct ForwardArguments {
  std::span<const View<const T, D>> inputs;  ///< one per layer that is read, batch first
  View<T, D> output;                         ///< of shape output_shape(), or pooled; batched; to be overwritten
  LayerState<T, D>& state;
  Mode mode = Mode::evaluate;
  Rng rng{0};            ///< this layer's own random stream in this pass
  bool relu = false;     ///< end with max(., 0); only asked of layers that `can_end_with_relu`
  bool backward = true;  ///< false: no backward pass follows, the state need hold nothing for it
  /// The input is a ReLU's output, and the backward pass is to make the gradient of what it was before the ReLU: zero
  /// where the input is not positive. Only asked of layers that `can_pass_back_through_relu`.
  bool after_relu = false;
  /// The pass is being recorded (core/cuda_graph.hpp): read the random stream from the state, `rng` means nothing.
  bool recorded = false;
  /// End with this, after the ReLU if there is one; only asked of layers that `can_end_with_max_pool`.
  std::optional<FinalMaxPool<D>> max_pool{};
};

template <Scalar T, Device D>
struct BackwardArguments {
  std::span<const View<const T, D>> inputs;     ///< as in the forward pass; see BackwardNeeds
  View<const T, D> output;                      ///< what the forward pass wrote; see BackwardNeeds
  View<const T, D> output_gradient;             ///< d loss / d output
  std::span<const View<T, D>> input_gradients;  ///< to be overwritten; a view with data() == nullptr is not wanted
  LayerState<T, D>& state;                      ///< what the forward pass left
  bool parameter_gradients = true;              ///< false: leave Parameter::gradient alone (frozen layer)
  bool after_relu = false;                      ///< as in the forward pass
};

/// What a backward pass reads of the forward pass's values. A network gives memory that is not needed to others: the
/// view then has its shape and data() == nullptr.
struct BackwardNeeds {
  bool inputs = true;
  bool output = true;
  bool in_place = false;  ///< the first input's gradient may be written where the output's gradient lies
};

template <Scalar T, Device D>
class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// The word for this layer in a network's description: "conv2d", "relu".
  [[nodiscard]] virtual std::string kind() const = 0;

  /// The settings that `kind()` needs to build the same layer again, in the order to print them.
  [[nodiscard]] virtual std::vector<std::pair<std::string, double>> options() const { return {}; }

  /// Shape of one image's output for the shapes of one image's inputs, both without the batch: (H, W, C) or (C).
  /// Throws ShapeError if the inputs do not fit; the network adds the layer's name.
  [[nodiscard]] virtual Shape output_shape(std::span<const Shape> inputs) const = 0;

  /// Does not change the layer: running statistics wait in the state for `update_statistics`.
  virtual void forward(const ForwardArguments<T, D>& pass) const = 0;

  /// Overwrites the gradients of the inputs that are wanted and of the layer's own parameters.
  virtual void backward(const BackwardArguments<T, D>& pass) = 0;

  /// Fills the learned tensors with starting values (spec: convolutions Kaiming-normal by fan-out, linear layers
  /// N(0, 0.01^2), biases 0, batch-norm scales 1).
  virtual void initialize(Rng /*rng*/) {}

  /// What `backward` reads. The default is always right; saying less saves memory.
  [[nodiscard]] virtual BackwardNeeds backward_needs() const { return {}; }

  /// Whether `forward` can put out max(., 0) of its values at once. A network then leaves it the work of a ReLU that
  /// is its only reader, and the layer's own values are never stored: so `backward` must not need its output.
  [[nodiscard]] virtual bool can_end_with_relu() const { return false; }

  /// The same for a max pooling of 2 x 2 windows side by side that is the only reader of the layer, or of a ReLU that
  /// the layer ends with.
  [[nodiscard]] virtual bool can_end_with_max_pool() const { return false; }

  /// Whether `backward` can do the work of a ReLU before this layer, of which it is the only reader; see
  /// ForwardArguments::after_relu. A network then spares a pass over the ReLU's gradient.
  [[nodiscard]] virtual bool can_pass_back_through_relu() const { return false; }

  /// Whether in evaluation each channel of the output depends on the same channel of the inputs only, at whatever
  /// positions. Channels are the last dimension; flattening (H, W, C) keeps them apart too.
  [[nodiscard]] virtual bool keeps_channels_apart() const { return false; }

  /// How channels enter the output, of a layer that adds up one term for each (see ops/channel_update.hpp); lesions of
  /// single channels then cost one term. Nothing of other layers.
  [[nodiscard]] virtual std::optional<ChannelTerms<T, D>> channel_terms() const { return std::nullopt; }

  /// Whether a pass through this layer that a GPU has recorded (core/cuda_graph.hpp) may be replayed for other images:
  /// `forward` and `backward` start nothing but operations on the same tensors, wait for nothing, and pass on no number
  /// that changes from pass to pass. Training then replays its steps.
  [[nodiscard]] virtual bool can_be_recorded() const { return false; }

  /// Puts this layer's random stream of the next pass where a recorded pass reads it: LayerState::stream. For layers
  /// that draw random numbers and can be recorded.
  virtual void set_stream(const Rng& /*rng*/, LayerState<T, D>& /*state*/) const {}

  /// Bytes that a pass leaves in the state, for an output of shape `output` (with its batch). For predictions only.
  [[nodiscard]] virtual std::size_t state_bytes(const Shape& /*output*/, Mode /*mode*/, bool /*backward*/) const {
    return 0;
  }

  /// Called once after each training forward pass. Batch norm takes its running statistics from the state here.
  virtual void update_statistics(const LayerState<T, D>& /*state*/) {}

  /// Learned and recorded tensors, in PyTorch's order.
  [[nodiscard]] virtual std::span<Parameter<T, D>> parameters() { return {}; }
  [[nodiscard]] std::span<const Parameter<T, D>> parameters() const {
    return const_cast<Layer*>(this)->parameters();  // NOLINT(cppcoreguidelines-pro-type-const-cast): adds const
  }
};

}  // namespace fusiform
