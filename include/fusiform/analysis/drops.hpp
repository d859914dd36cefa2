#pragma once
/// What lesions cost one task: accuracies and proportional drops, with intervals.

#include <cstdint>
#include <numeric>
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

/// The share of images whose class was found; undefined without images.
[[nodiscard]] inline double share_of(Flags flags) noexcept {
  if (flags.empty()) return undefined;
  return static_cast<double>(std::accumulate(flags.begin(), flags.end(), Index{0})) / static_cast<double>(flags.size());
}

/// (base - lesioned) / base; undefined where the net finds nothing to begin with.
[[nodiscard]] inline double proportional_drop(double base, double lesioned) noexcept {
  return base > 0 ? (base - lesioned) / base : undefined;
}

/// Accuracies and drops of one task on the data, on each resample and with each class left out.
struct ResampledDrops {
  Resampled base;
  std::vector<Resampled> accuracy;  ///< [lesion]
  std::vector<Resampled> drop;      ///< [lesion]
};

namespace detail {

[[nodiscard]] inline Resampled resampled_share(const HierarchicalBootstrap& bootstrap, Flags flags, Index replicates,
                                               Index sample) {
  return {.estimate = share_of(flags),
          .replicates = std::vector<double>(static_cast<std::size_t>(replicates)),
          .left_out = {{sample, bootstrap.means_without_each_class(flags)}}};
}

}  // namespace detail

/// Base and lesioned results of an image are resampled together. `sample` is the number of the image set.
/// Throws ShapeError if a lesion has more or fewer flags than there are labels. `responses.random` is not looked at.
[[nodiscard]] inline ResampledDrops resample_drops(const TaskResponses& responses, const Rng& rng,
                                                   const BootstrapOptions& options = {}, Index sample = 0) {
  check_options(options);
  const std::string where = "drops of task '" + responses.task + "'";
  require_equal(where, "base results, one per image,", responses.labels.size(), responses.base.size());
  for (const Flags flags : responses.lesioned)
    require_equal(where, "lesioned results, one per image,", responses.labels.size(), flags.size());

  const HierarchicalBootstrap bootstrap(responses.labels, rng);
  ResampledDrops drops{.base = detail::resampled_share(bootstrap, responses.base, options.replicates, sample)};
  for (const Flags flags : responses.lesioned)
    drops.accuracy.push_back(detail::resampled_share(bootstrap, flags, options.replicates, sample));
  for_each_replicate(bootstrap, options.replicates, [&](Index replicate, std::span<const ImageWeight> weights) {
    const auto r = static_cast<std::size_t>(replicate);
    drops.base.replicates[r] = weighted_share(responses.base, weights);
    for (std::size_t s = 0; s < drops.accuracy.size(); ++s)
      drops.accuracy[s].replicates[r] = weighted_share(responses.lesioned[s], weights);
  });
  for (const Resampled& accuracy : drops.accuracy) {
    const Resampled* const parts[] = {&drops.base, &accuracy};
    drops.drop.push_back(
        combine(parts, [](std::span<const double> values) { return proportional_drop(values[0], values[1]); }));
  }
  return drops;
}

/// Accuracies and proportional drops d = (base - lesioned) / base of one task under several lesions.
struct TaskDrops {
  Interval base;
  std::vector<Interval> accuracy;               ///< [lesion]
  std::vector<Interval> drop;                   ///< [lesion]
  std::vector<std::vector<double>> replicates;  ///< [lesion][replicate] of the drop
};

/// Base and lesioned results are resampled together. Throws as `resample_drops`.
[[nodiscard]] inline TaskDrops proportional_drops(const TaskResponses& responses, const Rng& rng,
                                                  const BootstrapOptions& options = {}) {
  ResampledDrops resampled = resample_drops(responses, rng, options);
  TaskDrops drops{.base = confidence_interval(resampled.base, options)};
  for (std::size_t s = 0; s < resampled.drop.size(); ++s) {
    drops.accuracy.push_back(confidence_interval(resampled.accuracy[s], options));
    drops.drop.push_back(confidence_interval(resampled.drop[s], options));
    drops.replicates.push_back(std::move(resampled.drop[s].replicates));
  }
  return drops;
}

}  // namespace fusiform
