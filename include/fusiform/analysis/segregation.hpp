#pragma once
/// Do different units serve different tasks? Drops, specificity and the segregation index of a layer, with intervals.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>

namespace fusiform {

/// One flag per image: 1 if the class was found.
using Flags = std::span<const std::uint8_t>;

/// The test images of one evaluation task t: what the intact net gets right, and what lesioned nets do.
struct TaskResponses {
  std::string task;
  std::span<const Index> labels;   ///< class of each image
  Flags base;                      ///< of the intact net
  std::vector<Flags> lesioned;     ///< one per lesion
  std::vector<Flags> random = {};  ///< one per random lesion of the same size, if there are any
};

/// Accuracies and proportional drops d = (base - lesioned) / base of one task under several lesions. Base and lesioned
/// results are resampled together.
struct TaskDrops {
  Interval base;
  std::vector<Interval> accuracy;               ///< [lesion]
  std::vector<Interval> drop;                   ///< [lesion]
  std::vector<std::vector<double>> replicates;  ///< [lesion][replicate] of the drop
};

/// Throws ShapeError if a lesion has more or fewer flags than there are labels. A drop is undefined where the net finds
/// nothing to begin with. `responses.random` is not looked at.
[[nodiscard]] inline TaskDrops proportional_drops(const TaskResponses& responses, Rng rng,
                                                  const BootstrapOptions& options = {}) {
  const std::string where = "drops of task '" + responses.task + "'";
  require_equal(where, "base results, one per image,", responses.labels.size(), responses.base.size());
  for (const Flags flags : responses.lesioned)
    require_equal(where, "lesioned results, one per image,", responses.labels.size(), flags.size());
  const auto drop_of = [](double base, double lesioned) { return base > 0 ? (base - lesioned) / base : undefined; };

  const HierarchicalBootstrap bootstrap(responses.labels, rng);
  const std::size_t lesions = responses.lesioned.size();
  const auto count = static_cast<std::size_t>(options.replicates);
  std::vector<double> base(count);
  std::vector<std::vector<double>> accuracy(lesions, std::vector<double>(count));
  TaskDrops drops;
  drops.replicates = accuracy;
  for_each_replicate(bootstrap, options.replicates, [&](Index replicate, std::span<const ImageWeight> weights) {
    const auto r = static_cast<std::size_t>(replicate);
    base[r] = weighted_share(responses.base, weights);
    for (std::size_t s = 0; s < lesions; ++s) {
      accuracy[s][r] = weighted_share(responses.lesioned[s], weights);
      drops.replicates[s][r] = drop_of(base[r], accuracy[s][r]);
    }
  });

  const std::vector<ImageWeight> once(responses.labels.size(), 1);
  const double base_accuracy = weighted_share(responses.base, once);
  drops.base = percentile_interval(base_accuracy, std::move(base), options.level);
  for (std::size_t s = 0; s < lesions; ++s) {
    const double lesioned = weighted_share(responses.lesioned[s], once);
    drops.accuracy.push_back(percentile_interval(lesioned, std::move(accuracy[s]), options.level));
    drops.drop.push_back(percentile_interval(drop_of(base_accuracy, lesioned), drops.replicates[s], options.level));
  }
  return drops;
}

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

/// Everything about one layer at one lesion size. Indices follow the order of the tasks given.
struct Segregation {
  std::vector<std::string> tasks;
  std::vector<Interval> base;                         ///< [t] accuracy of the intact net
  std::vector<std::vector<Interval>> accuracy;        ///< [t][s] accuracy of task t, units of task s lesioned
  std::vector<std::vector<Interval>> drop;            ///< [t][s] proportional drop d(t|s)
  std::vector<Interval> random_drop;                  ///< [t] mean over the random lesions; empty without them
  std::vector<std::vector<Interval>> corrected_drop;  ///< [t][s] d(t|s) - random drop; empty without random lesions
  std::vector<Interval> specificity;                  ///< [s] d(s|s) - mean of the others
  std::vector<double> specificity_p;                  ///< [s] two-sided, against 0
  std::optional<Interval> index;                      ///< nothing if the interval of its denominator includes 0
  double index_p = undefined;                         ///< two-sided, against 0
  Interval index_denominator;
  std::vector<double> index_replicates;  ///< for differences between layers or nets
};

namespace detail {

[[nodiscard]] inline std::vector<double> mean_of_rows(const std::vector<std::vector<double>>& rows, std::size_t first,
                                                      std::size_t length) {
  std::vector<double> means(length);
  for (std::size_t r = 0; r < length; ++r) {
    for (std::size_t row = first; row < rows.size(); ++row) means[r] += rows[row][r];
    means[r] /= static_cast<double>(rows.size() - first);
  }
  return means;
}

}  // namespace detail

/// responses[t].lesioned[s] belongs to the units ranked for task s; two or more tasks. Tasks are resampled apart from
/// each other (stream t of `rng`), all lesions of a task together. Throws ConfigError or ShapeError.
[[nodiscard]] inline Segregation segregation(std::span<const TaskResponses> responses, const Rng& rng,
                                             const BootstrapOptions& options = {}) {
  const std::size_t tasks = responses.size();
  require_setting(tasks >= 2, "segregation", "at least 2 tasks", tasks);
  const auto count = static_cast<std::size_t>(options.replicates);
  Segregation result;
  DropMatrix observed(tasks);
  std::vector<TaskDrops> drops;
  for (std::size_t t = 0; t < tasks; ++t) {
    const std::string where = "segregation, task '" + responses[t].task + "'";
    require_equal(where, "lesions, one per task,", tasks, responses[t].lesioned.size());
    require_equal(where, "random lesions", responses[0].random.size(), responses[t].random.size());
    TaskResponses all = responses[t];
    all.lesioned.insert(all.lesioned.end(), all.random.begin(), all.random.end());
    drops.push_back(proportional_drops(all, rng.stream(static_cast<std::uint64_t>(t)), options));
    TaskDrops& of_task = drops.back();

    result.tasks.push_back(all.task);
    result.base.push_back(of_task.base);
    const auto ranked = static_cast<std::ptrdiff_t>(tasks);
    result.accuracy.emplace_back(of_task.accuracy.begin(), of_task.accuracy.begin() + ranked);
    result.drop.emplace_back(of_task.drop.begin(), of_task.drop.begin() + ranked);
    for (std::size_t s = 0; s < tasks; ++s) observed[t].push_back(of_task.drop[s].estimate);
    if (all.random.empty()) continue;

    double random_mean = 0;
    for (std::size_t s = tasks; s < of_task.drop.size(); ++s)
      random_mean += of_task.drop[s].estimate / static_cast<double>(all.random.size());
    const std::vector<double> random = detail::mean_of_rows(of_task.replicates, tasks, count);
    result.random_drop.push_back(percentile_interval(random_mean, random, options.level));
    result.corrected_drop.emplace_back();
    for (std::size_t s = 0; s < tasks; ++s) {
      std::vector<double> corrected(count);
      for (std::size_t r = 0; r < count; ++r) corrected[r] = of_task.replicates[s][r] - random[r];
      result.corrected_drop[t].push_back(
          percentile_interval(observed[t][s] - random_mean, std::move(corrected), options.level));
    }
  }

  std::vector<std::vector<double>> specific(tasks, std::vector<double>(count));
  std::vector<double> denominators(count);
  result.index_replicates.resize(count);
  DropMatrix d(tasks, std::vector<double>(tasks));
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t t = 0; t < tasks; ++t)
      for (std::size_t s = 0; s < tasks; ++s) d[t][s] = drops[t].replicates[s][r];
    for (std::size_t s = 0; s < tasks; ++s) specific[s][r] = specificity(d, s);
    const SegregationParts parts = segregation_parts(d);
    denominators[r] = parts.sum;
    result.index_replicates[r] = parts.index();
  }
  for (std::size_t s = 0; s < tasks; ++s) {
    result.specificity_p.push_back(two_sided_p(specific[s]));
    result.specificity.push_back(percentile_interval(specificity(observed, s), std::move(specific[s]), options.level));
  }
  const SegregationParts parts = segregation_parts(observed);
  result.index_denominator = percentile_interval(parts.sum, std::move(denominators), options.level);
  if (result.index_denominator.defined() && !result.index_denominator.contains(0)) {
    result.index = percentile_interval(parts.index(), result.index_replicates, options.level);
    result.index_p = two_sided_p(result.index_replicates);
  }
  return result;
}

}  // namespace fusiform
