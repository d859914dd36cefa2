#pragma once
/// A number together with what the bootstrap says about it, and numbers computed from such numbers: differences,
/// means, indices. All intervals and p-values of the hierarchical bootstrap are made here.

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <vector>

#include <fusiform/analysis/bca_interval.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

struct BootstrapOptions {
  Index replicates = 10'000;
  double level = 0.95;  ///< of the intervals
  IntervalKind kind = IntervalKind::percentile;
};

/// Throws ConfigError unless there is a replicate and 0 < level < 1.
inline void check_options(const BootstrapOptions& options) {
  require_setting(options.replicates >= 1, "bootstrap", "at least 1 replicate", options.replicates);
  require_setting(options.level > 0 && options.level < 1, "bootstrap", "a level between 0 and 1", options.level);
}

/// A statistic of one or more samples. A sample (the test images of one task, say) is resampled on its own and has a
/// number; two statistics with the same sample number were computed on the same resamples of it.
struct Resampled {
  double estimate = undefined;                    ///< from the data themselves
  std::vector<double> replicates;                 ///< from each resample
  std::map<Index, std::vector<double>> left_out;  ///< [sample][class] with that class left out
};

/// statistic(values) of several numbers: on the data, on each resample, with each class left out. Numbers of different
/// samples are combined as independent, numbers of the same sample as paired. `statistic` takes a
/// std::span<const double> with one value per part. Throws ShapeError if the parts have different numbers of replicates
/// or, in the same sample, of classes.
template <class Statistic>
[[nodiscard]] Resampled combine(std::span<const Resampled* const> parts, const Statistic& statistic) {
  Resampled result;
  std::vector<double> values(parts.size());
  const auto evaluate = [&](const auto& value_of) {
    for (std::size_t i = 0; i < parts.size(); ++i) values[i] = value_of(*parts[i]);
    return statistic(std::span<const double>(values));
  };
  result.estimate = evaluate([](const Resampled& part) { return part.estimate; });
  const std::size_t count = parts.empty() ? 0 : parts.front()->replicates.size();
  for (const Resampled* part : parts) {
    require_equal("combination of resampled numbers", "replicates", count, part->replicates.size());
    for (const auto& [sample, values_without] : part->left_out) {
      std::vector<double>& places = result.left_out.try_emplace(sample, values_without.size()).first->second;
      require_equal("combination of resampled numbers", "classes", places.size(), values_without.size());
    }
  }
  result.replicates.resize(count);
  for (std::size_t r = 0; r < count; ++r)
    result.replicates[r] = evaluate([r](const Resampled& part) { return part.replicates[r]; });
  for (auto& [sample, places] : result.left_out)
    for (std::size_t c = 0; c < places.size(); ++c)
      places[c] = evaluate([&, number = sample](const Resampled& part) {
        const auto found = part.left_out.find(number);
        return found == part.left_out.end() ? part.estimate : found->second[c];
      });
  return result;
}

/// a - b. Paired as far as the two have samples in common.
[[nodiscard]] inline Resampled difference(const Resampled& a, const Resampled& b) {
  const Resampled* const parts[] = {&a, &b};
  return combine(parts, [](std::span<const double> values) { return values[0] - values[1]; });
}

/// The mean of one or more numbers, each with the same weight.
[[nodiscard]] inline Resampled mean(std::span<const Resampled> numbers) {
  std::vector<const Resampled*> parts;
  for (const Resampled& number : numbers) parts.push_back(&number);
  return combine(std::span<const Resampled* const>(parts), [](std::span<const double> values) { return mean(values); });
}

namespace detail {

[[nodiscard]] inline std::vector<std::vector<double>> samples_of(const Resampled& number) {
  std::vector<std::vector<double>> samples;
  for (const auto& [sample, values] : number.left_out) samples.push_back(values);
  return samples;
}

}  // namespace detail

/// The interval of the kind and level that `options` ask for.
[[nodiscard]] inline Interval confidence_interval(const Resampled& number, const BootstrapOptions& options = {}) {
  if (options.kind == IntervalKind::percentile)
    return percentile_interval(number.estimate, number.replicates, options.level);
  return bca_interval(number.estimate, number.replicates, detail::samples_of(number), options.level);
}

/// Two-sided p-value of "the number is 0": 1 - the level at which the interval of the same kind just reaches 0, with
/// one more replicate counted on each side, so that it is never 0. Where the BCa interval falls back, so does this.
/// Undefined if the number or a replicate is.
[[nodiscard]] inline double two_sided_p(const Resampled& number, const BootstrapOptions& options = {}) {
  if (std::isnan(number.estimate)) return undefined;
  if (options.kind == IntervalKind::bca && confidence_interval(number, options).reason.empty()) {
    const BcaShift shift{.bias = bootstrap_bias(number.estimate, number.replicates),
                         .acceleration = jackknife_acceleration(detail::samples_of(number))};
    double below = 0.5;  // half a replicate on each side, so that the share is never 0 or 1
    for (const double replicate : number.replicates) below += replicate < 0 ? 1 : (replicate == 0 ? 0.5 : 0);
    const double share = shift.nominal(below / static_cast<double>(number.replicates.size() + 1));
    const double floor = 1 / static_cast<double>(number.replicates.size() + 1);
    return std::min(1.0, 2 * std::max(floor, std::min(share, 1 - share)));
  }
  return two_sided_p(std::span<const double>(number.replicates));
}

}  // namespace fusiform
