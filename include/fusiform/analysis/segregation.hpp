#pragma once
/// Do different units serve different tasks? Drops, specificity and the segregation index of a layer, with intervals.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/analysis/drops.hpp>
#include <fusiform/analysis/null_distribution.hpp>
#include <fusiform/analysis/resampled.hpp>

namespace fusiform {

/// d[t][s]: the drop of task t when the units ranked for task s are lesioned.
using DropMatrix = std::vector<std::vector<double>>;

/// d(s|s) - mean over t != s of d(t|s): how much more the lesion costs its own task. At least two tasks.
[[nodiscard]] inline double specificity(const DropMatrix& d, std::size_t s) {
  double others = 0;
  for (std::size_t t = 0; t < d.size(); ++t) others += t == s ? 0 : d[t][s];
  return d[s][s] - others / static_cast<double>(d.size() - 1);
}

/// The numerator and the denominator of the segregation index.
struct SegregationParts {
  double difference = 0;  ///< sum over s of d(s|s) - mean over t != s of d(t|s)
  double sum = 0;         ///< sum over s of d(s|s) + mean over t != s of d(t|s)

  /// 0: the tasks share their units, 1: disjoint units; undefined without any drop.
  [[nodiscard]] double index() const noexcept { return sum != 0 ? difference / sum : undefined; }
};

[[nodiscard]] inline SegregationParts segregation_parts(const DropMatrix& d) {
  SegregationParts parts;
  for (std::size_t s = 0; s < d.size(); ++s) {
    const double own_minus_others = specificity(d, s);
    parts.difference += own_minus_others;
    parts.sum += 2 * d[s][s] - own_minus_others;
  }
  return parts;
}

/// The measures of one layer at one lesion size on the data, on each resample and with each class left out: what
/// intervals are made of, and differences between layers and nets. Sample t is the image set of task t.
struct ResampledSegregation {
  std::vector<std::string> tasks;
  std::vector<ResampledDrops> effects;  ///< [t]; lesion s < tasks: the units ranked for s; then the random lesions
  std::vector<Resampled> specificity;   ///< [s]
  Resampled index_denominator;
  Resampled index;
};

namespace detail {

/// measure(d) of the drop matrix as one resampled number.
template <class Measure>
[[nodiscard]] Resampled measure_of_drops(const std::vector<ResampledDrops>& effects, const Measure& measure) {
  const std::size_t tasks = effects.size();
  std::vector<const Resampled*> parts;
  for (const ResampledDrops& task : effects)
    for (std::size_t s = 0; s < tasks; ++s) parts.push_back(&task.drop[s]);
  DropMatrix d(tasks, std::vector<double>(tasks));
  return combine(std::span<const Resampled* const>(parts), [&](std::span<const double> values) {
    for (std::size_t i = 0; i < values.size(); ++i) d[i / tasks][i % tasks] = values[i];
    return measure(d);
  });
}

}  // namespace detail

/// responses[t].lesioned[s] belongs to the units ranked for task s; two or more tasks. Tasks are resampled apart from
/// each other (stream t of `rng`, sample `first_sample` + t), all lesions of a task together.
/// Throws ConfigError or ShapeError.
[[nodiscard]] inline ResampledSegregation resample_segregation(std::span<const TaskResponses> responses, const Rng& rng,
                                                               const BootstrapOptions& options = {},
                                                               Index first_sample = 0) {
  const std::size_t tasks = responses.size();
  require_setting(tasks >= 2, "segregation", "at least 2 tasks", tasks);
  ResampledSegregation result;
  for (std::size_t t = 0; t < tasks; ++t) {
    const std::string where = "segregation, task '" + responses[t].task + "'";
    require_equal(where, "lesions, one per task,", tasks, responses[t].lesioned.size());
    require_equal(where, "random lesions", responses[0].random.size(), responses[t].random.size());
    TaskResponses all = responses[t];
    all.lesioned.insert(all.lesioned.end(), all.random.begin(), all.random.end());
    result.tasks.push_back(all.task);
    result.effects.push_back(
        resample_drops(all, rng.stream(static_cast<std::uint64_t>(t)), options, first_sample + static_cast<Index>(t)));
  }
  for (std::size_t s = 0; s < tasks; ++s)
    result.specificity.push_back(
        detail::measure_of_drops(result.effects, [s](const DropMatrix& d) { return specificity(d, s); }));
  result.index_denominator =
      detail::measure_of_drops(result.effects, [](const DropMatrix& d) { return segregation_parts(d).sum; });
  result.index =
      detail::measure_of_drops(result.effects, [](const DropMatrix& d) { return segregation_parts(d).index(); });
  return result;
}

/// Whether the index means something: the interval of its denominator exists and does not include 0.
[[nodiscard]] inline bool index_is_defined(const ResampledSegregation& resampled, const BootstrapOptions& options) {
  const Interval denominator = confidence_interval(resampled.index_denominator, options);
  return denominator.defined() && !denominator.contains(0);
}

/// Everything about one layer at one lesion size. Indices follow the order of the tasks given.
struct Segregation {
  std::vector<std::string> tasks;
  std::vector<Interval> base;                         ///< [t] accuracy of the intact net
  std::vector<std::vector<Interval>> accuracy;        ///< [t][s] accuracy of task t, units of task s lesioned
  std::vector<std::vector<Interval>> drop;            ///< [t][s] proportional drop d(t|s)
  std::vector<Interval> random_drop;                  ///< [t] mean over the random lesions; empty without them
  std::vector<std::vector<Interval>> corrected_drop;  ///< [t][s] d(t|s) - random drop; empty without random lesions
  std::vector<std::vector<NullDistribution>> random_null;  ///< [t][s] d(t|s) against each random drop; empty likewise
  std::vector<Interval> specificity;                       ///< [s] d(s|s) - mean of the others
  std::vector<double> specificity_p;                       ///< [s] two-sided, against 0
  std::optional<Interval> index;                           ///< nothing if the interval of its denominator includes 0
  double index_p = undefined;                              ///< two-sided, against 0
  Interval index_denominator;
  std::vector<double> index_replicates;
};

namespace detail {

/// The random lesions of one task: their mean drop, and the ranked lesions corrected by it and tested against them.
inline void compare_with_random(const ResampledDrops& effects, std::size_t tasks, const BootstrapOptions& options,
                                Segregation& result) {
  const std::span<const Resampled> random = std::span(effects.drop).subspan(tasks);
  if (random.empty()) return;
  const Resampled random_mean = mean(random);
  std::vector<double> draws;
  for (const Resampled& drop : random) draws.push_back(drop.estimate);
  result.random_drop.push_back(confidence_interval(random_mean, options));
  result.corrected_drop.emplace_back();
  result.random_null.emplace_back();
  for (std::size_t s = 0; s < tasks; ++s) {
    const Resampled& ranked = effects.drop[s];
    result.corrected_drop.back().push_back(confidence_interval(difference(ranked, random_mean), options));
    result.random_null.back().push_back(null_distribution(ranked.estimate, draws, options.level));
  }
}

}  // namespace detail

/// Intervals and p-values of what was resampled, of the kind and level of `options`.
[[nodiscard]] inline Segregation segregation(const ResampledSegregation& resampled,
                                             const BootstrapOptions& options = {}) {
  const std::size_t tasks = resampled.tasks.size();
  Segregation result{.tasks = resampled.tasks};
  for (const ResampledDrops& effects : resampled.effects) {
    result.base.push_back(confidence_interval(effects.base, options));
    result.accuracy.emplace_back();
    result.drop.emplace_back();
    for (std::size_t s = 0; s < tasks; ++s) {
      result.accuracy.back().push_back(confidence_interval(effects.accuracy[s], options));
      result.drop.back().push_back(confidence_interval(effects.drop[s], options));
    }
    detail::compare_with_random(effects, tasks, options, result);
  }
  for (const Resampled& specificity : resampled.specificity) {
    result.specificity.push_back(confidence_interval(specificity, options));
    result.specificity_p.push_back(two_sided_p(specificity, options));
  }
  result.index_denominator = confidence_interval(resampled.index_denominator, options);
  result.index_replicates = resampled.index.replicates;
  if (index_is_defined(resampled, options)) {
    result.index = confidence_interval(resampled.index, options);
    result.index_p = two_sided_p(resampled.index, options);
  }
  return result;
}

/// Resamples and summarises. responses[t].lesioned[s] belongs to the units ranked for task s; two or more tasks. Tasks
/// are resampled apart from each other (stream t of `rng`), all lesions of a task together.
/// Throws ConfigError or ShapeError.
[[nodiscard]] inline Segregation segregation(std::span<const TaskResponses> responses, const Rng& rng,
                                             const BootstrapOptions& options = {}) {
  return segregation(resample_segregation(responses, rng, options), options);
}

}  // namespace fusiform
