#pragma once
/// Networks on another device.

#include <span>
#include <utility>

#include <fusiform/nets/plan.hpp>
#include <fusiform/ops/copy.hpp>

namespace fusiform {

/// Gives `target` the values of all tensors of `source`, a network of the same layers. Throws ShapeError for others.
template <Scalar From, Device FromDevice, Scalar T, Device D>
requires std::same_as<Master<From>, Master<T>>
void copy_weights(const Network<From, FromDevice>& source, Network<T, D>& target) {
  require_equal("copy of a network", "layers", source.size(), target.size());
  for (NodeId id = 1; id < source.size(); ++id) {
    const std::span<const Parameter<From, FromDevice>> from = std::as_const(*source.node(id).layer).parameters();
    const std::span<Parameter<T, D>> to = target.layer(id).parameters();
    require_equal("copy of a network", text("tensors of layer '", source.node(id).name, "'"), from.size(), to.size());
    for (std::size_t i = 0; i < to.size(); ++i) {
      require_equal("copy of a network", text("tensor '", source.node(id).name, ".", from[i].name, "'"),
                    from[i].value.shape(), to[i].value.shape());
      copy(from[i].value.view(), to[i].value.view());
    }
  }
}

/// The same network on device D, computing in T: layers, values, what is frozen and at which rates layers learn. Layers
/// of your own need a factory that knows them.
template <Scalar T, Device D, Scalar From, Device FromDevice>
[[nodiscard]] Network<T, D> copied_network(const Network<From, FromDevice>& source,
                                           const LayerFactory<T, D>& factory = {}) {
  Network<T, D> network = build<T, D>(plan_of(source), factory);
  copy_weights(source, network);
  for (NodeId id = 1; id < source.size(); ++id) {
    const std::span<const Parameter<From, FromDevice>> from = std::as_const(*source.node(id).layer).parameters();
    for (std::size_t i = 0; i < from.size(); ++i) network.layer(id).parameters()[i].rate_factor = from[i].rate_factor;
    if (source.node(id).frozen) network.set_frozen(id);
  }
  return network;
}

}  // namespace fusiform
