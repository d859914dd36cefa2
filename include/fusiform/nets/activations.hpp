#pragma once
/// The memory of passes through a network. Kept outside the network: several threads run one network at once.

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/layers/max_pool2d.hpp>
#include <fusiform/nets/pass_plan.hpp>

namespace fusiform {

template <Scalar T, Device D>
class Network;

/// Values, gradients and layer states of the last pass. They share one block of memory, laid out once per kind of pass
/// and kept from pass to pass: passes of equal kind and batch allocate nothing after the first. To be used by one
/// thread at a time; with another network it starts afresh.
template <Scalar T, Device D>
class Activations {
 public:
  /// A node's value after a forward pass, valid until the next one: of the target, of a node in `PassOptions::keep`, or
  /// of a borrowed one. Throws ConfigError for others: their memory may hold something else by now, or they were
  /// computed at once with the ReLU or the pooling behind them.
  [[nodiscard]] View<const T, D> value(NodeId node) const {
    if (is_borrowed(node)) return *borrowed_[node];
    if (!has_plan() || !plan().keeps(node) || plan().value_offsets.at(node) < 0) refuse("value", node);
    return planned_value(node);
  }

  /// d loss / d value of a node in `PassOptions::keep`, after a backward pass. Throws ConfigError for others.
  [[nodiscard]] View<const T, D> gradient(NodeId node) const {
    if (!backward_done_ || !plan().keeps(node) || plan().gradient_offsets.at(node) < 0) refuse("gradient", node);
    return planned(plan().gradient_offsets[node], node);
  }

  /// Takes a node's value from `view` in `Network::compute`; it must outlive the use (and a backward pass). They are
  /// forgotten by the next `Network::forward`. Throws ConfigError for a view into this object's own memory, which will
  /// be overwritten.
  void borrow(NodeId node, View<const T, D> view) {
    const std::less<const T*> before;
    const T* begin = memory_.data();
    if (!view.empty() && !before(view.data(), begin) && before(view.data(), begin + memory_.capacity()))
      throw ConfigError(
          "activations: expected a borrowed value outside of their own memory; copy it, or use another object");
    if (borrowed_.size() <= node) borrowed_.resize(node + 1);
    borrowed_[node] = view;
  }

  /// A number that changes, but for chance, when any of this memory moves: a recorded pass is worth nothing then.
  [[nodiscard]] std::uint64_t addresses() const noexcept {
    std::uint64_t sum = mix(structure_, 0);
    const auto take = [&](const void* place) { sum = mix(sum, reinterpret_cast<std::uintptr_t>(place)); };
    take(memory_.data());
    for (const LayerState<T, D>& state : states_) {
      take(state.weight.data());
      take(state.indices.data());
      take(state.stream.data());
      for (const auto& value : state.values) take(value.data());
    }
    return sum;
  }

  /// Bytes held now, layer states included (see Network::pass_bytes).
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t total = static_cast<std::size_t>(memory_.capacity()) * sizeof(T);
    for (const LayerState<T, D>& state : states_) {
      total += static_cast<std::size_t>(state.indices.size()) * sizeof(std::int32_t);
      total += static_cast<std::size_t>(state.weight.size()) * sizeof(T);
      for (const auto& value : state.values) total += static_cast<std::size_t>(value.size()) * sizeof(Master<T>);
    }
    return total;
  }

 private:
  friend class Network<T, D>;

  [[nodiscard]] bool is_borrowed(NodeId node) const noexcept {
    return node < borrowed_.size() && borrowed_[node].has_value();
  }
  [[nodiscard]] bool has_plan() const noexcept { return current_ < plans_.size(); }
  [[nodiscard]] const PassPlan& plan() const noexcept { return plans_[current_]; }

  [[noreturn]] void refuse(const char* what, NodeId node) const {
    const bool known = has_plan() && node < plan().nodes.size();
    throw ConfigError(text("activations: the ", what, " of ",
                           known ? "layer '" + plan().nodes[node].name + "'" : "node ", known ? "" : text(node),
                           " was not kept by the last pass; expected its target or a node of PassOptions::keep"));
  }

  [[nodiscard]] View<T, D> planned(Index offset, NodeId node) const {
    const Shape shape = plan().nodes[node].shape.batched(batch_);
    return offset < 0 ? View<T, D>(nullptr, shape) : View<T, D>(memory_.data() + offset * batch_, shape);
  }
  [[nodiscard]] View<const T, D> planned_value(NodeId node) const {
    return is_borrowed(node) ? *borrowed_[node] : View<const T, D>(planned(plan().value_offsets[node], node));
  }

  /// The pooling that a step ends with, and where in the pooling's state its backward pass looks.
  [[nodiscard]] std::optional<FinalMaxPool<D>> final_max_pool(const PassStep& step) {
    if (!step.max_pool) return std::nullopt;
    FinalMaxPool<D> pool{.positions = {}, .after_relu = plan().after_relu[step.result]};
    if (plan().runs_backward[step.result])
      pool.positions =
          MaxPool2d<T, D>::positions_in(states_[step.result], plan().nodes[step.result].shape.batched(batch_));
    return pool;
  }

  /// Forgets what belongs to another network; a filter that a layer has prepared for later passes, for example.
  void attach(std::uint64_t structure, std::size_t nodes) {
    borrowed_.resize(nodes);
    if (structure == structure_) return;
    structure_ = structure;
    plans_.clear();
    states_ = std::vector<LayerState<T, D>>(nodes);
  }

  /// Whether a plan is for this pass, given the borrowed values.
  [[nodiscard]] bool fits(const PassKey& key, NodeId target, const PassOptions& options) const {
    if (key.target != target || key.backward != options.has_backward() || key.keep != options.keep) return false;
    for (NodeId node = 0; node < borrowed_.size(); ++node)
      if (key.borrowed[node] != borrowed_[node].has_value()) return false;
    return true;
  }

  /// Makes `current_` the plan of this pass. `make` makes one from its key if there is none yet.
  template <class Make>
  void select_plan(NodeId target, const PassOptions& options, const Make& make) {
    for (current_ = 0; current_ < plans_.size(); ++current_)
      if (fits(plans_[current_].key, target, options)) return;
    PassKey key{.target = target, .backward = options.has_backward(), .keep = options.keep, .borrowed = {}};
    for (const auto& value : borrowed_) key.borrowed.push_back(value.has_value());
    plans_.push_back(make(std::move(key)));
  }

  /// The batch of the borrowed values. Throws ShapeError if one does not fit.
  [[nodiscard]] Index borrowed_batch() const {
    std::optional<Index> batch;
    for (NodeId id = 0; id < borrowed_.size(); ++id) {
      if (!is_borrowed(id)) continue;
      const Shape& shape = borrowed_[id]->shape();
      if (!batch) batch = shape.rank() == 0 ? 0 : shape[0];
      const PassNode& node = plan().nodes[id];
      if (!(shape == node.shape.batched(*batch)))
        throw ShapeError(text("network: borrowed value of '", node.name, "': expected ", node.shape.batched(*batch),
                              ", got ", shape));
    }
    return batch.value_or(0);
  }

  /// Makes room for the current plan, with the borrowed values.
  void start() {
    batch_ = borrowed_batch();
    backward_done_ = false;
    const Index size = plan().size * batch_;
    if (size <= memory_.capacity()) return;
    memory_ = Storage<T, D>();  // frees the old block before the new one is taken
    memory_ = Storage<T, D>(size);
  }

  std::uint64_t structure_ = 0;  // of the network; 0: none yet
  std::vector<PassPlan> plans_;
  std::size_t current_ = 0;  // in plans_
  Index batch_ = 0;
  bool backward_done_ = false;
  Storage<T, D> memory_;
  std::vector<LayerState<T, D>> states_;                   // one per node
  std::vector<std::optional<View<const T, D>>> borrowed_;  // one per node
  std::vector<View<const T, D>> inputs_;                   // of the layer that is running
  std::vector<View<T, D>> input_gradients_;
};

}  // namespace fusiform
