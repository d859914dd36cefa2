#pragma once
/// Do two nets, or two layers of one net, differ in how far their units serve different tasks?

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fusiform/analysis/resampled.hpp>
#include <fusiform/analysis/segregation.hpp>

namespace fusiform {

/// How the test images of the two sides relate.
enum class Pairing {
  same_images,   ///< the same images in the same order: both sides see the same resamples, which narrows the interval
  other_images,  ///< other images: the two sides are resampled apart from each other
};

/// a - b with its two-sided p-value against 0.
struct Difference {
  Interval interval;
  double p = undefined;
};

[[nodiscard]] inline Difference summarize_difference(const Resampled& a, const Resampled& b,
                                                     const BootstrapOptions& options = {}) {
  const Resampled both = difference(a, b);
  return {confidence_interval(both, options), two_sided_p(both, options)};
}

/// First minus second. Indices follow the order of the tasks.
struct SegregationDifference {
  std::vector<std::string> tasks;
  std::vector<std::vector<Difference>> drop;  ///< [t][s]
  std::vector<Difference> specificity;        ///< [s]
  std::optional<Difference> index;            ///< nothing if the index of one side is undefined
};

/// The difference of two sides that were resampled already: paired in the samples whose numbers they share.
/// Throws ShapeError unless both have as many tasks and replicates.
[[nodiscard]] inline SegregationDifference segregation_difference(const ResampledSegregation& a,
                                                                  const ResampledSegregation& b,
                                                                  const BootstrapOptions& options = {}) {
  const std::size_t tasks = a.tasks.size();
  require_equal("difference in segregation", "tasks", tasks, b.tasks.size());
  SegregationDifference result{.tasks = a.tasks};
  for (std::size_t t = 0; t < tasks; ++t) {
    result.drop.emplace_back();
    for (std::size_t s = 0; s < tasks; ++s)
      result.drop.back().push_back(summarize_difference(a.effects[t].drop[s], b.effects[t].drop[s], options));
  }
  for (std::size_t s = 0; s < tasks; ++s)
    result.specificity.push_back(summarize_difference(a.specificity[s], b.specificity[s], options));
  if (index_is_defined(a, options) && index_is_defined(b, options))
    result.index = summarize_difference(a.index, b.index, options);
  return result;
}

/// Resamples both sides and compares them. Random lesions are not looked at. Throws ConfigError or ShapeError as
/// `segregation` does, and ConfigError if images that are called the same have other classes.
[[nodiscard]] inline SegregationDifference segregation_difference(std::span<const TaskResponses> a,
                                                                  std::span<const TaskResponses> b, Pairing pairing,
                                                                  const Rng& rng,
                                                                  const BootstrapOptions& options = {}) {
  require_equal("difference in segregation", "tasks", a.size(), b.size());
  std::vector<TaskResponses> sides[2] = {{a.begin(), a.end()}, {b.begin(), b.end()}};
  for (std::vector<TaskResponses>& side : sides)
    for (TaskResponses& task : side) task.random.clear();
  if (pairing == Pairing::other_images)
    return segregation_difference(
        resample_segregation(sides[0], rng, options),
        resample_segregation(sides[1], rng.stream("second"), options, static_cast<Index>(a.size())), options);
  for (std::size_t t = 0; t < a.size(); ++t)
    if (!std::equal(a[t].labels.begin(), a[t].labels.end(), b[t].labels.begin(), b[t].labels.end()))
      throw ConfigError("difference in segregation, tasks '" + a[t].task + "' and '" + b[t].task +
                        "': expected the same images on both sides, got other classes");
  return segregation_difference(resample_segregation(sides[0], rng, options),
                                resample_segregation(sides[1], rng, options), options);
}

}  // namespace fusiform
