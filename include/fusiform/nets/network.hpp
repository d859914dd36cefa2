#pragma once
/// A network: named layers in topological order, each of which names the layers it reads.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/nearest_names.hpp>
#include <fusiform/layers/layer.hpp>
#include <fusiform/nets/activations.hpp>
#include <fusiform/nets/node.hpp>
#include <fusiform/ops/accumulate.hpp>
#include <fusiform/ops/fill.hpp>

namespace fusiform {

/// Chains, branches, residual additions and several heads are one structure. A head is a node that nobody reads.
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
    structure_ = detail::new_structure();
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

  /// A node by name or alias. Throws ConfigError that lists the names there are, the most similar first.
  [[nodiscard]] NodeId find(std::string_view name) const {
    for (NodeId id = 0; id < nodes_.size(); ++id)
      if (nodes_[id].is_called(name)) return id;
    std::vector<std::string> known;
    for (const Node<T, D>& node : nodes_) known.push_back(node.name + (node.alias.empty() ? "" : "=" + node.alias));
    throw ConfigError(text("network: no layer '", name, "'; expected one of:", nearest_first(name, std::move(known))));
  }
  [[nodiscard]] bool contains(std::string_view name) const noexcept {
    for (const Node<T, D>& node : nodes_)
      if (node.is_called(name)) return true;
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

  /// Computes the nodes that `target` needs for a batch of images (N, H, W, C), and returns its value, which stays
  /// where it is until the next pass. Throws ShapeError for wrong images.
  View<const T, D> forward(In<T, D> images, NodeId target, Activations<T, D>& activations,
                           const PassOptions& options = {}) const {
    require_equal("network input", "image", image_shape(), images.shape().without_batch());
    for (auto& value : activations.borrowed_) value.reset();
    activations.borrow(0, images);
    return compute(target, activations, options);
  }

  /// Computes `target` from the values that `activations` have borrowed, which are taken as they are: with a changed
  /// value of one node, only what lies behind it is computed (see suffix_frontier). All of one batch.
  /// Throws ConfigError if something is missing, ShapeError if a borrowed value does not fit.
  View<const T, D> compute(NodeId target, Activations<T, D>& activations, const PassOptions& options = {}) const {
    activations.attach(structure_, nodes_.size());
    activations.select_plan(target, options, [&](PassKey key) { return detail::plan_pass(nodes_, std::move(key)); });
    activations.start();
    for (const PassStep& step : activations.plan().steps) run(step, activations, options);
    return activations.value(target);
  }

  /// Whether all layers that `target` needs can be recorded; see Layer::can_be_recorded.
  [[nodiscard]] bool can_be_recorded(NodeId target) const {
    const std::vector<bool> needed = needed_for(target);
    for (NodeId id = 1; id < nodes_.size(); ++id)
      if (needed[id] && !nodes_[id].layer->can_be_recorded()) return false;
    return true;
  }

  /// The random streams of the next replay of a recorded pass: those that PassOptions::rng would give.
  void set_streams(const Rng& rng, Activations<T, D>& activations) const {
    activations.attach(structure_, nodes_.size());
    for (NodeId id = 1; id < nodes_.size(); ++id)
      nodes_[id].layer->set_stream(rng.stream(std::uint64_t{id}), activations.states_[id]);
  }

  /// Bytes that such a pass of images takes in its Activations: values, gradients, and what layers note down. Not
  /// counted: the parameters, filters that convolutions prepare for further evaluations, and working memory of the
  /// kernels, which all passes and networks share.
  [[nodiscard]] std::size_t pass_bytes(NodeId target, Index batch, const PassOptions& options = {}) const {
    PassKey key{target, options.has_backward(), options.keep, std::vector<bool>(nodes_.size(), false)};
    key.borrowed[0] = true;
    const PassPlan plan = detail::plan_pass(nodes_, std::move(key));
    std::size_t bytes = static_cast<std::size_t>(plan.size * batch) * sizeof(T);
    const auto add_state = [&](NodeId id) {
      const Node<T, D>& node = nodes_[id];
      bytes += node.layer->state_bytes(node.shape.batched(batch), node.mode_in(options.mode), plan.runs_backward[id]);
    };
    for (const PassStep& step : plan.steps) {
      add_state(step.node);
      if (step.max_pool) add_state(step.result);
    }
    return bytes;
  }

  /// After a training pass to `target`: batch norms take up the statistics of the batch, unless they are frozen.
  void update_statistics(NodeId target, const Activations<T, D>& activations) {
    require_pass(target, activations);
    for (NodeId id = 1; id < nodes_.size(); ++id)
      if (activations.plan().is_needed[id] && !nodes_[id].frozen)
        nodes_[id].layer->update_statistics(activations.states_[id]);
  }

  /// After a forward pass to `target` that allows it: overwrites every parameter's gradient (zero where `target` does
  /// not depend on the parameter, or on borrowed values only) and leaves the gradients of `PassOptions::keep`.
  /// The pass's other values are gone then. Throws ConfigError if there was no such pass.
  void backward(NodeId target, In<T, D> target_gradient, Activations<T, D>& activations) {
    run_backward_steps(target, target_gradient, activations, true);
    for (NodeId id = 1; id < nodes_.size(); ++id)
      if (!activations.plan().runs_backward[id])
        for (Parameter<T, D>& parameter : nodes_[id].layer->parameters()) fill(0, parameter.gradient.view());
  }

  /// As `backward`, but makes the gradients of `PassOptions::keep` only and leaves the network as it is.
  void backward_to_kept(NodeId target, In<T, D> target_gradient, Activations<T, D>& activations) const {
    run_backward_steps(target, target_gradient, activations, false);
  }

  /// A frozen layer keeps all its tensors, running statistics too: it always computes as in evaluation (batch norm by
  /// its running statistics), and backward passes make no gradients for it and stop above the lowest layers that
  /// learn. Layers without tensors, such as dropout, cannot be frozen (ConfigError). See nets/freeze.hpp.
  void set_frozen(NodeId id, bool frozen = true) {
    Node<T, D>& node = nodes_.at(id);
    if (node.layer == nullptr || node.layer->parameters().empty())
      throw ConfigError(text("network: expected a layer with weights to freeze, got '", node.name, "'"));
    for (Parameter<T, D>& parameter : node.layer->parameters()) parameter.set_frozen(frozen);
    node.frozen = frozen;
    structure_ = detail::new_structure();  // passes must be planned anew
  }

  /// All learned and recorded tensors, in the order of the nodes.
  [[nodiscard]] std::vector<NamedParameter<T, D>> parameters() {
    std::vector<NamedParameter<T, D>> result;
    for (NodeId id = 1; id < nodes_.size(); ++id)
      for (Parameter<T, D>& parameter : nodes_[id].layer->parameters())
        result.push_back({nodes_[id].name + "." + parameter.name, id, &parameter});
    return result;
  }

  /// The tensors that optimisers are given, in the order of the nodes: frozen ones too, which they leave alone.
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
  void run(const PassStep& step, Activations<T, D>& activations, const PassOptions& options) const {
    const Node<T, D>& node = nodes_[step.node];
    const PassPlan& plan = activations.plan();
    activations.inputs_.clear();
    for (const NodeId input : node.inputs) activations.inputs_.push_back(activations.planned_value(input));
    node.layer->forward({.inputs = activations.inputs_,
                         .output = activations.planned(plan.value_offsets[step.result], step.result),
                         .state = activations.states_[step.node],
                         .mode = node.mode_in(options.mode),
                         .rng = options.rng.stream(std::uint64_t{step.node}),
                         .relu = step.relu,
                         .backward = plan.runs_backward[step.node],
                         .after_relu = plan.after_relu[step.node],
                         .recorded = options.recorded,
                         .max_pool = activations.final_max_pool(step)});
  }

  void require_pass(NodeId target, const Activations<T, D>& activations) const {
    const bool is_there = activations.structure_ == structure_ && activations.has_plan() &&
                          activations.plan().key.target == target && activations.plan().key.backward;
    if (!is_there)
      throw ConfigError(text("network: expected a forward pass to layer '", nodes_.at(target).name,
                             "' before, in training or with PassOptions::backward"));
  }

  void run_backward_steps(NodeId target, In<T, D> target_gradient, Activations<T, D>& activations,
                          bool parameter_gradients) const {
    require_pass(target, activations);
    require_setting(!activations.backward_done_, "network", "a forward pass before each backward pass", "none");
    require_equal("network", "gradient of the target", nodes_[target].shape.batched(activations.batch_),
                  target_gradient.shape());
    for (const BackwardStep& step : activations.plan().backward_steps)
      run_backward(step, target_gradient, activations, parameter_gradients && !nodes_[step.node].frozen);
    activations.backward_done_ = true;
  }

  void run_backward(const BackwardStep& step, In<T, D> target_gradient, Activations<T, D>& activations,
                    bool parameter_gradients) const {
    const Node<T, D>& node = nodes_[step.node];
    const PassPlan& plan = activations.plan();
    const BackwardNeeds& needs = plan.nodes[step.node].needs;
    const auto value = [&](NodeId id, bool is_needed) {
      const View<const T, D> view = activations.planned_value(id);
      return is_needed ? view : View<const T, D>(nullptr, view.shape());
    };
    activations.inputs_.clear();
    activations.input_gradients_.clear();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      activations.inputs_.push_back(value(node.inputs[i], needs.inputs));
      activations.input_gradients_.push_back(activations.planned(step.inputs[i].offset, node.inputs[i]));
    }
    node.layer->backward(
        {.inputs = activations.inputs_,
         .output = value(step.node, needs.output),
         .output_gradient = step.node == plan.key.target
                                ? target_gradient
                                : View<const T, D>(activations.planned(plan.gradient_offsets[step.node], step.node)),
         .input_gradients = activations.input_gradients_,
         .state = activations.states_[step.node],
         .parameter_gradients = parameter_gradients,
         .after_relu = plan.after_relu[step.node]});
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (step.inputs[i].is_summand)
        accumulate(activations.input_gradients_[i],
                   activations.planned(plan.gradient_offsets[node.inputs[i]], node.inputs[i]));
  }

  std::vector<Node<T, D>> nodes_;
  std::uint64_t structure_ = detail::new_structure();
};

}  // namespace fusiform
