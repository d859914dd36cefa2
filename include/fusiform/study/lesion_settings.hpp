#pragma once
/// What `[lesion]` asks for: how units are lesioned, how many, in which layers, ranked for which tasks on which images.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fusiform/analysis/lesion.hpp>
#include <fusiform/data/sampling.hpp>
#include <fusiform/study/context.hpp>

namespace fusiform {

[[nodiscard]] inline LesionKind lesion_kind(const LesionConfig& lesion) {
  if (lesion.kind == "weights") return LesionKind::weights;
  if (lesion.kind == "mean") return LesionKind::mean;
  if (lesion.kind == "resample") return LesionKind::resample;
  return lesion.kind == "scale" ? LesionKind::scale : LesionKind::zero;
}

/// How units are lesioned; a site of kind weights is set to zero.
[[nodiscard]] inline LesionManner lesion_manner(const LesionConfig& lesion) {
  const LesionKind kind = lesion_kind(lesion);
  return {kind == LesionKind::weights ? LesionKind::zero : kind, lesion.scale};
}

/// The lesion size at which segregation is judged: that of the ranking, or 20 % after a linear ranking.
[[nodiscard]] inline double headline_fraction(const LesionConfig& lesion) {
  return lesion.fraction > 0 ? lesion.fraction : 0.2;
}

/// The points of the lesion curves, ascending; the headline fraction is always among them.
[[nodiscard]] inline std::vector<double> lesion_fractions(const LesionConfig& lesion) {
  std::vector<double> fractions = lesion.fractions;
  fractions.push_back(headline_fraction(lesion));
  std::sort(fractions.begin(), fractions.end());
  fractions.erase(std::unique(fractions.begin(), fractions.end()), fractions.end());
  return fractions;
}

namespace detail {

/// Whether all heads depend on a node: lesions there can be compared between tasks.
[[nodiscard]] inline bool serves_all_heads(const StudyNetwork& network, NodeId node) {
  const std::vector<bool> dependent = network.dependent_on(node);
  const std::vector<NodeId> heads = network.heads();
  return std::all_of(heads.begin(), heads.end(), [&](NodeId head) { return dependent[head]; });
}

}  // namespace detail

/// The layers to lesion, under the name or alias the study uses; by default the last convolution that all tasks share.
/// Throws ConfigError for a layer that the net does not have, or that lies in the branch of one task.
[[nodiscard]] inline std::vector<std::string> lesioned_layers(const LesionConfig& lesion, const StudyNetwork& network) {
  for (const std::string& layer : lesion.layers)
    if (!detail::serves_all_heads(network, lesion_site(network, layer, lesion_kind(lesion)).node))
      throw ConfigError(text("lesion: expected layers that all tasks share, got '", layer, "' in the branch of one"));
  if (!lesion.layers.empty()) return lesion.layers;
  for (NodeId id = network.size() - 1; id > 0; --id)
    if (network.node(id).layer->kind() == "conv2d" && detail::serves_all_heads(network, id))
      return {network.node(id).alias.empty() ? network.node(id).name : network.node(id).alias};
  throw ConfigError("lesion: the net has no convolution that all tasks share; expected [lesion] layers = [...]");
}

/// Training images of a task that its rankings use: a fixed list, the same for all layers of a net.
[[nodiscard]] inline std::vector<Index> ranking_images(const LesionConfig& lesion, const ImagePack& pack,
                                                       const NetTask& task, std::uint64_t seed) {
  const std::vector<Index> items = task_images(pack.manifest(), task, Split::train);
  if (lesion.selection == "first") return first_images(pack.manifest(), items, lesion.images);
  return stratified_images(pack.manifest(), items, lesion.images, Rng(seed).stream("ranking images " + task.task));
}

/// The tasks whose units are ranked: those that the net is trained on.
[[nodiscard]] inline std::vector<NetTask> ranked_tasks(std::vector<NetTask> tasks) {
  std::erase_if(tasks, [](const NetTask& task) { return !task.is_trained(); });
  return tasks;
}

}  // namespace fusiform
