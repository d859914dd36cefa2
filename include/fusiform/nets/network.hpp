#pragma once
/// A network: named layers in topological order, each of which names the layers it reads.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/layers/layer.hpp>
#include <fusiform/nets/activations.hpp>
#include <fusiform/ops/accumulate.hpp>

namespace fusiform {

/// Position of a node in its network. Node 0 is the input.
using NodeId = std::size_t;

template <Scalar T, Device D>
struct Node {
  std::string name;                    ///< PyTorch's where PyTorch has the net: "features.28"
  std::string alias;                   ///< the literature's: "conv5_3"; may be empty
  std::unique_ptr<Layer<T, D>> layer;  ///< null for the input
  std::vector<NodeId> inputs;          ///< nodes that are read, all of them earlier in the list
  Shape shape;                         ///< of one image's output: (H, W, C) or (features)
};

/// A learned or recorded tensor of a network under its full name, "features.28.weight".
template <Scalar T, Device D>
struct NamedParameter {
  std::string name;
  NodeId node{};
  Parameter<T, D>* parameter = nullptr;
};

/// Chains, branches at any point, residual additions and several heads are one structure. A head is a node that
/// nobody reads.
template <Scalar T, Device D>
class Network {
 public:
  /// `image` is the shape of one input image, (H, W, C).
  explicit Network(const Shape& image) { nodes_.push_back({"input", "", nullptr, {}, image}); }

  /// Appends a layer that reads the named nodes; none named: the node added last. Returns the new node.
  /// Throws ConfigError if the name is taken or an input unknown, ShapeError if the shapes do not fit.
  NodeId add(std::string name, std::unique_ptr<Layer<T, D>> layer, const std::vector<std::string>& inputs = {}) {
    if (name.empty() || contains(name)) throw ConfigError(text("network: expected a new layer name, got '", name, "'"));
    Node<T, D> node{std::move(name), "", std::move(layer), {}, {}};
    for (const std::string& input : inputs) node.inputs.push_back(find(input));
    if (inputs.empty()) node.inputs.push_back(nodes_.size() - 1);
    std::vector<Shape> shapes;
    for (const NodeId input : node.inputs) shapes.push_back(nodes_[input].shape);
    try {
      node.shape = node.layer->output_shape(shapes);
    } catch (const ShapeError& error) {
      throw ShapeError(text("layer '", node.name, "': ", error.what()));
    }
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
  }

  /// Builds the layer in place: `net.emplace<Relu<float, Cpu>>("features.1", {})`.
  template <class SomeLayer, class... Arguments>
  NodeId emplace(std::string name, const std::vector<std::string>& inputs, Arguments&&... arguments) {
    return add(std::move(name), std::make_unique<SomeLayer>(std::forward<Arguments>(arguments)...), inputs);
  }

  /// Gives a node a second name. Throws ConfigError if it is taken.
  void set_alias(NodeId node, std::string alias) {
    if (contains(alias)) throw ConfigError(text("network: expected a new alias, got '", alias, "'"));
    nodes_.at(node).alias = std::move(alias);
  }

  /// A node by name or alias. Throws ConfigError that lists the names there are.
  [[nodiscard]] NodeId find(std::string_view name) const {
    for (NodeId id = 0; id < nodes_.size(); ++id)
      if (is_called(nodes_[id], name)) return id;
    std::string known;
    for (const Node<T, D>& node : nodes_) known += " " + node.name + (node.alias.empty() ? "" : "=" + node.alias);
    throw ConfigError(text("network: no layer '", name, "'; expected one of:", known));
  }
  [[nodiscard]] bool contains(std::string_view name) const noexcept {
    for (const Node<T, D>& node : nodes_)
      if (is_called(node, name)) return true;
    return false;
  }

  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] const Node<T, D>& node(NodeId id) const { return nodes_.at(id); }
  [[nodiscard]] Layer<T, D>& layer(NodeId id) { return *nodes_.at(id).layer; }
  [[nodiscard]] const Shape& image_shape() const noexcept { return nodes_.front().shape; }

  /// Nodes that read `id`, in order.
  [[nodiscard]] std::vector<NodeId> readers(NodeId id) const {
    std::vector<NodeId> result;
    for (NodeId other = id + 1; other < nodes_.size(); ++other)
      for (const NodeId input : nodes_[other].inputs)
        if (input == id && (result.empty() || result.back() != other)) result.push_back(other);
    return result;
  }

  /// Nodes that nobody reads: the outputs, in order.
  [[nodiscard]] std::vector<NodeId> heads() const {
    std::vector<NodeId> result;
    for (NodeId id = 1; id < nodes_.size(); ++id)
      if (readers(id).empty()) result.push_back(id);
    return result;
  }

  /// For each node whether the value of `target` depends on it, `target` included.
  [[nodiscard]] std::vector<bool> needed_for(NodeId target) const {
    std::vector<bool> needed(nodes_.size(), false);
    needed.at(target) = true;
    for (NodeId id = target; id > 0; --id)
      if (needed[id])
        for (const NodeId input : nodes_[id].inputs) needed[input] = true;
    return needed;
  }

  /// For each node whether its value depends on that of `source`, `source` included.
  [[nodiscard]] std::vector<bool> dependent_on(NodeId source) const {
    std::vector<bool> dependent(nodes_.size(), false);
    dependent.at(source) = true;
    for (NodeId id = source + 1; id < nodes_.size(); ++id)
      for (const NodeId input : nodes_[id].inputs)
        if (dependent[input]) dependent[id] = true;
    return dependent;
  }

  /// Computes the nodes that `target` needs for a batch of images (N, H, W, C), and returns its value.
  /// `rng` is the pass's random stream; each layer gets its own from it. Throws ShapeError for wrong images.
  View<const T, D> forward(In<T, D> images, NodeId target, Activations<T, D>& activations, Mode mode = Mode::evaluate,
                           Rng rng = Rng(0)) const {
    require_equal("network input", "image", image_shape(), images.shape().without_batch());
    activations.prepare(nodes_.size());
    activations.borrowed.assign(nodes_.size(), std::nullopt);
    activations.borrow(0, images);
    const std::vector<bool> needed = needed_for(target);
    for (NodeId id = 1; id <= target; ++id)
      if (needed[id]) compute(id, images.shape()[0], activations, mode, rng);
    return activations.value(target);
  }

  /// Computes one node from the values of its inputs for `batch` images. The step that `forward` repeats.
  void compute(NodeId id, Index batch, Activations<T, D>& activations, Mode mode = Mode::evaluate,
               Rng rng = Rng(0)) const {
    const Node<T, D>& node = nodes_[id];
    activations.values[id].resize(node.shape.batched(batch));
    const std::vector<View<const T, D>> inputs = input_values(node, activations);
    node.layer->forward({.inputs = inputs,
                         .output = activations.values[id].view(),
                         .state = activations.states[id],
                         .mode = mode,
                         .rng = rng.stream(std::uint64_t{id})});
  }

  /// After `forward(..., Mode::train)` to the same target: batch norms take up the statistics of the batch.
  void update_statistics(NodeId target, const Activations<T, D>& activations) {
    const std::vector<bool> needed = needed_for(target);
    for (NodeId id = 1; id <= target; ++id)
      if (needed[id]) nodes_[id].layer->update_statistics(activations.states[id]);
  }

  /// After `forward` to `target`: overwrites every parameter's gradient (zero where `target` does not depend on the
  /// parameter) and, if asked, leaves the images' gradient in `activations.gradients[0]`.
  void backward(NodeId target, In<T, D> target_gradient, Activations<T, D>& activations, bool image_gradient = false) {
    const std::vector<bool> needed = needed_for(target);
    std::vector<bool> written(nodes_.size(), false);
    for (NodeId id = nodes_.size() - 1; id > 0; --id) {
      if (!needed[id]) {
        for (Parameter<T, D>& parameter : nodes_[id].layer->parameters()) parameter.gradient.fill(T{});
        continue;
      }
      backward_node(id, id == target ? target_gradient : activations.gradients[id].view(), activations, written,
                    image_gradient);
    }
  }

  /// All learned and recorded tensors, in the order of the nodes.
  [[nodiscard]] std::vector<NamedParameter<T, D>> parameters() {
    std::vector<NamedParameter<T, D>> result;
    for (NodeId id = 1; id < nodes_.size(); ++id)
      for (Parameter<T, D>& parameter : nodes_[id].layer->parameters())
        result.push_back({nodes_[id].name + "." + parameter.name, id, &parameter});
    return result;
  }

  /// The tensors that an optimiser changes, in the order of the nodes.
  [[nodiscard]] std::vector<Parameter<T, D>*> learned_parameters() {
    std::vector<Parameter<T, D>*> result;
    for (const NamedParameter<T, D>& named : parameters())
      if (named.parameter->is_learned()) result.push_back(named.parameter);
    return result;
  }

  /// Fills all layers with starting values; each layer draws from a stream of its own name.
  void initialize(Rng rng) {
    for (NodeId id = 1; id < nodes_.size(); ++id) nodes_[id].layer->initialize(rng.stream(nodes_[id].name));
  }

 private:
  static bool is_called(const Node<T, D>& node, std::string_view name) noexcept {
    return !name.empty() && (node.name == name || node.alias == name);
  }

  [[nodiscard]] std::vector<View<const T, D>> input_values(const Node<T, D>& node,
                                                           const Activations<T, D>& activations) const {
    std::vector<View<const T, D>> inputs;
    inputs.reserve(node.inputs.size());
    for (const NodeId input : node.inputs) inputs.push_back(activations.value(input));
    return inputs;
  }

  /// `written` says which gradients hold something already: a node with several readers gets the sum.
  void backward_node(NodeId id, In<T, D> output_gradient, Activations<T, D>& activations, std::vector<bool>& written,
                     bool image_gradient) {
    Node<T, D>& node = nodes_[id];
    const std::vector<View<const T, D>> inputs = input_values(node, activations);
    std::vector<View<T, D>> gradients(node.inputs.size());
    std::vector<bool> is_summand(node.inputs.size(), false);
    if (activations.scratch.size() < node.inputs.size()) activations.scratch.resize(node.inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const NodeId input = node.inputs[i];
      if (input == 0 && !image_gradient) continue;
      is_summand[i] = written[input];
      Tensor<T, D>& target = is_summand[i] ? activations.scratch[i] : activations.gradients[input];
      target.resize(inputs[i].shape());
      gradients[i] = target.view();
      written[input] = true;
    }
    node.layer->backward({.inputs = inputs,
                          .output = activations.value(id),
                          .output_gradient = output_gradient,
                          .input_gradients = gradients,
                          .state = activations.states[id]});
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (is_summand[i]) accumulate(gradients[i], activations.gradients[node.inputs[i]].view());
  }

  std::vector<Node<T, D>> nodes_;
};

}  // namespace fusiform
