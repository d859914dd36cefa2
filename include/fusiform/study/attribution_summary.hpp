#pragma once
/// The numbers of the attributed layers: how far each shortcut agrees with the lesions, and how reliable these are.

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/analysis/reliability.hpp>
#include <fusiform/analysis/unit_preference.hpp>
#include <fusiform/study/attribution_stage.hpp>
#include <fusiform/study/interval_summary.hpp>
#include <fusiform/study/lesioning.hpp>

namespace fusiform::detail {

[[nodiscard]] inline UnitEffectTable effect_table(const TaskAttribution& attribution) {
  return {attribution.effects.values.view(), attribution.effects.labels};
}

[[nodiscard]] inline Json summarize_attribution(const TaskAttribution& attribution, const BootstrapOptions& options,
                                                const Rng& rng) {
  const std::vector<double> effects = unit_means(attribution.effects.values);
  Json measures = Json::object();
  Json units{{"effect", effects}};
  for (const Shortcut& shortcut : attribution.shortcuts) {
    const LesionAgreement agreement = compare_with_lesions(effects, shortcut, rng.stream("units"), options);
    measures[shortcut.name] = {
        {"spearman", to_json(agreement.spearman)}, {"kendall", agreement.kendall}, {"units", agreement.units}};
    units[shortcut.name] = shortcut.values;
  }
  const SplitHalfReliability reliability = split_half_reliability(effect_table(attribution), rng.stream("halves"));
  return {{"task", attribution.task},
          {"images", attribution.effects.images()},
          {"measures", std::move(measures)},
          {"reliability",
           {{"estimate", reliability.reliability},
            {"half_correlation", reliability.correlation},
            {"half_sd", reliability.deviation},
            {"splits", reliability.correlations.size()}}},
          {"units", std::move(units)}};
}

/// Preferences of the units between the first two tasks.
[[nodiscard]] inline Json summarize_preferences(const std::vector<TaskAttribution>& tasks,
                                                const BootstrapOptions& options, const Rng& rng) {
  if (tasks.size() < 2) return nullptr;
  const UnitPreferences preferences = unit_preferences(effect_table(tasks[0]), effect_table(tasks[1]),
                                                       rng.stream("preferences"), {.bootstrap = options});
  Json units = Json::array();
  for (const UnitPreference& unit : preferences.units)
    units.push_back({{"preference", to_json(unit.preference)}, {"p", unit.p}, {"adjusted_p", unit.adjusted_p}});
  return {{"tasks", {tasks[0].task, tasks[1].task}},  {"tested", preferences.tested},
          {"prefer_first", preferences.prefer_first}, {"prefer_second", preferences.prefer_second},
          {"selective_share", preferences.share},     {"units", std::move(units)}};
}

/// One entry per task of the layer, and the units' preferences between two tasks.
inline void summarize_attributions(const StudyContext& study, const ImagePack& pack, const StudyNet& net,
                                   const std::string& layer, Json& summary) {
  // Percentiles: thousands of intervals, one for every unit. Of replicates they need fewer.
  BootstrapOptions options = bootstrap_options(study.config.statistics);
  options.kind = IntervalKind::percentile;
  options.replicates = std::min<Index>(options.replicates, 2000);
  const Rng rng = Rng(net.seed).stream("bootstrap").stream("attribution").stream(layer);
  const std::vector<TaskAttribution> tasks =
      read_attribution(study.paths.attribution(net, layer), names_of(ranked_tasks(net_tasks(study, net, pack))));
  const Json place{{"net", net.variant}, {"seed", net.seed}, {"layer", layer}};
  for (const TaskAttribution& task : tasks) {
    Json entry = place;
    entry.update(summarize_attribution(task, options, rng.stream(task.task)));
    summary["attribution"].push_back(std::move(entry));
  }
  Json preferences = summarize_preferences(tasks, options, rng);
  if (preferences.is_null()) return;
  Json entry = place;
  entry.update(preferences);
  summary["unit_preferences"].push_back(std::move(entry));
}

}  // namespace fusiform::detail
