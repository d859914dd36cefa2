#pragma once
/// What lesions of one layer do to every task, image by image (spec: A.7.5).

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/analysis/ranking.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// One set of units to lesion, and why.
struct PlannedLesion {
  std::string origin;        ///< the task that the units were ranked for, or "random"
  double fraction = 0;       ///< of the layer's units
  Index repeat = 0;          ///< 0, 1, ... for random sets
  std::vector<Index> units;  ///< empty for the intact net
};

/// Test images of one task.
template <Scalar T>
struct TaskImages {
  std::string task;
  NodeId head = 0;
  LabelledImages<T> images;  ///< labels index the head's outputs
};

/// What one task's test images yield under each planned lesion.
template <Scalar T>
struct TaskEffects {
  std::string task;
  std::vector<Index> labels;          ///< class of each image
  std::vector<Outcomes<T>> lesioned;  ///< one per planned lesion, in its order
};

/// The lesions of one layer: the intact net first, then for each ranking its top units at each fraction, then
/// `random_sets` sets of round(random_fraction · units) units drawn without replacement, set r from stream r of `rng`.
/// A fraction that asks for more units than were ranked is left out: it is not available (and not silently clamped).
struct LesionPlan {
  std::vector<double> fractions;
  Index random_sets = 0;
  double random_fraction = 0.2;
};

[[nodiscard]] inline std::vector<PlannedLesion> plan_lesions(const std::vector<std::string>& tasks,
                                                             const std::vector<Ranking>& rankings,
                                                             const LesionPlan& plan, Rng rng) {
  require_equal("lesion plan", "rankings, one per task,", tasks.size(), rankings.size());
  std::vector<PlannedLesion> lesions{{"none", 0, 0, {}}};
  for (std::size_t s = 0; s < tasks.size(); ++s)
    for (const double fraction : plan.fractions)
      if (lesioned_units(rankings[s].layer_units, fraction) <= static_cast<Index>(rankings[s].units.size()))
        lesions.push_back({tasks[s], fraction, 0, rankings[s].top(fraction)});
  const Index layer_units = rankings.empty() ? 0 : rankings.front().layer_units;
  for (Index repeat = 0; repeat < plan.random_sets; ++repeat) {
    std::vector<Index> units(static_cast<std::size_t>(layer_units));
    std::iota(units.begin(), units.end(), Index{0});
    rng.stream(static_cast<std::uint64_t>(repeat)).shuffle(std::span(units));
    units.resize(static_cast<std::size_t>(lesioned_units(layer_units, plan.random_fraction)));
    std::sort(units.begin(), units.end());
    lesions.push_back({"random", plan.random_fraction, repeat, std::move(units)});
  }
  return lesions;
}

/// Evaluates all planned lesions at `site` on the test images of all tasks. Each task is judged at its own head.
template <Scalar T>
[[nodiscard]] std::vector<TaskEffects<T>> lesion_effects(const Network<T, Cpu>& network, const LesionSite& site,
                                                         const std::vector<PlannedLesion>& lesions,
                                                         const std::vector<TaskImages<T>>& tasks,
                                                         const LesionEvaluatorOptions& options = {},
                                                         const std::function<void(Index, Index)>& progress = {}) {
  std::vector<std::vector<Index>> units;
  for (const PlannedLesion& lesion : lesions) units.push_back(lesion.units);
  std::vector<TaskEffects<T>> effects;
  for (const TaskImages<T>& task : tasks) {
    LesionEvaluator<T> evaluator(network, site, task.head, task.images, options);
    effects.push_back({task.task, task.images.labels, evaluator.evaluate(units, progress)});
  }
  return effects;
}

}  // namespace fusiform
