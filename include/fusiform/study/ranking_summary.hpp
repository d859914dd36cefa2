#pragma once
/// What was ranked at one lesioned layer: the selected units of each task, their single effects, their overlap.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include <fusiform/analysis/statistics.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/interval_summary.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/lesioning.hpp>

namespace fusiform::detail {

/// How many classes of the images belong to the task.
[[nodiscard]] inline Index image_classes(const NetTask& task) {
  return std::count_if(task.outputs.begin(), task.outputs.end(), [](Index output) { return output != no_output; });
}

/// What the audit of a ranking found; null if there was none.
[[nodiscard]] inline Json summarize_audit(const std::string& path) {
  const std::vector<AuditedIteration> iterations = read_audit(path);
  if (iterations.empty()) return nullptr;
  const auto [count, questions, audit, worst_image] = whole_audit(iterations);
  return {{"iterations", count},
          {"pairs", audit.pairs},
          {"off_by_more_than_rounding", audit.off_by_more_than_rounding},
          {"largest", audit.largest},
          {"mean", audit.mean()},
          {"worst_units", audit.worst_units},
          {"worst_image", worst_image}};
}

/// What the races of a ranking took, what their audit found, and how many cuts are too close for the list of images: a
/// gap of less than twice its standard error.
[[nodiscard]] inline Json summarize_racing(const Ranking& ranking) {
  const RacingSummary races = summarize_races(ranking);
  Index close = 0;
  for (const RankingIteration& iteration : ranking.iterations)
    close += iteration.race && iteration.selection.gap < 2 * iteration.race->cut_noise ? 1 : 0;
  return {{"evaluations", races.evaluations},
          {"saved", races.saved},
          {"audited", races.audited},
          {"missed", races.missed},
          {"miss_rate_limit", races.miss_rate_limit},
          {"close_cuts", close}};
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
                        {"audit", summarize_audit(study.paths.ranking_audit(net, layer, task.task))},
                        {"selected", ranking.units},
                        {"selected_at_headline", ranking.top(headline_fraction(lesion))}});
    if (lesion.racing) rankings.back()["racing"] = summarize_racing(ranking);
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

}  // namespace fusiform::detail
