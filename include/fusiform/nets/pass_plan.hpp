#pragma once
/// What one kind of pass through a network computes, in which order, and where its values and gradients lie.

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/core/shape.hpp>
#include <fusiform/layers/layer.hpp>

namespace fusiform {

/// Position of a node in its network. Node 0 is the input.
using NodeId = std::size_t;

/// What a forward pass is for.
struct PassOptions {
  Mode mode = Mode::evaluate;
  Rng rng{0};             ///< the pass's random stream; each layer gets its own from it
  bool backward = false;  ///< `Network::backward` follows; a training pass always allows it
  /// Nodes beside the target to compute and to leave readable: their values, and after a backward pass their
  /// gradients. The memory of all others is used again as soon as possible. Node 0: the images' gradient.
  std::vector<NodeId> keep{};
  bool recorded = false;  ///< being recorded for replays; random streams are those of Network::set_streams

  [[nodiscard]] bool has_backward() const noexcept { return backward || mode == Mode::train; }
};

/// What a plan must know of a node.
struct PassNode {
  std::string name;
  std::vector<NodeId> inputs;
  Shape shape;  ///< of one image's value
  bool is_relu = false;
  bool is_max_pool = false;  ///< of 2 x 2 windows side by side
  bool can_end_with_relu = false;
  bool can_end_with_max_pool = false;
  bool can_pass_back_through_relu = false;
  BackwardNeeds needs;
  bool learns = false;  ///< has parameters that want a gradient
};

/// Two passes with equal keys have the same plan, for any batch.
struct PassKey {
  NodeId target = 0;
  bool backward = false;
  std::vector<NodeId> keep;
  std::vector<bool> borrowed;  ///< nodes whose values are given, not computed
};

/// Runs the layer of `node`. A layer that is able to does the work of a ReLU and of a max pooling that follow it, too,
/// where each is the only reader of what is before it and nobody wants that: `result` is then the last of them, else
/// the node itself.
struct PassStep {
  NodeId node;
  NodeId result;
  bool relu = false;
  bool max_pool = false;  ///< `result` is the pooling
};

/// Where a layer's backward pass writes the gradient of one of its inputs.
struct InputGradient {
  Index offset = -1;        ///< -1: not wanted
  bool is_summand = false;  ///< in memory of its own, to be added to the gradient that other readers have left
};

struct BackwardStep {
  NodeId node;
  std::vector<InputGradient> inputs;
};

/// Offsets and size are elements per image: times the batch they are places in one block of memory. -1: no memory.
struct PassPlan {
  PassKey key;
  std::vector<PassNode> nodes;
  std::vector<PassStep> steps;
  std::vector<BackwardStep> backward_steps;  ///< last node first
  std::vector<bool> is_needed;               ///< one per node: computed, and the target depends on it
  std::vector<bool> runs_backward;           ///< one per node: its gradient is passed on, by a step of its own or not
  std::vector<bool> after_relu;              ///< one per node: its backward step does the work of the ReLU before it
  std::vector<Index> value_offsets;          ///< one per node
  std::vector<Index> gradient_offsets;       ///< one per node
  Index size = 0;

  /// Whether a node's value (and gradient, if it has one) stays where it is until the next pass.
  [[nodiscard]] bool keeps(NodeId node) const noexcept {
    return node == key.target || std::find(key.keep.begin(), key.keep.end(), node) != key.keep.end();
  }
};

}  // namespace fusiform
