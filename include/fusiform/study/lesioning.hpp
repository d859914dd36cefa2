#pragma once
/// Third stage: rank the units of each layer for each task, lesion the best ones, evaluate every task.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/analysis/effects.hpp>
#include <fusiform/data/sampling.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/training.hpp>

namespace fusiform {

[[nodiscard]] inline LesionKind lesion_kind(const StudyConfig& config) {
  return config.lesion.kind == "weights" ? LesionKind::weights : LesionKind::zero;
}

/// The lesion size at which segregation is judged: that of the ranking, or 20 % after a linear ranking.
[[nodiscard]] inline double headline_fraction(const StudyConfig& config) {
  return config.lesion.fraction > 0 ? config.lesion.fraction : 0.2;
}

/// The points of the lesion curves, ascending; the headline fraction is always among them.
[[nodiscard]] inline std::vector<double> lesion_fractions(const StudyConfig& config) {
  std::vector<double> fractions = config.lesion.fractions;
  fractions.push_back(headline_fraction(config));
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
[[nodiscard]] inline std::vector<std::string> lesioned_layers(const StudyConfig& config, const StudyNetwork& network) {
  for (const std::string& layer : config.lesion.layers)
    if (!detail::serves_all_heads(network, lesion_site(network, layer, lesion_kind(config)).node))
      throw ConfigError(text("lesion: expected layers that all tasks share, got '", layer, "' in the branch of one"));
  if (!config.lesion.layers.empty()) return config.lesion.layers;
  for (NodeId id = network.size() - 1; id > 0; --id)
    if (network.node(id).layer->kind() == "conv2d" && detail::serves_all_heads(network, id))
      return {network.node(id).alias.empty() ? network.node(id).name : network.node(id).alias};
  throw ConfigError("lesion: the net has no convolution that all tasks share; expected [lesion] layers = [...]");
}

/// Training images of a task that its rankings use: a fixed list, the same for all layers of a seed.
[[nodiscard]] inline std::vector<Index> ranking_images(const StudyConfig& config, const ImagePack& pack,
                                                       const std::string& task, std::uint64_t seed) {
  if (config.lesion.selection == "first") return first_images(pack, task, Split::train, config.lesion.images);
  return stratified_images(pack, task, Split::train, config.lesion.images, Rng(seed).stream("ranking images " + task));
}

namespace detail {

[[nodiscard]] inline LesionEvaluatorOptions evaluator_options(const StudyConfig& config) {
  return {.memory = static_cast<std::size_t>(config.lesion.memory_mib) << 20U};
}

/// Whether the journals of all tasks at this layer are there and complete.
[[nodiscard]] inline bool is_ranked(const StudyContext& study, const ImagePack& pack, const std::string& layer,
                                    std::uint64_t seed) {
  const LesionConfig& lesion = study.config.lesion;
  for (const std::string& task : pack.tasks()) {
    const Ranking ranking = read_ranking(study.paths.ranking(seed, layer, task));
    const auto ranked = static_cast<Index>(ranking.units.size());
    if (ranked == 0) return false;
    const SelectionSchedule schedule = selection_schedule(ranking.layer_units, lesion.fraction, lesion.group);
    if (ranked < ranking.layer_units && schedule.goes_on(ranked)) return false;
  }
  return true;
}

/// Goes on with the journal of a ranking where it ended; a finished one is only read.
[[nodiscard]] inline Ranking rank_layer(StudyContext& study, const StudyNetwork& network, const ImagePack& pack,
                                        const TaskClasses& task, const std::string& layer, std::uint64_t seed) {
  const std::string path = study.paths.ranking(seed, layer, task.task);
  Ranking so_far = read_ranking(path);
  const TaskHead head = task_head(network, task);
  const LabelledImages<float> images = labelled_images<float>(pack, ranking_images(study.config, pack, task.task, seed),
                                                              evaluation_transform(study.config), head.first_class);
  LesionEvaluator<float> evaluator(network, lesion_site(network, layer, lesion_kind(study.config)), head.node, images,
                                   evaluator_options(study.config));
  study.progress.start(text("ranking ", layer, " for ", task.task), "units");
  JsonLinesWriter journal(path);
  Ranking ranking = rank_units(
      evaluator, {.fraction = study.config.lesion.fraction, .group = study.config.lesion.group},
      [&](const Ranking& ranked, Index wanted) {
        journal.append(to_json(ranked.iterations.back()).dump());
        journal.flush();
        study.progress.update(static_cast<Index>(ranked.units.size()), wanted);
      },
      std::move(so_far));
  study.progress.finish(
      text(ranking.units.size(), " of ", ranking.layer_units, " units ranked on ", images.count(), " images"));
  return ranking;
}

}  // namespace detail

/// Rankings of all tasks at one layer, in the order of the tasks. Needs the trained net.
[[nodiscard]] inline std::vector<Ranking> rank_layer(StudyContext& study, const StudyNetwork& network,
                                                     const ImagePack& pack, const std::string& layer,
                                                     std::uint64_t seed) {
  std::vector<Ranking> rankings;
  for (const TaskClasses& task : task_classes(pack.classes()))
    rankings.push_back(detail::rank_layer(study, network, pack, task, layer, seed));
  return rankings;
}

/// Evaluates the lesions of one layer on the test images of all tasks, unless their outcomes are stored already.
inline void lesion_layer(StudyContext& study, const StudyNetwork& network, const ImagePack& pack,
                         const std::string& layer, std::uint64_t seed) {
  const std::string path = study.paths.outcomes(seed, layer);
  if (std::filesystem::exists(path) && detail::is_ranked(study, pack, layer, seed)) return;
  const std::vector<Ranking> rankings = rank_layer(study, network, pack, layer, seed);
  std::vector<std::string> names;
  std::vector<TaskImages<float>> tasks;
  for (const TaskClasses& task : task_classes(pack.classes())) {
    const TaskHead head = task_head(network, task);
    names.push_back(task.task);
    tasks.push_back({task.task, head.node,
                     labelled_images<float>(pack, pack.select(task.task, Split::test),
                                            evaluation_transform(study.config), head.first_class)});
  }
  LayerEffects effects;
  effects.layer = layer;
  effects.units = rankings.front().layer_units;
  effects.lesions = plan_lesions(names, rankings,
                                 {.fractions = lesion_fractions(study.config),
                                  .random_sets = study.config.lesion.random_lesions,
                                  .random_fraction = headline_fraction(study.config)},
                                 Rng(seed).stream("random lesions").stream(layer));
  study.progress.start("lesions of " + layer, "evaluations");
  effects.tasks = lesion_effects(network, lesion_site(network, layer, lesion_kind(study.config)), effects.lesions,
                                 tasks, detail::evaluator_options(study.config),
                                 [&](Index done, Index total) { study.progress.update(done, total); });
  write_effects(path, effects);
  study.progress.finish(text(effects.lesions.size(), " lesions, ", names.size(), " tasks"));
}

}  // namespace fusiform
