#pragma once
/// What a pass through a network leaves behind. Kept outside the network: several threads run one network at once.

#include <optional>
#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/layers/layer.hpp>

namespace fusiform {

/// One slot per node. Memory is kept from pass to pass, so that equal batches allocate nothing after the first.
template <Scalar T, Device D>
struct Activations {
  std::vector<Tensor<T, D>> values;      ///< a node's output
  std::vector<LayerState<T, D>> states;  ///< what a node's layer keeps for its backward pass
  std::vector<Tensor<T, D>> gradients;   ///< d loss / d value, after `Network::backward`
  std::vector<Tensor<T, D>> scratch;     ///< gradients on their way into a sum over several readers
  /// Values that somebody else owns, above all the input's images. Optional, as an empty batch has no data either.
  std::vector<std::optional<View<const T, D>>> borrowed;

  void prepare(std::size_t nodes) {
    values.resize(nodes);
    states.resize(nodes);
    gradients.resize(nodes);
    borrowed.resize(nodes);
  }

  /// A node's value: borrowed if there is a loan, else its own.
  [[nodiscard]] View<const T, D> value(std::size_t node) const {
    return borrowed[node] ? *borrowed[node] : values[node].view();
  }

  /// Takes a node's value from `view`, which must outlive the use (and a backward pass).
  void borrow(std::size_t node, View<const T, D> view) { borrowed[node] = view; }
};

}  // namespace fusiform
