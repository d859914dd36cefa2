#pragma once
/// Layers of a network by words: names, groups of names, patterns.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/nearest_names.hpp>
#include <fusiform/nets/network.hpp>

namespace fusiform {

namespace detail {

/// Whether a name fits a pattern, in which each '*' stands for any letters, or none.
[[nodiscard]] inline bool fits_pattern(std::string_view name, std::string_view pattern) noexcept {
  if (pattern.empty()) return name.empty();
  if (pattern.front() != '*')
    return !name.empty() && name.front() == pattern.front() && fits_pattern(name.substr(1), pattern.substr(1));
  for (std::size_t skipped = 0; skipped <= name.size(); ++skipped)
    if (fits_pattern(name.substr(skipped), pattern.substr(1))) return true;
  return false;
}

/// Whether `word` means a layer of this name or alias: itself, a group it belongs to, or a pattern it fits.
[[nodiscard]] inline bool covers(std::string_view word, std::string_view name) noexcept {
  if (word.empty() || name.empty()) return false;
  return fits_pattern(name, word) || (name.size() > word.size() && name.starts_with(word) && name[word.size()] == '.');
}

template <Scalar T, Device D>
[[nodiscard]] bool has_weights(const Network<T, D>& network, NodeId id) {
  const Layer<T, D>* layer = network.node(id).layer.get();
  return layer != nullptr && !layer->parameters().empty();
}

}  // namespace detail

/// The classifiers: of each head the last layer that has weights, in order, each once.
template <Scalar T, Device D>
[[nodiscard]] std::vector<NodeId> classifiers(const Network<T, D>& network) {
  std::vector<NodeId> result;
  for (NodeId id : network.heads()) {
    while (id > 0 && !detail::has_weights(network, id)) id = network.node(id).inputs.front();
    if (id > 0 && std::find(result.begin(), result.end(), id) == result.end()) result.push_back(id);
  }
  return result;
}

/// The layers with weights that the words mean, in the order of the network, each once. A word is
///   features.28   a name, or an alias such as conv5_3
///   features      the beginning of names up to a dot: features.0, features.1, ...; "faces" is the branch of faces
///   conv5_*       a pattern, where * stands for any letters: conv5_1, conv5_2, ..., or *.classifier.6
///   heads         the classifiers (see above), unless layers are called so
/// Throws ConfigError for a word that means no layer (it lists what there is, the most similar first), or only layers
/// without weights.
template <Scalar T, Device D>
[[nodiscard]] std::vector<NodeId> select_layers(const Network<T, D>& network, const std::vector<std::string>& words) {
  std::vector<bool> selected(network.size(), false);
  for (const std::string& word : words) {
    std::vector<NodeId> meant;
    for (NodeId id = 1; id < network.size(); ++id)
      if (detail::covers(word, network.node(id).name) || detail::covers(word, network.node(id).alias))
        meant.push_back(id);
    if (meant.empty() && word == "heads") meant = classifiers(network);
    const auto weightless = [&](NodeId id) { return !detail::has_weights(network, id); };
    if (!meant.empty() && std::all_of(meant.begin(), meant.end(), weightless))
      throw ConfigError(text("network: expected a layer with weights, got '", word, "', which has none"));
    std::erase_if(meant, weightless);
    if (meant.empty()) {
      std::vector<std::string> known;
      for (NodeId id = 1; id < network.size(); ++id)
        if (!weightless(id))
          known.push_back(network.node(id).name + (network.node(id).alias.empty() ? "" : "=" + network.node(id).alias));
      throw ConfigError(text("network: no layer with weights is meant by '", word, "'; expected heads or one of:",
                             nearest_first(word, std::move(known)), ", the part of a name before a dot, or a pattern"));
    }
    for (const NodeId id : meant) selected[id] = true;
  }
  std::vector<NodeId> result;
  for (NodeId id = 1; id < network.size(); ++id)
    if (selected[id]) result.push_back(id);
  return result;
}

}  // namespace fusiform
