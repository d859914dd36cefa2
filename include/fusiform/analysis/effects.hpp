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

/// One set of units to lesion, why, and how.
struct PlannedLesion {
  std::string origin;        ///< the task that the units were ranked for, or "random"
  double fraction = 0;       ///< of the layer's units that is in `units`
  Index repeat = 0;          ///< 0, 1, ... for random sets
  std::vector<Index> units;  ///< empty for the intact net
  bool keep_only = false;    ///< the inverse lesion: all other units are lesioned
};

/// Test images of one task.
template <Scalar T>
struct TaskImages {
  std::string task;
  NodeId head = 0;
  LabelledImages<T> images;        ///< labels index the head's outputs
  LesionReference<T> reference{};  ///< for lesions of kinds mean and resample
};

/// What one task's test images yield under each planned lesion.
template <Scalar T>
struct TaskEffects {
  std::string task;
  std::vector<Index> labels;          ///< class of each image
  std::vector<Outcomes<T>> lesioned;  ///< one per planned lesion, in its order
};

/// The lesions of one layer: the intact net first, then for each ranking its top units at each fraction, then
/// `random_sets` sets of round(fraction · units) units drawn without replacement, at each of the random fractions; set
/// r from stream r of `rng` (its smaller sets are parts of its larger ones). With `keep_only` the inverse lesions of
/// all these follow in the same order. A fraction that asks for more units than were ranked is left out: it is not
/// available (and not silently clamped).
struct LesionPlan {
  std::vector<double> fractions;
  Index random_sets = 0;
  double random_fraction = 0.2;
  std::vector<double> random_fractions{};  ///< a null distribution at each of these; empty: at `random_fraction` only
  bool keep_only = false;
};

namespace detail {

/// The first round(fraction · units) of all units in an order drawn from `rng`, ascending.
[[nodiscard]] inline std::vector<Index> random_units(Index layer_units, double fraction, Rng rng) {
  std::vector<Index> units(static_cast<std::size_t>(layer_units));
  std::iota(units.begin(), units.end(), Index{0});
  rng.shuffle(std::span(units));
  units.resize(static_cast<std::size_t>(lesioned_units(layer_units, fraction)));
  std::sort(units.begin(), units.end());
  return units;
}

}  // namespace detail

/// Throws ConfigError for fractions out of range, ShapeError unless there is one ranking per task.
[[nodiscard]] inline std::vector<PlannedLesion> plan_lesions(const std::vector<std::string>& tasks,
                                                             const std::vector<Ranking>& rankings,
                                                             const LesionPlan& plan, const Rng& rng) {
  require_equal("lesion plan", "rankings, one per task,", tasks.size(), rankings.size());
  std::vector<PlannedLesion> lesions{{"none", 0, 0, {}}};
  for (std::size_t s = 0; s < tasks.size(); ++s)
    for (const double fraction : plan.fractions)
      if (lesioned_units(rankings[s].layer_units, fraction) <= static_cast<Index>(rankings[s].units.size()))
        lesions.push_back({tasks[s], fraction, 0, rankings[s].top(fraction)});
  const Index layer_units = rankings.empty() ? 0 : rankings.front().layer_units;
  std::vector<double> random_fractions = plan.random_fractions;
  if (random_fractions.empty()) random_fractions.push_back(plan.random_fraction);
  for (const double fraction : random_fractions)
    for (Index repeat = 0; repeat < plan.random_sets; ++repeat)
      lesions.push_back({"random", fraction, repeat,
                         detail::random_units(layer_units, fraction, rng.stream(static_cast<std::uint64_t>(repeat)))});
  const std::size_t count = plan.keep_only ? lesions.size() : 0;
  for (std::size_t i = 1; i < count; ++i) {
    lesions.push_back(lesions[i]);
    lesions.back().keep_only = true;
  }
  return lesions;
}

/// Evaluates all planned lesions at `site` on the test images of all tasks. Each task is judged at its own head.
template <Scalar T, Device D>
[[nodiscard]] std::vector<TaskEffects<Master<T>>> lesion_effects(const Network<T, D>& network, const LesionSite& site,
                                                                 const std::vector<PlannedLesion>& planned,
                                                                 const std::vector<TaskImages<Master<T>>>& tasks,
                                                                 const LesionEvaluatorOptions& options = {},
                                                                 const std::function<void(Index, Index)>& progress = {},
                                                                 const LesionManner& manner = {}) {
  std::vector<Lesion> lesions;
  for (const PlannedLesion& lesion : planned)
    lesions.push_back({lesion.units, manner.kind, manner.alpha, lesion.keep_only});
  std::vector<TaskEffects<Master<T>>> effects;
  for (const TaskImages<Master<T>>& task : tasks) {
    LesionEvaluator<T, D> evaluator(network, site, task.head, task.images, options, task.reference);
    effects.push_back({task.task, task.images.labels, evaluator.evaluate(lesions, progress)});
  }
  return effects;
}

}  // namespace fusiform
