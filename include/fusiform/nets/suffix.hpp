#pragma once
/// The part of a network behind one node: what must be computed again when only that node's value changes.

#include <algorithm>
#include <vector>

#include <fusiform/nets/network.hpp>

namespace fusiform {

/// To get `target` for a changed value of `site`: compute `steps` in order; they read the site, each other, and the
/// `frontier`, whose values do not depend on the site (the other branch of a residual addition).
struct Suffix {
  NodeId site;
  NodeId target;
  std::vector<NodeId> steps;
  std::vector<NodeId> frontier;
};

/// Throws ConfigError if `target` does not depend on `site`.
template <Scalar T, Device D>
[[nodiscard]] Suffix suffix_behind(const Network<T, D>& network, NodeId site, NodeId target) {
  const std::vector<bool> dependent = network.dependent_on(site);
  const std::vector<bool> needed = network.needed_for(target);
  if (!dependent[target])
    throw ConfigError(
        text("layer '", network.node(target).name, "' does not depend on layer '", network.node(site).name, "'"));
  Suffix suffix{site, target, {}, {}};
  for (NodeId id = site + 1; id <= target; ++id) {
    if (!dependent[id] || !needed[id]) continue;
    suffix.steps.push_back(id);
    for (const NodeId input : network.node(id).inputs)
      if (!dependent[input] && std::count(suffix.frontier.begin(), suffix.frontier.end(), input) == 0)
        suffix.frontier.push_back(input);
  }
  return suffix;
}

}  // namespace fusiform
