#pragma once
/// The numbers of one lesioned layer, computed from its stored rankings and per-image outcomes.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <fusiform/analysis/segregation.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/lesioning.hpp>
#include <fusiform/study/outcome_store.hpp>

namespace fusiform {

[[nodiscard]] inline nlohmann::ordered_json to_json(const Interval& interval) {
  return {{"estimate", interval.estimate},
          {"low", interval.low},
          {"high", interval.high},
          {"sd", interval.deviation}};  // not-a-number becomes null
}

namespace detail {

using Json = nlohmann::ordered_json;

/// How many classes of the images belong to the task.
[[nodiscard]] inline Index image_classes(const NetTask& task) {
  return std::count_if(task.outputs.begin(), task.outputs.end(), [](Index output) { return output != no_output; });
}

/// What was ranked for each task, and how far the images reach.
[[nodiscard]] inline Json summarize_rankings(const StudyContext& study, const ImagePack& pack, const StudyNet& net,
                                             const std::string& layer) {
  const LesionConfig& lesion = net.settings->lesion;
  Json rankings = Json::array();
  for (const NetTask& task : ranked_tasks(net_tasks(study, net, pack))) {
    const Ranking ranking = read_ranking(study.paths.ranking(net, layer, task.task));
    const std::vector<Index> images = ranking_images(lesion, pack, task, net.seed);
    std::set<Index> covered;
    for (const Index image : images) covered.insert(pack.label(image));
    Index tied = 0;
    for (const RankingIteration& iteration : ranking.iterations)
      tied += iteration.selection.tied_at_cut.empty() ? 0 : 1;
    rankings.push_back({{"task", task.task},
                        {"images", images.size()},
                        {"classes_covered", covered.size()},
                        {"classes", image_classes(task)},
                        {"iterations", ranking.iterations.size()},
                        {"iterations_tied_at_cut", tied},
                        {"selected", ranking.units},
                        {"selected_at_headline", ranking.top(headline_fraction(lesion))}});
  }
  return rankings;
}

/// Effect of each unit's single lesion on the loss of each task: the first iteration of the rankings.
[[nodiscard]] inline Json summarize_units(const StudyContext& study, const ImagePack& pack, const StudyNet& net,
                                          const std::string& layer) {
  Json units;
  std::vector<std::vector<double>> effects;
  for (const std::string& task : names_of(ranked_tasks(net_tasks(study, net, pack)))) {
    const Ranking ranking = read_ranking(study.paths.ranking(net, layer, task));
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

/// Responses of the tasks that units were ranked for, under the lesions of each of them; none if one is not available.
[[nodiscard]] inline std::vector<TaskResponses> responses_at(const LayerEffects& effects, double fraction) {
  const auto is_ranked = [&](const std::string& task) {
    return std::any_of(effects.lesions.begin(), effects.lesions.end(),
                       [&](const PlannedLesion& lesion) { return lesion.origin == task; });
  };
  std::vector<TaskResponses> responses;
  for (const TaskEffects<float>& task : effects.tasks) {
    if (!is_ranked(task.task)) continue;
    TaskResponses response{task.task, task.labels, task.lesioned.front().correct, {}};
    for (const TaskEffects<float>& sorted : effects.tasks) {
      if (!is_ranked(sorted.task)) continue;
      const auto lesion = effects.find(sorted.task, fraction);
      if (!lesion) return {};
      response.lesioned.emplace_back(task.lesioned[*lesion].correct);
    }
    for (std::size_t i = 0; i < effects.lesions.size(); ++i)
      if (effects.lesions[i].origin == "random" && !effects.lesions[i].keep_only)
        response.random.emplace_back(task.lesioned[i].correct);
    responses.push_back(std::move(response));
  }
  return responses;
}

/// Specificity and segregation index at one lesion size; null where they are undefined.
[[nodiscard]] inline Json summarize_segregation(const LayerEffects& effects, double fraction, const Rng& rng,
                                                const BootstrapOptions& options) {
  const std::vector<TaskResponses> responses = responses_at(effects, fraction);
  if (responses.size() < 2) return nullptr;
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

/// The index itself, without an interval; undefined if a net finds nothing, or if no lesion costs anything.
[[nodiscard]] inline double index_of(const std::vector<TaskResponses>& responses) {
  const auto accuracy = [](Flags flags) {
    return static_cast<double>(std::accumulate(flags.begin(), flags.end(), 0)) / static_cast<double>(flags.size());
  };
  DropMatrix drops;
  for (const TaskResponses& task : responses) {
    const double base = accuracy(task.base);
    drops.emplace_back();
    for (const Flags lesioned : task.lesioned)
      drops.back().push_back(base > 0 ? (base - accuracy(lesioned)) / base : undefined);
  }
  return drops.size() < 2 ? undefined : segregation_parts(drops).index();
}

/// Indices of the random-class controls of a layer, and where the real one stands among them.
[[nodiscard]] inline Json summarize_controls(const StudyContext& study, const StudyNet& net, const std::string& layer,
                                             const Json& segregation) {
  const LesionConfig& lesion = net.settings->lesion;
  if (lesion.random_classes == 0) return nullptr;
  std::vector<double> indices;
  Index undefined_ones = 0;
  for (Index draw = 0; draw < lesion.random_classes; ++draw) {
    const LayerEffects effects = read_effects(study.paths.control(net, layer, draw));
    const double index = index_of(responses_at(effects, headline_fraction(lesion)));
    if (std::isnan(index))
      ++undefined_ones;
    else
      indices.push_back(index);
  }
  const bool has_index = !segregation.is_null() && !segregation.at("index").is_null();
  const double observed = has_index ? segregation.at("index").at("estimate").get<double>() : undefined;
  std::vector<double> sorted = indices;
  std::sort(sorted.begin(), sorted.end());
  return {{"draws", lesion.random_classes},
          {"undefined", undefined_ones},
          {"indices", indices},
          {"mean", mean(indices)},
          {"sd", standard_deviation(indices)},
          {"low", quantile(sorted, (1 - study.config.statistics.level) / 2)},
          {"high", quantile(sorted, (1 + study.config.statistics.level) / 2)},
          {"p", has_index && !indices.empty() ? Json(permutation_p(observed, indices)) : Json(nullptr)}};
}

[[nodiscard]] inline Json summarize_layer(const StudyContext& study, const ImagePack& pack, const StudyNet& net,
                                          const std::string& layer) {
  const LayerEffects effects = read_effects(study.paths.outcomes(net, layer));
  const BootstrapOptions options{.replicates = study.config.statistics.replicates,
                                 .level = study.config.statistics.level};
  const Rng rng = Rng(net.seed).stream("bootstrap").stream(layer);
  Json rankings = summarize_rankings(study, pack, net, layer);
  Json overlap = summarize_overlap(rankings, effects.units);
  Json segregation = summarize_segregation(effects, headline_fraction(net.settings->lesion), rng, options);
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
          {"random_classes", std::move(controls)}};
}

}  // namespace detail

}  // namespace fusiform
