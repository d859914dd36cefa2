#pragma once
/// Stage: the first units of each task's ranking lesioned one by one and two by two, on test images of every trained
/// task.

#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/analysis/pair_effects.hpp>
#include <fusiform/analysis/paired_units.hpp>
#include <fusiform/study/attribution_stage.hpp>
#include <fusiform/study/lesioning.hpp>

namespace fusiform {

/// The units of a layer whose pairs are lesioned, from its finished rankings.
[[nodiscard]] inline PairedUnits study_pairs(const StudyContext& study, const StudyNet& net, const std::string& layer,
                                             const std::vector<NetTask>& ranked) {
  std::vector<Ranking> rankings;
  for (const NetTask& task : ranked) rankings.push_back(read_ranking(study.paths.ranking(net, layer, task.task)));
  return paired_units(rankings, net.settings->lesion.pairs);
}

namespace detail {

/// The lesions as outcomes store them.
[[nodiscard]] inline std::vector<PlannedLesion> planned_pairs(const std::vector<Index>& units) {
  std::vector<PlannedLesion> planned;
  for (const std::vector<Index>& lesion : pair_lesions(units))
    planned.push_back({lesion.empty() ? "none" : lesion.size() == 1 ? "unit" : "pair", 0, 0, lesion});
  return planned;
}

/// Outcomes of all images under each lesion, some blocks at a time so that progress can be told.
[[nodiscard]] inline std::vector<Outcomes<float>> evaluate_pairs(StudyContext& study, AddedLesions<float>& lesions,
                                                                 const std::vector<std::vector<Index>>& added) {
  const ImageRange all{0, lesions.image_count()};
  std::vector<Outcomes<float>> outcomes(added.size());
  for (Index part = 0; part < all.parts(lesions.block()); ++part) {
    const ImageRange images = all.part(part, lesions.block());
    const std::vector<Outcomes<float>> some = lesions.evaluate({}, added, images);
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    for (std::size_t i = 0; i < added.size(); ++i) {
      append(outcomes[i].losses, some[i].losses);
      append(outcomes[i].correct, some[i].correct);
      append(outcomes[i].in_top5, some[i].in_top5);
    }
    study.progress.update(images.end(), all.count);
  }
  return outcomes;
}

/// Whether the outcomes of just these units' pairs are stored.
[[nodiscard]] inline bool has_pairs(const std::string& path, const std::vector<Index>& units) {
  if (!std::filesystem::exists(path)) return false;
  std::vector<Index> stored;
  for (const PlannedLesion& lesion : read_effects(path).lesions)
    if (lesion.origin == "unit") stored.push_back(lesion.units.front());
  return stored == units;
}

}  // namespace detail

/// Lesions the pairs of one ranked layer in the study's manner, unless their outcomes are stored already. The images
/// are those of the attributions. Nothing without `[lesion] pairs`.
inline void pair_layer(StudyContext& study, const LesionedNet& lesioned, const std::string& layer) {
  const LesionConfig& lesion = lesioned.lesion();
  if (lesion.pairs == 0) return;
  const auto& [net, network, placed, pack] = lesioned;
  const std::vector<NetTask> tasks = ranked_tasks(net_tasks(study, net, pack));
  const std::vector<Index> units = study_pairs(study, net, layer, tasks).units;
  const std::string path = study.paths.pairs(net, layer);
  if (detail::has_pairs(path, units)) return;
  const LesionSite site = lesion_site(network, layer, lesion_kind(lesion));
  const std::vector<std::vector<Index>> added = pair_lesions(units);
  LayerEffects effects{.layer = layer, .units = site.units, .lesions = detail::planned_pairs(units), .tasks = {}};
  for (const NetTask& task : tasks) {
    study.progress.start(text(net.title(), ": pairs of units of ", layer, " for ", task.task), "images");
    const LabelledImages<float> images = attributed_images(lesioned, task);
    const auto lesions = placed.added_lesions(detail::placed_lesions(lesioned, task, layer), images,
                                              lesion_manner(lesion), detail::lesion_memory(lesion));
    effects.tasks.push_back({task.task, images.labels, detail::evaluate_pairs(study, *lesions, added)});
    study.progress.finish(text(units.size(), " units, ", added.size(), " lesions, ", images.count(), " images"));
  }
  write_effects(path, effects);
}

}  // namespace fusiform
