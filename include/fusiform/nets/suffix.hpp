#pragma once
/// The part of a network behind one node: what must be computed again when only that node's value changes.

#include <algorithm>
#include <vector>

#include <fusiform/nets/network.hpp>

namespace fusiform {

/// Nodes that the part between `site` and `target` reads beside the site: their values do not depend on it (the other
/// branch of a residual addition). With these and the site borrowed, `Network::compute` runs that part and no more.
/// Throws ConfigError if `target` does not depend on `site`.
template <Scalar T, Device D>
[[nodiscard]] std::vector<NodeId> suffix_frontier(const Network<T, D>& network, NodeId site, NodeId target) {
  const std::vector<bool> dependent = network.dependent_on(site);
  const std::vector<bool> needed = network.needed_for(target);
  if (!dependent[target])
    throw ConfigError(
        text("layer '", network.node(target).name, "' does not depend on layer '", network.node(site).name, "'"));
  std::vector<NodeId> frontier;
  for (NodeId id = site + 1; id <= target; ++id) {
    if (!dependent[id] || !needed[id]) continue;
    for (const NodeId input : network.node(id).inputs)
      if (!dependent[input] && std::count(frontier.begin(), frontier.end(), input) == 0) frontier.push_back(input);
  }
  return frontier;
}

}  // namespace fusiform
