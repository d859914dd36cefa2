#pragma once
/// Fourth stage: the numbers. Everything is computed from the stored rankings and per-image outcomes.

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include <fusiform/analysis/segregation.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/lesioning.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/provenance.hpp>

namespace fusiform {

[[nodiscard]] inline nlohmann::ordered_json to_json(const Interval& interval) {
  return {{"estimate", interval.estimate},
          {"low", interval.low},
          {"high", interval.high},
          {"sd", interval.deviation}};  // not-a-number becomes null
}

namespace detail {

using Json = nlohmann::ordered_json;

/// What was ranked for each task, and how far the images reach.
[[nodiscard]] inline Json summarize_rankings(const StudyContext& study, const ImagePack& pack, std::uint64_t seed,
                                             const std::string& layer) {
  Json rankings = Json::array();
  for (const TaskClasses& task : task_classes(pack.classes())) {
    const Ranking ranking = read_ranking(study.paths.ranking(seed, layer, task.task));
    const std::vector<Index> images = ranking_images(study.config, pack, task.task, seed);
    std::set<Index> covered;
    for (const Index image : images) covered.insert(pack.label(image));
    Index tied = 0;
    for (const RankingIteration& iteration : ranking.iterations)
      tied += iteration.selection.tied_at_cut.empty() ? 0 : 1;
    rankings.push_back({{"task", task.task},
                        {"images", images.size()},
                        {"classes_covered", covered.size()},
                        {"classes", task.count},
                        {"iterations", ranking.iterations.size()},
                        {"iterations_tied_at_cut", tied},
                        {"selected", ranking.units},
                        {"selected_at_headline", ranking.top(headline_fraction(study.config))}});
  }
  return rankings;
}

/// Effect of each unit's single lesion on the loss of each task: the first iteration of the rankings.
[[nodiscard]] inline Json summarize_units(const StudyContext& study, const ImagePack& pack, std::uint64_t seed,
                                          const std::string& layer) {
  Json units;
  std::vector<std::vector<double>> effects;
  for (const std::string& task : pack.tasks()) {
    const Ranking ranking = read_ranking(study.paths.ranking(seed, layer, task));
    std::vector<double> effect;
    for (const double loss : ranking.iterations.front().losses)
      effect.push_back(loss - ranking.iterations.front().base_loss);
    units["loss_increase"][task] = effect;
    effects.push_back(std::move(effect));
  }
  if (effects.size() == 2) units["spearman"] = spearman_correlation(effects[0], effects[1]);
  return units;
}

/// Overlap of the sets ranked for two tasks, beside what chance gives.
[[nodiscard]] inline Json summarize_overlap(const Json& rankings, Index layer_units) {
  Json overlaps = Json::array();
  for (std::size_t a = 0; a < rankings.size(); ++a)
    for (std::size_t b = a + 1; b < rankings.size(); ++b) {
      const auto first = rankings[a]["selected_at_headline"].get<std::set<Index>>();
      const auto second = rankings[b]["selected_at_headline"].get<std::set<Index>>();
      Index common = 0;
      for (const Index unit : first) common += second.contains(unit) ? 1 : 0;
      overlaps.push_back({{"tasks", {rankings[a]["task"], rankings[b]["task"]}},
                          {"set_size", first.size()},
                          {"common", common},
                          {"expected_by_chance",
                           static_cast<double>(first.size() * second.size()) / static_cast<double>(layer_units)}});
    }
  return overlaps;
}

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
    std::vector<double> random;
    for (std::size_t i = 1; i < effects.lesions.size(); ++i) {
      const PlannedLesion& lesion = effects.lesions[i];
      if (lesion.origin == "random") random.push_back(drops.drop[i].estimate);
      if (lesion.origin == "random") continue;
      lesions.push_back({{"sort_task", lesion.origin},
                         {"fraction", lesion.fraction},
                         {"units", lesion.units.size()},
                         {"mean_loss", task.lesioned[i].mean_loss()},
                         {"top1", to_json(drops.accuracy[i])},
                         {"drop", to_json(drops.drop[i])}});
    }
    Json entry{{"task", task.task},
               {"images", task.labels.size()},
               {"top1", to_json(drops.base)},
               {"mean_loss", task.lesioned.front().mean_loss()},
               {"lesions", lesions}};
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

/// Specificity and segregation index at one lesion size; null where they are undefined.
[[nodiscard]] inline Json summarize_segregation(const LayerEffects& effects, double fraction, const Rng& rng,
                                                const BootstrapOptions& options) {
  if (effects.tasks.size() < 2) return nullptr;
  std::vector<TaskResponses> responses;
  for (const TaskEffects<float>& task : effects.tasks) {
    TaskResponses response{task.task, task.labels, task.lesioned.front().correct, {}};
    for (const TaskEffects<float>& sorted : effects.tasks) {
      const auto lesion = effects.find(sorted.task, fraction);
      if (!lesion) return nullptr;
      response.lesioned.emplace_back(task.lesioned[*lesion].correct);
    }
    for (std::size_t i = 0; i < effects.lesions.size(); ++i)
      if (effects.lesions[i].origin == "random") response.random.emplace_back(task.lesioned[i].correct);
    responses.push_back(std::move(response));
  }
  const Segregation result = segregation(responses, rng, options);
  Json specificities = Json::array();
  for (std::size_t s = 0; s < result.tasks.size(); ++s)
    specificities.push_back(
        {{"task", result.tasks[s]}, {"specificity", to_json(result.specificity[s])}, {"p", result.specificity_p[s]}});
  Json json{{"fraction", fraction},
            {"index", result.index ? to_json(*result.index) : Json(nullptr)},
            {"p", result.index ? Json(result.index_p) : Json(nullptr)},
            {"denominator", to_json(result.index_denominator)},
            {"specificity", specificities}};
  for (std::size_t t = 0; t < result.corrected_drop.size(); ++t)
    for (std::size_t s = 0; s < result.corrected_drop[t].size(); ++s)
      json["random_corrected_drop"].push_back(
          {{"task", result.tasks[t]}, {"sort_task", result.tasks[s]}, {"drop", to_json(result.corrected_drop[t][s])}});
  return json;
}

[[nodiscard]] inline Json summarize_layer(const StudyContext& study, const ImagePack& pack, std::uint64_t seed,
                                          const std::string& layer) {
  const LayerEffects effects = read_effects(study.paths.outcomes(seed, layer));
  const BootstrapOptions options{.replicates = study.config.statistics.replicates,
                                 .level = study.config.statistics.level};
  const Rng rng = Rng(seed).stream("bootstrap").stream(layer);
  Json rankings = summarize_rankings(study, pack, seed, layer);
  Json overlap = summarize_overlap(rankings, effects.units);
  return {{"layer", layer},
          {"seed", seed},
          {"units", effects.units},
          {"rankings", std::move(rankings)},
          {"overlap", std::move(overlap)},
          {"single_units", summarize_units(study, pack, seed, layer)},
          {"effects", summarize_effects(effects, rng, options)},
          {"segregation", summarize_segregation(effects, headline_fraction(study.config), rng, options)}};
}

/// Accuracies of one seed's net on the test images.
[[nodiscard]] inline Json summarize_net(const StudyContext& study, std::uint64_t seed, const std::string& layer) {
  const LayerEffects effects = read_effects(study.paths.outcomes(seed, layer));
  Json tasks = Json::array();
  for (const TaskEffects<float>& task : effects.tasks) {
    const Outcomes<float>& intact = task.lesioned.front();
    tasks.push_back({{"name", task.task},
                     {"images", intact.count()},
                     {"top1", intact.top1()},
                     {"top5", intact.top5()},
                     {"mean_loss", intact.mean_loss()}});
  }
  return {{"seed", seed}, {"tasks", tasks}};
}

/// Mean and standard deviation of the index over seeds: nets are the sample.
[[nodiscard]] inline Json summarize_seeds(const Json& layers) {
  Json result = Json::array();
  for (const Json& layer : layers) {
    const auto known = [&](const Json& entry) { return entry["layer"] == layer["layer"]; };
    if (std::any_of(result.begin(), result.end(), known)) continue;
    std::vector<double> indices;
    for (const Json& other : layers)
      if (known(other) && !other["segregation"].is_null() && !other["segregation"]["index"].is_null())
        indices.push_back(other["segregation"]["index"]["estimate"].get<double>());
    result.push_back({{"layer", layer["layer"]},
                      {"nets", indices.size()},
                      {"mean_index", mean(indices)},
                      {"sd_index", standard_deviation(indices)}});
  }
  return result;
}

}  // namespace detail

/// All results of a study whose lesions are done. The same results give the same text.
[[nodiscard]] inline nlohmann::ordered_json summarize(StudyContext& study, const ImagePack& pack) {
  using detail::Json;
  study.progress.start("statistics", "layers");
  Json summary{{"name", study.config.name},
               {"level", study.config.statistics.level},
               {"replicates", study.config.statistics.replicates},
               {"headline_fraction", headline_fraction(study.config)}};
  const StudyNetwork network = build<float, Cpu>(study_plan(study.config, pack.classes()));
  const std::vector<std::string> layers = lesioned_layers(study.config, network);
  summary["nets"] = Json::array();
  for (const std::uint64_t seed : study.config.seeds)
    summary["nets"].push_back(detail::summarize_net(study, seed, layers.front()));
  for (const TaskClasses& task : task_classes(pack.classes())) {
    std::vector<double> top1;
    std::vector<double> top5;
    for (const Json& net : summary["nets"])
      for (const Json& score : net["tasks"])
        if (score["name"] == task.task) {
          top1.push_back(score["top1"].get<double>());
          top5.push_back(score["top5"].get<double>());
        }
    summary["tasks"].push_back({{"name", task.task},
                                {"classes", task.count},
                                {"train_images", pack.select(task.task, Split::train).size()},
                                {"test_images", pack.select(task.task, Split::test).size()},
                                {"chance_top1", 1.0 / static_cast<double>(task.count)},
                                {"top1", mean(top1)},
                                {"top5", mean(top5)}});
  }
  summary["layers"] = Json::array();
  for (const std::uint64_t seed : study.config.seeds)
    for (const std::string& layer : layers)
      summary["layers"].push_back(detail::summarize_layer(study, pack, seed, layer));
  summary["across_seeds"] = detail::summarize_seeds(summary["layers"]);
  Json provenance = build_provenance();
  provenance["seeds"] = study.config.seeds;
  provenance["images"] = pack.hash();
  provenance["images_left_out"] = pack.left_out();
  summary["provenance"] = std::move(provenance);
  study.progress.finish(text(summary["layers"].size(), " layers, ", study.config.statistics.replicates, " replicates"));
  return summary;
}

}  // namespace fusiform
