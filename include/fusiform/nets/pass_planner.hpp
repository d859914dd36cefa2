#pragma once
/// How passes are planned.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <fusiform/core/rounding.hpp>
#include <fusiform/nets/memory_plan.hpp>
#include <fusiform/nets/pass_plan.hpp>

namespace fusiform::detail {

/// Makes one plan. Time runs over the forward steps, then over the backward steps.
class PassPlanner {
 public:
  /// Each node's memory is a multiple of `granule` elements per image.
  PassPlanner(PassKey key, std::vector<PassNode> nodes, Index granule) : granule_(granule) {
    plan_.key = std::move(key);
    plan_.nodes = std::move(nodes);
  }

  PassPlan run() {
    const std::size_t count = plan_.nodes.size();
    plan_.is_needed = needed_for({plan_.key.target});
    std::vector<NodeId> wanted = plan_.key.keep;
    wanted.push_back(plan_.key.target);
    plan_backward_steps();
    plan_steps(needed_for(wanted));
    values_.assign(count, none);
    gradients_.assign(count, none);
    plan_values();
    plan_gradients();
    plan_.size = place_buffers(buffers_);
    plan_.value_offsets = offsets_of(values_);
    plan_.gradient_offsets = offsets_of(gradients_);
    std::size_t next = 0;
    for (BackwardStep& step : plan_.backward_steps)
      for (InputGradient& gradient : step.inputs) gradient.offset = offset_of(input_gradients_[next++]);
    return std::move(plan_);
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  [[nodiscard]] bool is_borrowed(NodeId node) const { return plan_.key.borrowed[node]; }
  [[nodiscard]] Index end_of_time() const {
    return static_cast<Index>(plan_.steps.size() + plan_.backward_steps.size());
  }

  /// Nodes to compute for the given ones. Throws ConfigError if that takes images and there are none.
  [[nodiscard]] std::vector<bool> needed_for(const std::vector<NodeId>& targets) const {
    std::vector<bool> needed(plan_.nodes.size(), false);
    for (const NodeId target : targets) needed.at(target) = true;
    for (NodeId id = needed.size() - 1; id > 0; --id) {
      if (is_borrowed(id)) needed[id] = false;
      if (!needed[id]) continue;
      for (const NodeId input : plan_.nodes[id].inputs) needed[input] = true;
    }
    if (needed[0] && !is_borrowed(0))
      throw ConfigError(text("network: layer '", plan_.nodes[plan_.key.target].name,
                             "': expected images, or borrowed values of the layers before it, found neither"));
    needed[0] = false;
    return needed;
  }

  /// The backward pass stops at the lowest layers that learn: nodes below get no gradient, unless it is kept.
  void plan_backward_steps() {
    const std::size_t count = plan_.nodes.size();
    has_gradient_.assign(count, false);
    plan_.runs_backward.assign(count, false);
    for (NodeId id = 0; id < count; ++id) {
      const PassNode& node = plan_.nodes[id];
      const bool passes_on =
          std::any_of(node.inputs.begin(), node.inputs.end(), [&](NodeId input) { return has_gradient_[input]; });
      plan_.runs_backward[id] = plan_.key.backward && plan_.is_needed[id] && (node.learns || passes_on);
      has_gradient_[id] = plan_.keeps(id) || plan_.runs_backward[id];
    }
    plan_.after_relu.assign(count, false);
    std::vector<bool> spared(count, false);
    for (NodeId id = 1; id < count; ++id)
      if (const auto reader = reader_that_does_relu(id)) {
        spared[id] = true;
        plan_.after_relu[*reader] = true;
      }
    for (NodeId id = count - 1; id > 0; --id)
      if (plan_.runs_backward[id] && !spared[id]) plan_.backward_steps.push_back({id, {}});
  }

  /// The only node among some that reads `node`, and reads it once.
  [[nodiscard]] std::optional<NodeId> only_reader(NodeId node, const std::vector<bool>& among) const {
    std::optional<NodeId> reader;
    for (NodeId id = node + 1; id < plan_.nodes.size(); ++id) {
      if (!among[id]) continue;
      for (const NodeId input : plan_.nodes[id].inputs) {
        if (input != node) continue;
        if (reader) return std::nullopt;
        reader = id;
      }
    }
    return reader;
  }

  /// Whose backward step can make the gradient of what a ReLU reads, if nobody wants that of the ReLU itself.
  [[nodiscard]] std::optional<NodeId> reader_that_does_relu(NodeId id) const {
    const PassNode& node = plan_.nodes[id];
    if (!node.is_relu || !plan_.runs_backward[id] || plan_.keeps(id)) return std::nullopt;
    const auto reader = only_reader(id, plan_.runs_backward);
    const bool can = reader && plan_.nodes[*reader].can_pass_back_through_relu &&
                     plan_.nodes[*reader].inputs.size() == 1 &&
                     only_reader(node.inputs.front(), plan_.runs_backward) == id;
    return can ? reader : std::nullopt;
  }

  void plan_steps(const std::vector<bool>& computed) {
    std::vector<bool> is_done(plan_.nodes.size(), false);  // by the step of a node before
    for (NodeId id = 1; id < plan_.nodes.size(); ++id) {
      if (!computed[id] || is_done[id]) continue;
      const PassStep step = step_of(id, computed);
      for (NodeId done = step.result; done != id; done = plan_.nodes[done].inputs.front()) is_done[done] = true;
      plan_.steps.push_back(step);
    }
  }

  /// The node's step, with all of what follows that its layer can do.
  [[nodiscard]] PassStep step_of(NodeId id, const std::vector<bool>& computed) const {
    PassStep step{id, id};
    const PassNode& node = plan_.nodes[id];
    if (node.needs.output) return step;
    std::optional<NodeId> next = only_viewer(id, computed);
    if (next && plan_.nodes[*next].is_relu && node.can_end_with_relu) {
      step.result = *next;
      step.relu = true;
      next = only_viewer(*next, computed);
    }
    if (next && plan_.nodes[*next].is_max_pool && node.can_end_with_max_pool && !is_read_again(step.result, *next)) {
      step.result = *next;
      step.max_pool = true;
    }
    return step;
  }

  /// The only node of a forward pass that reads `node`'s value, if nobody sees the value after the pass.
  [[nodiscard]] std::optional<NodeId> only_viewer(NodeId node, const std::vector<bool>& computed) const {
    return plan_.keeps(node) ? std::nullopt : only_reader(node, computed);
  }

  /// Whether the backward pass reads the value of `node`, which only `reader` reads in the forward pass.
  [[nodiscard]] bool is_read_again(NodeId node, NodeId reader) const {
    const bool runs_backward = plan_.runs_backward[node] && !plan_.after_relu[reader];
    return (runs_backward && plan_.nodes[node].needs.output) ||
           (plan_.runs_backward[reader] && plan_.nodes[reader].needs.inputs);
  }

  std::size_t new_buffer(NodeId node, Index time) {
    const Index size = round_up(plan_.nodes[node].shape.size(), granule_);
    buffers_.push_back({.size = size, .first = time, .last = time});
    return buffers_.size() - 1;
  }
  void use(std::size_t buffer, Index time) {
    if (buffer != none) buffers_[buffer].last = std::max(buffers_[buffer].last, time);
  }

  void plan_values() {
    Index time = 0;
    for (const PassStep& step : plan_.steps) {
      for (const NodeId input : plan_.nodes[step.node].inputs) use(values_[input], time);
      values_[step.result] = new_buffer(step.result, time++);
    }
    for (const BackwardStep& step : plan_.backward_steps) {
      const PassNode& node = plan_.nodes[step.node];
      if (node.needs.output) use(values_[step.node], time);
      if (node.needs.inputs)
        for (const NodeId input : node.inputs) use(values_[input], time);
      ++time;
    }
    for (NodeId id = 0; id < plan_.nodes.size(); ++id)
      if (plan_.keeps(id)) use(values_[id], end_of_time());
  }

  void plan_gradients() {
    Index time = static_cast<Index>(plan_.steps.size());
    for (BackwardStep& step : plan_.backward_steps) {
      const PassNode& node = plan_.nodes[step.node];
      const std::size_t own = gradients_[step.node];
      use(own, plan_.keeps(step.node) ? end_of_time() : time);
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const NodeId input = node.inputs[i];
        const bool wanted = has_gradient_[input];
        const bool is_summand = gradients_[input] != none;
        const bool in_place = i == 0 && node.needs.in_place && own != none && !plan_.keeps(step.node);
        if (wanted && !is_summand) gradients_[input] = in_place ? own : new_buffer(input, time);
        input_gradients_.push_back(!wanted ? none : is_summand ? new_buffer(input, time) : gradients_[input]);
        step.inputs.push_back({.is_summand = wanted && is_summand});
        if (wanted) use(gradients_[input], plan_.keeps(input) ? end_of_time() : time);
      }
      if (plan_.after_relu[step.node]) {
        const NodeId before = plan_.nodes[node.inputs.front()].inputs.front();
        gradients_[before] = gradients_[node.inputs.front()];
        if (plan_.keeps(before)) use(gradients_[before], end_of_time());
      }
      ++time;
    }
  }

  [[nodiscard]] Index offset_of(std::size_t buffer) const { return buffer == none ? -1 : buffers_[buffer].offset; }
  [[nodiscard]] std::vector<Index> offsets_of(const std::vector<std::size_t>& buffers) const {
    std::vector<Index> offsets;
    for (const std::size_t buffer : buffers) offsets.push_back(offset_of(buffer));
    return offsets;
  }

  Index granule_;
  PassPlan plan_;
  std::vector<bool> has_gradient_;  // one per node
  std::vector<PlannedBuffer> buffers_;
  std::vector<std::size_t> values_;           // one per node: its buffer
  std::vector<std::size_t> gradients_;        // one per node: its buffer
  std::vector<std::size_t> input_gradients_;  // one per input of each backward step: its buffer
};

}  // namespace fusiform::detail
