#pragma once
/// Where the channels of one node's value stay apart, and where they meet: what can be brought up to date by one
/// channel when one channel changes.

#include <algorithm>
#include <vector>

#include <fusiform/nets/network.hpp>

namespace fusiform {

/// The surroundings of a node, its source, on the way to a target. All in ascending order.
struct ChannelRegion {
  /// Nodes whose every channel depends on the same channel of the source only: the source, ReLU, pooling, batch norm in
  /// evaluation, flattening. Where a flattened value is concerned, channel c has the features c, c + C, c + 2C, ...
  std::vector<NodeId> members;
  /// Layers that read one member and nothing else of what depends on the source, and add its channels up
  /// (Layer::channel_terms): a change of one channel changes their output by one term.
  std::vector<NodeId> sums;
  /// Members whose values other layers read in another way, or that are the target.
  std::vector<NodeId> exits;
};

/// Throws ConfigError if `target` does not depend on `source`.
template <Scalar T, Device D>
[[nodiscard]] ChannelRegion channel_region(const Network<T, D>& network, NodeId source, NodeId target) {
  const std::vector<bool> dependent = network.dependent_on(source);
  const std::vector<bool> needed = network.needed_for(target);
  if (!dependent[target])
    throw ConfigError(
        text("layer '", network.node(target).name, "' does not depend on layer '", network.node(source).name, "'"));
  std::vector<bool> is_member(network.size(), false);
  std::vector<bool> is_exit(network.size(), false);
  is_member[source] = true;
  ChannelRegion region{.members = {source}, .sums = {}, .exits = {}};
  for (NodeId id = source + 1; id <= target; ++id) {
    if (!dependent[id] || !needed[id]) continue;
    const Node<T, D>& node = network.node(id);
    const bool reads_members_only = std::all_of(node.inputs.begin(), node.inputs.end(),
                                                [&](NodeId input) { return is_member[input] || !dependent[input]; });
    if (reads_members_only && node.layer->keeps_channels_apart()) {
      is_member[id] = true;
      region.members.push_back(id);
    } else if (reads_members_only && node.layer->channel_terms()) {
      region.sums.push_back(id);
    } else {
      for (const NodeId input : node.inputs) is_exit[input] = is_exit[input] || is_member[input];
    }
  }
  is_exit[target] = is_member[target];
  for (NodeId id = source; id <= target; ++id)
    if (is_exit[id]) region.exits.push_back(id);
  return region;
}

}  // namespace fusiform
