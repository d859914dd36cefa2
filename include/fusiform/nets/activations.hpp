#pragma once
/// What a pass through a network leaves behind. Kept outside the network: several threads run one network at once.

#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/layers/layer.hpp>

namespace fusiform {

/// One slot per node. Memory is kept from pass to pass, so that equal batches allocate nothing after the first.
template <Scalar T, Device D>
struct Activations {
  View<const T, D> images;               ///< the input of the pass; not owned, must outlive the backward pass
  std::vector<Tensor<T, D>> values;      ///< a node's output; slot 0 (the input) stays empty
  std::vector<LayerState<T, D>> states;  ///< what a node's layer keeps for its backward pass
  std::vector<Tensor<T, D>> gradients;   ///< d loss / d value, after `Network::backward`
  std::vector<Tensor<T, D>> scratch;     ///< gradients on their way into a sum over several readers

  void prepare(std::size_t nodes) {
    values.resize(nodes);
    states.resize(nodes);
    gradients.resize(nodes);
  }
};

}  // namespace fusiform
