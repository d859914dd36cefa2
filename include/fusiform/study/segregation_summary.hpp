#pragma once
/// Specificity and segregation index of one lesioned layer, beside those of random classes.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/multiple_testing.hpp>
#include <fusiform/analysis/null_distribution.hpp>
#include <fusiform/analysis/segregation.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/interval_summary.hpp>
#include <fusiform/study/lesioning.hpp>
#include <fusiform/study/outcome_store.hpp>

namespace fusiform::detail {

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

/// Specificity and segregation index; null where they are undefined.
[[nodiscard]] inline Json segregation_json(const Segregation& result, double fraction) {
  Json specificities = Json::array();
  for (std::size_t s = 0; s < result.tasks.size(); ++s)
    specificities.push_back(
        {{"task", result.tasks[s]}, {"specificity", to_json(result.specificity[s])}, {"p", result.specificity_p[s]}});
  return {{"fraction", fraction},
          {"index", result.index ? to_json(*result.index) : Json(nullptr)},
          {"p", result.index ? Json(result.index_p) : Json(nullptr)},
          {"denominator", to_json(result.index_denominator)},
          {"specificity", specificities}};
}

/// Segregation at one lesion size, with drops corrected by random lesions; null for fewer than two ranked tasks.
[[nodiscard]] inline Json summarize_segregation(const LayerEffects& effects, double fraction, const Rng& rng,
                                                const BootstrapOptions& options) {
  const std::vector<TaskResponses> responses = responses_at(effects, fraction);
  if (responses.size() < 2) return nullptr;
  const Segregation result = segregation(responses, rng, options);
  Json json = segregation_json(result, fraction);
  for (std::size_t t = 0; t < result.corrected_drop.size(); ++t)
    for (std::size_t s = 0; s < result.corrected_drop[t].size(); ++s)
      json["random_corrected_drop"].push_back(
          {{"task", result.tasks[t]}, {"sort_task", result.tasks[s]}, {"drop", to_json(result.corrected_drop[t][s])}});
  return json;
}

/// The index itself, without an interval; undefined if a net finds nothing, or if no lesion costs anything.
[[nodiscard]] inline double index_of(const std::vector<TaskResponses>& responses) {
  DropMatrix drops;
  for (const TaskResponses& task : responses) {
    drops.emplace_back();
    for (const Flags lesioned : task.lesioned)
      drops.back().push_back(proportional_drop(share_of(task.base), share_of(lesioned)));
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
  const NullDistribution null = null_distribution(observed, indices, study.config.statistics.level);
  return {{"draws", lesion.random_classes},
          {"undefined", undefined_ones},
          {"indices", indices},
          {"mean", null.mean},
          {"sd", null.deviation},
          {"low", null.low},
          {"high", null.high},
          {"p", has_index && !indices.empty() ? Json(null.p) : Json(nullptr)}};
}

/// Adds "p_holm" and "p_fdr" (Benjamini-Hochberg) to objects with a "p": the tests of one family. An undefined p stays
/// undefined and does not count.
inline void correct_family(const std::vector<Json*>& family) {
  std::vector<double> p_values;
  for (const Json* test : family) p_values.push_back(test->at("p").is_null() ? undefined : test->at("p").get<double>());
  const std::vector<double> holm = holm_correction(p_values);
  const std::vector<double> fdr = benjamini_hochberg(p_values);
  for (std::size_t i = 0; i < family.size(); ++i) {
    (*family[i])["p_holm"] = holm[i];
    (*family[i])["p_fdr"] = fdr[i];
  }
}

/// Corrects the index's p for the number of layers: `test` is the member of an entry of `layers` with the "p", null
/// where there is none; entries of one family agree in all of `keys`.
inline void correct_over_layers(Json& layers, const char* test, const std::vector<const char*>& keys) {
  std::vector<std::pair<std::string, std::vector<Json*>>> families;
  for (Json& layer : layers) {
    if (layer.at(test).is_null()) continue;
    std::string name;
    for (const char* key : keys) name += layer.at(key).dump() + " ";
    auto family = std::find_if(families.begin(), families.end(), [&](const auto& f) { return f.first == name; });
    if (family == families.end()) family = families.insert(families.end(), {name, {}});
    family->second.push_back(&layer.at(test));
  }
  for (const auto& [name, family] : families) correct_family(family);
}

}  // namespace fusiform::detail
