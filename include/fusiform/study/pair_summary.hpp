#pragma once
/// The numbers of lesioned pairs of units: what two units do together, within a task's units and between two tasks'.

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/study/interval_summary.hpp>
#include <fusiform/study/pair_stage.hpp>

namespace fusiform::detail {

[[nodiscard]] inline Json rows_of(const Tensor<double, Cpu>& square) {
  Json rows = Json::array();
  const Index count = square.shape()[0];
  for (Index i = 0; i < count; ++i) {
    Json row = Json::array();
    for (Index j = 0; j < count; ++j) row.push_back(square[i * count + j]);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Mean synergy of some pairs, with its interval: the pairs stay, images (and their classes) are drawn. So pairs that
/// share units are no independent samples of anything. Null without pairs.
[[nodiscard]] inline Json mean_synergy(const TaskEffects<float>& task, Index units,
                                       const std::vector<std::pair<Index, Index>>& pairs,
                                       const BootstrapOptions& options, const Rng& rng) {
  if (pairs.empty()) return nullptr;
  std::vector<double> values;
  for (std::size_t image = 0; image < task.labels.size(); ++image) {
    double sum = 0;
    for (const auto& pair : pairs) sum += pair_synergy(task.lesioned, units, pair, image);
    values.push_back(sum / static_cast<double>(pairs.size()));
  }
  return to_json(bootstrap_mean(HierarchicalBootstrap(task.labels, rng), values, options));
}

/// Runs of units that the same tasks list.
[[nodiscard]] inline Json unit_groups(const PairedUnits& paired, const std::vector<std::string>& tasks) {
  Json groups = Json::array();
  for (std::size_t i = 0; i < paired.units.size(); ++i) {
    Json listed = Json::array();
    for (std::size_t t = 0; t < tasks.size(); ++t)
      if (paired.listed[t][i]) listed.push_back(tasks[t]);
    if (groups.empty() || groups.back()["tasks"] != listed) groups.push_back({{"tasks", listed}, {"units", 0}});
    groups.back()["units"] = groups.back()["units"].get<Index>() + 1;
  }
  return groups;
}

/// One entry for each task whose images were judged. Throws FileError if the stored lesions are not those of the
/// layer's rankings.
inline void summarize_pairs(const StudyContext& study, const ImagePack& pack, const StudyNet& net,
                            const std::string& layer, Json& list) {
  if (net.settings->lesion.pairs == 0) return;
  const std::vector<NetTask> ranked = ranked_tasks(net_tasks(study, net, pack));
  const std::vector<std::string> names = names_of(ranked);
  const PairedUnits paired = study_pairs(study, net, layer, ranked);
  const LayerEffects effects = read_effects(study.paths.pairs(net, layer));
  const BootstrapOptions options = bootstrap_options(study.config.statistics);
  const auto count = static_cast<Index>(paired.units.size());
  for (const TaskEffects<float>& task : effects.tasks) {
    const PairEffects found = pair_effects(paired.units, task.lesioned);
    const Rng rng = Rng(net.seed).stream("bootstrap").stream("pairs").stream(layer).stream(task.task);
    Json means = Json::array();
    for (std::size_t a = 0; a < names.size(); ++a)
      for (std::size_t b = a; b < names.size(); ++b) {
        const auto pairs = paired.pairs(a, b);
        means.push_back({{"tasks", {names[a], names[b]}},
                         {"pairs", pairs.size()},
                         {"synergy", mean_synergy(task, count, pairs, options, rng)}});
      }
    list.push_back({{"net", net.variant},
                    {"seed", net.seed},
                    {"layer", layer},
                    {"task", task.task},
                    {"images", task.labels.size()},
                    {"units", paired.units},
                    {"groups", unit_groups(paired, names)},
                    {"effects", found.effects},
                    {"synergies", rows_of(found.synergies)},
                    {"errors", rows_of(found.errors)},
                    {"means", std::move(means)}});
  }
}

}  // namespace fusiform::detail
