#pragma once
/// The numbers of one lesioned layer, computed from its stored rankings and per-image outcomes.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/drops.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/io/csv.hpp>
#include <fusiform/study/class_summary.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/interval_summary.hpp>
#include <fusiform/study/matched_summary.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/ranking_summary.hpp>
#include <fusiform/study/segregation_summary.hpp>

namespace fusiform::detail {

/// Accuracy and drop of every task under every ranked lesion, with intervals.
[[nodiscard]] inline Json summarize_effects(const LayerEffects& effects, const Rng& rng,
                                            const BootstrapOptions& options) {
  Json result = Json::array();
  for (std::size_t t = 0; t < effects.tasks.size(); ++t) {
    const TaskEffects<float>& task = effects.tasks[t];
    TaskResponses responses{task.task, task.labels, task.lesioned.front().correct, {}};
    for (const Outcomes<float>& outcomes : task.lesioned) responses.lesioned.emplace_back(outcomes.correct);
    const TaskDrops drops = proportional_drops(responses, rng.stream(t), options);
    Json lesions = Json::array();
    Json kept = Json::array();  // inverse lesions
    std::vector<double> random;
    for (std::size_t i = 1; i < effects.lesions.size(); ++i) {
      const PlannedLesion& lesion = effects.lesions[i];
      if (lesion.origin == "random" && !lesion.keep_only) random.push_back(drops.drop[i].estimate);
      if (lesion.origin == "random") continue;
      (lesion.keep_only ? kept : lesions)
          .push_back({{"sort_task", lesion.origin},
                      {"fraction", lesion.fraction},
                      {"units", lesion.units.size()},
                      {"mean_loss", task.lesioned[i].mean_loss()},
                      {"top1", to_json(drops.accuracy[i])},
                      {"drop", to_json(drops.drop[i])}});
    }
    Json entry{{"task", task.task},           {"images", task.labels.size()},
               {"top1", to_json(drops.base)}, {"mean_loss", task.lesioned.front().mean_loss()},
               {"lesions", lesions},          {"keep_only", kept}};
    if (!random.empty()) {
      std::sort(random.begin(), random.end());
      entry["random_lesions"] = {{"sets", random.size()},
                                 {"mean_drop", mean(random)},
                                 {"low", quantile(random, (1 - options.level) / 2)},
                                 {"high", quantile(random, (1 + options.level) / 2)},
                                 {"drops", random}};
    }
    result.push_back(std::move(entry));
  }
  return result;
}

/// Writes the layer's single classes into `class_effects`, and returns all else.
[[nodiscard]] inline Json summarize_layer(const StudyContext& study, const ImagePack& pack, const StudyNet& net,
                                          const std::string& layer, CsvWriter& class_effects) {
  const LayerEffects effects = read_effects(study.paths.outcomes(net, layer));
  const BootstrapOptions options = bootstrap_options(study.config.statistics);
  const double fraction = headline_fraction(net.settings->lesion);
  const Rng rng = Rng(net.seed).stream("bootstrap").stream(layer);
  const ClassedEffects classed = classed_effects(study, pack, net, effects, fraction);
  write_class_effects(classed, class_effects);
  Json rankings = summarize_rankings(study, pack, net, layer);
  Json overlap = summarize_overlap(rankings, effects.units);
  Json segregation = summarize_segregation(effects, fraction, rng, options);
  Json controls = summarize_controls(study, net, layer, segregation);
  return {{"net", net.variant},
          {"layer", layer},
          {"seed", net.seed},
          {"units", effects.units},
          {"rankings", std::move(rankings)},
          {"overlap", std::move(overlap)},
          {"single_units", summarize_units(study, pack, net, layer)},
          {"effects", summarize_effects(effects, rng, options)},
          {"segregation", std::move(segregation)},
          {"random_classes", std::move(controls)},
          {"matched", summarize_matched(effects, fraction, Rng(net.seed).stream("matched images"),
                                        rng.stream("matched images"), study.config.statistics)},
          {"groups", summarize_groups(classed, study.config.tasks, rng.stream("groups"), options)}};
}

}  // namespace fusiform::detail
