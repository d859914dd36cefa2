#pragma once
/// Performance-matched evaluation of one lesioned layer: the tasks are compared on images on which the intact net is
/// equally good at all of them. A net that is better at one task has more to lose there.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/matched_images.hpp>
#include <fusiform/analysis/segregation.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/study/interval_summary.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/segregation_summary.hpp>

namespace fusiform::detail {

/// The accuracy to match at, or why there is none.
struct MatchingTarget {
  double accuracy = 0;
  std::string reason;
};

/// `asked_for` is 0 for the accuracy that keeps most images of each task.
[[nodiscard]] inline MatchingTarget matching_target(const std::vector<TaskResponses>& responses, double asked_for) {
  if (responses.size() < 2) return {.reason = "fewer than two tasks whose lesions can be compared"};
  std::vector<double> accuracies;
  for (const TaskResponses& task : responses) {
    accuracies.push_back(share_of(task.base));
    if (accuracies.back() == 0) return {.reason = "the intact net finds none of the images of " + task.task};
    if (accuracies.back() == 1 && asked_for > 0)
      return {.reason = "the intact net finds all images of " + task.task + ": none can be taken away but all"};
  }
  return {.accuracy = asked_for > 0 ? asked_for : *matched_accuracy(accuracies)};
}

/// Some of a task's images, with all that the statistics need of them.
struct MatchedTask {
  std::string task;
  std::size_t of = 0;  ///< images before matching
  std::vector<Index> labels;
  std::vector<std::uint8_t> base;
  std::vector<std::vector<std::uint8_t>> lesioned;

  MatchedTask(const TaskResponses& all, double accuracy, const Rng& rng)
      : task(all.task), of(all.labels.size()), lesioned(all.lesioned.size()) {
    for (const Index kept : matched_images(all.base, accuracy, rng)) {
      const auto image = static_cast<std::size_t>(kept);
      labels.push_back(all.labels[image]);
      base.push_back(all.base[image]);
      for (std::size_t s = 0; s < lesioned.size(); ++s) lesioned[s].push_back(all.lesioned[s][image]);
    }
  }

  [[nodiscard]] TaskResponses responses() const { return {task, labels, base, {lesioned.begin(), lesioned.end()}}; }
};

/// Drops, specificity and index on matched images; only the reason where nothing can be matched. Which images are left
/// out is drawn from `images`, the same for all layers of a net; resamples are drawn from `rng`.
[[nodiscard]] inline Json summarize_matched(const LayerEffects& effects, double fraction, const Rng& images,
                                            const Rng& rng, const StatisticsConfig& statistics) {
  const std::vector<TaskResponses> all = responses_at(effects, fraction);
  const MatchingTarget target = matching_target(all, statistics.matched_accuracy);
  if (!target.reason.empty()) return {{"reason", target.reason}};
  std::vector<MatchedTask> matched;
  for (const TaskResponses& task : all) matched.emplace_back(task, target.accuracy, images.stream(task.task));
  std::vector<TaskResponses> responses;
  for (const MatchedTask& task : matched) responses.push_back(task.responses());
  const Segregation result = segregation(responses, rng, bootstrap_options(statistics));
  Json tasks = Json::array();
  Json drops = Json::array();
  for (std::size_t t = 0; t < matched.size(); ++t) {
    tasks.push_back({{"task", matched[t].task},
                     {"images", matched[t].labels.size()},
                     {"of", matched[t].of},
                     {"classes", std::set<Index>(matched[t].labels.begin(), matched[t].labels.end()).size()},
                     {"top1", to_json(result.base[t])}});
    for (std::size_t s = 0; s < matched.size(); ++s)
      drops.push_back({{"task", matched[t].task},
                       {"sort_task", matched[s].task},
                       {"top1", to_json(result.accuracy[t][s])},
                       {"drop", to_json(result.drop[t][s])}});
  }
  Json json{{"accuracy", target.accuracy}, {"tasks", std::move(tasks)}, {"drops", std::move(drops)}};
  json.update(segregation_json(result, fraction));
  return json;
}

}  // namespace fusiform::detail
