#pragma once
/// The bias-corrected and accelerated bootstrap interval, BCa (Efron 1987; Efron & Tibshirani 1993, chapter 14): the
/// percentile interval with its two percentages moved. It corrects for replicates that lie to one side of the estimate
/// (median bias) and for a spread that changes with the quantity (acceleration, from the skewness of a jackknife).

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include <fusiform/analysis/distributions.hpp>
#include <fusiform/analysis/statistics.hpp>

namespace fusiform {

/// z0: the normal score of the share of replicates below the estimate, ties half. Infinite if all lie on one side.
[[nodiscard]] inline double bootstrap_bias(double estimate, std::span<const double> replicates) noexcept {
  double below = 0;
  for (const double replicate : replicates) below += replicate < estimate ? 1 : (replicate == estimate ? 0.5 : 0);
  return normal_quantile(below / static_cast<double>(replicates.size()));
}

/// The acceleration from the values of the statistic with one sampling unit left out, for one or more samples drawn
/// apart from each other (two tasks' images, say): a = 1/6 · sum U³/n³ / (sum U²/n²)^1.5 over all units, U = (n - 1)
/// (mean of the sample's values - value) (Efron & Tibshirani 1993, equation 14.15; DiCiccio & Efron 1996 for several
/// samples). 0 if no value differs. Undefined if a sample has fewer than two units or a value is undefined.
[[nodiscard]] inline double jackknife_acceleration(std::span<const std::vector<double>> samples) noexcept {
  double cubes = 0;
  double squares = 0;
  for (const std::vector<double>& values : samples) {
    if (values.size() < 2) return undefined;
    const double center = mean(values);
    const double weight = (static_cast<double>(values.size()) - 1) / static_cast<double>(values.size());
    for (const double value : values) {
      const double influence = weight * (center - value);
      squares += influence * influence;
      cubes += influence * influence * influence;
    }
  }
  return squares == 0 ? 0 : cubes / (6 * squares * std::sqrt(squares));
}

/// Bias and acceleration: they move the normal score of a percentage.
struct BcaShift {
  double bias = 0;
  double acceleration = 0;

  /// The share of the replicates at which the interval ends, for the end of nominal share `share` (0.025, 0.975).
  /// NaN where the formula has its pole: acceleration and bias are too large for this share.
  [[nodiscard]] double moved(double share) const noexcept {
    const double score = bias + normal_quantile(share);
    const double stretch = 1 - acceleration * score;
    return stretch > 0 ? normal_cdf(bias + score / stretch) : undefined;
  }
  /// The nominal share of the end that falls on `share` of the replicates: the inverse of `moved`. Beyond the pole 0
  /// or 1, the limit.
  [[nodiscard]] double nominal(double share) const noexcept {
    const double score = normal_quantile(share) - bias;
    const double stretch = 1 + acceleration * score;
    if (!(stretch > 0)) return std::isnan(stretch) ? undefined : (score < 0 ? 0.0 : 1.0);
    return normal_cdf(score / stretch - bias);
  }
};

/// The BCa interval of `replicates` around `estimate`; `left_out` are the statistic's values with one sampling unit
/// left out, per sample. In a hierarchical bootstrap the units are those of the upper level, the classes: they are what
/// is drawn independently. Images of a class are not independent, and leaving out single ones would see only the
/// skewness within classes.
/// If bias or acceleration do not exist, it is the percentile interval and `reason` says why. If a replicate is
/// undefined, so are the ends. Throws ConfigError unless 0 < level < 1.
[[nodiscard]] inline Interval bca_interval(double estimate, std::vector<double> replicates,
                                           std::span<const std::vector<double>> left_out, double level = 0.95) {
  Interval interval = percentile_interval(estimate, replicates, level);
  if (!interval.defined()) return interval;
  const auto fall_back = [&](std::string_view reason) {
    interval.reason = reason;
    return interval;
  };
  std::sort(replicates.begin(), replicates.end());
  if (replicates.front() == replicates.back()) return fall_back("percentile interval: all replicates are equal");
  const BcaShift shift{.bias = bootstrap_bias(estimate, replicates), .acceleration = jackknife_acceleration(left_out)};
  if (std::isinf(shift.bias)) return fall_back("percentile interval: all replicates lie on one side of the estimate");
  if (left_out.empty() || !std::isfinite(shift.acceleration))
    return fall_back("percentile interval: undefined with a class left out");
  const double low = shift.moved((1 - level) / 2);
  const double high = shift.moved((1 + level) / 2);
  if (std::isnan(low) || std::isnan(high)) return fall_back("percentile interval: the acceleration is too large");
  interval.low = quantile(replicates, low);
  interval.high = quantile(replicates, high);
  return interval;
}

}  // namespace fusiform
