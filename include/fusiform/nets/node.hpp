#pragma once
/// The parts of a network: its nodes, and parameters by their full names.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include <fusiform/layers/layer.hpp>
#include <fusiform/layers/max_pool2d.hpp>
#include <fusiform/layers/relu.hpp>
#include <fusiform/nets/pass_planner.hpp>

namespace fusiform {

template <Scalar T, Device D>
struct Node {
  std::string name;                    ///< PyTorch's where PyTorch has the net: "features.28"
  std::string alias;                   ///< the literature's: "conv5_3"; may be empty
  std::unique_ptr<Layer<T, D>> layer;  ///< null for the input
  std::vector<NodeId> inputs;          ///< nodes that are read, all of them earlier in the list
  Shape shape;                         ///< of one image's output: (H, W, C) or (features)
  bool frozen = false;                 ///< does not learn, and runs in evaluation mode; see Network::set_frozen

  [[nodiscard]] bool is_called(std::string_view word) const noexcept {
    return !word.empty() && (name == word || alias == word);
  }
  /// The mode of the layer in a pass of mode `pass`.
  [[nodiscard]] Mode mode_in(Mode pass) const noexcept { return frozen ? Mode::evaluate : pass; }
};

/// A learned or recorded tensor of a network under its full name, "features.28.weight".
template <Scalar T, Device D>
struct NamedParameter {
  std::string name;
  NodeId node{};
  Parameter<T, D>* parameter = nullptr;
};

namespace detail {

/// A number for the structure of a network that no other has, in this process.
[[nodiscard]] inline std::uint64_t new_structure() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

/// A class derived from Relu may compute something else.
template <Scalar T, Device D>
[[nodiscard]] bool is_plain_relu(const Node<T, D>& node) {
  if (node.layer == nullptr) return false;
  const Layer<T, D>& layer = *node.layer;
  return typeid(layer) == typeid(Relu<T, D>);
}

/// A max pooling of 2 x 2 windows side by side.
template <Scalar T, Device D>
[[nodiscard]] bool is_plain_max_pool(const Node<T, D>& node) {
  if (node.layer == nullptr) return false;
  const Layer<T, D>& layer = *node.layer;
  return typeid(layer) == typeid(MaxPool2d<T, D>) &&
         static_cast<const MaxPool2d<T, D>&>(layer).has_2x2_windows_side_by_side();
}

/// What a plan must know of a node.
template <Scalar T, Device D>
[[nodiscard]] PassNode pass_node(const Node<T, D>& node) {
  PassNode planned{.name = node.name, .inputs = node.inputs, .shape = node.shape, .needs = {}};
  if (node.layer == nullptr) return planned;
  const Layer<T, D>& layer = *node.layer;
  planned.is_relu = is_plain_relu(node);
  planned.is_max_pool = is_plain_max_pool(node);
  planned.can_end_with_relu = layer.can_end_with_relu();
  planned.can_end_with_max_pool = layer.can_end_with_max_pool();
  planned.can_pass_back_through_relu = layer.can_pass_back_through_relu();
  planned.needs = layer.backward_needs();
  for (const Parameter<T, D>& parameter : layer.parameters()) planned.learns |= parameter.learns();
  return planned;
}

/// The plan of a pass through these nodes.
template <Scalar T, Device D>
[[nodiscard]] PassPlan plan_pass(const std::vector<Node<T, D>>& nodes, PassKey key) {
  std::vector<PassNode> planned;
  for (const Node<T, D>& node : nodes) planned.push_back(pass_node(node));
  return PassPlanner(std::move(key), std::move(planned), storage_alignment / sizeof(T)).run();
}

}  // namespace detail

}  // namespace fusiform
