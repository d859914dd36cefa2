#pragma once
/// Third stage: rank the units of each layer for each task, lesion the best ones, evaluate every task.

#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/analysis/effects.hpp>
#include <fusiform/data/sampling.hpp>
#include <fusiform/io/csv.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/training.hpp>

namespace fusiform {

[[nodiscard]] inline LesionKind lesion_kind(const StudyConfig& config) {
  return config.lesion.kind == "weights" ? LesionKind::weights : LesionKind::zero;
}

/// The layers to lesion, under the name or alias the study uses; by default the last convolution.
/// Throws ConfigError for a layer that the net does not have.
[[nodiscard]] inline std::vector<std::string> lesioned_layers(const StudyConfig& config, const StudyNetwork& network) {
  for (const std::string& layer : config.lesion.layers) (void)network.find(layer);
  if (!config.lesion.layers.empty()) return config.lesion.layers;
  for (NodeId id = network.size() - 1; id > 0; --id)
    if (network.node(id).layer->kind() == "conv2d")
      return {network.node(id).alias.empty() ? network.node(id).name : network.node(id).alias};
  throw ConfigError("lesion: the net has no convolution; expected [lesion] layers = [...]");
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
  if (std::filesystem::exists(path)) return;
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
                                 {.fractions = study.config.lesion.fractions,
                                  .random_sets = study.config.lesion.random_lesions,
                                  .random_fraction = study.config.lesion.fraction},
                                 Rng(seed).stream("random lesions").stream(layer));
  study.progress.start("lesions of " + layer, "evaluations");
  effects.tasks = lesion_effects(network, lesion_site(network, layer, lesion_kind(study.config)), effects.lesions,
                                 tasks, detail::evaluator_options(study.config),
                                 [&](Index done, Index total) { study.progress.update(done, total); });
  write_effects(path, effects);
  study.progress.finish(text(effects.lesions.size(), " lesions, ", names.size(), " tasks"));
}

}  // namespace fusiform
