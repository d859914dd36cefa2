#pragma once
/// Which layers of a network learn, and how fast: fine-tuning and frozen trunks. Words for layers are those of
/// select_layers (nets/layer_selection.hpp); none of these functions changes a weight.
///
///     freeze_all_but(network, {"heads"});                // train the classifiers on a frozen trunk
///     freeze(network, {"features"});                     // or: fully connected layers only,
///     set_rate_factor(network, {"fc6", "fc7"}, 0.1);     // the first two of them slowly

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fusiform/nets/layer_selection.hpp>

namespace fusiform {

/// These layers do not learn from now on (see Network::set_frozen); others stay as they are. To be called before the
/// optimisers' first step. Throws ConfigError for unknown layers; the network is then unchanged.
template <Scalar T, Device D>
void freeze(Network<T, D>& network, const std::vector<std::string>& layers) {
  for (const NodeId id : select_layers(network, layers)) network.set_frozen(id);
}

/// Freezes every layer with weights except these, which learn. Throws ConfigError for unknown layers.
template <Scalar T, Device D>
void freeze_all_but(Network<T, D>& network, const std::vector<std::string>& layers) {
  const std::vector<NodeId> learning = select_layers(network, layers);
  for (NodeId id = 1; id < network.size(); ++id)
    if (detail::has_weights(network, id))
      network.set_frozen(id, std::find(learning.begin(), learning.end(), id) == learning.end());
}

/// These layers learn from now on. Throws ConfigError for unknown layers.
template <Scalar T, Device D>
void thaw(Network<T, D>& network, const std::vector<std::string>& layers) {
  for (const NodeId id : select_layers(network, layers)) network.set_frozen(id, false);
}

/// Names of the frozen layers, in the order of the network.
template <Scalar T, Device D>
[[nodiscard]] std::vector<std::string> frozen_layers(const Network<T, D>& network) {
  std::vector<std::string> names;
  for (NodeId id = 1; id < network.size(); ++id)
    if (network.node(id).frozen) names.push_back(network.node(id).name);
  return names;
}

/// These layers learn at `factor` times the schedule's rate (1 at first; the last call counts). Throws ConfigError for
/// unknown layers, and for a factor that is not above 0: layers that shall not learn are to be frozen, which spares
/// their gradients and keeps running statistics too.
template <Scalar T, Device D>
void set_rate_factor(Network<T, D>& network, const std::vector<std::string>& layers, double factor) {
  require_setting(std::isfinite(factor) && factor > 0, "learning rate of layers",
                  "a factor above 0 (freeze layers that shall not learn)", factor);
  for (const NodeId id : select_layers(network, layers))
    for (Parameter<T, D>& parameter : network.layer(id).parameters()) parameter.rate_factor = factor;
}

}  // namespace fusiform
