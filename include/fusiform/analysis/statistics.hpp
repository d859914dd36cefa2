#pragma once
/// Small statistics on replicates, ranks and overlaps.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// How the ends of a bootstrap interval are found.
enum class IntervalKind {
  percentile,  ///< quantiles of the replicates
  bca,         ///< bias-corrected and accelerated: see bca_interval.hpp
};

/// A number with its uncertainty. Undefined parts are NaN.
struct Interval {
  double estimate = undefined;   ///< from the data themselves
  double low = undefined;        ///< lower end of the confidence interval
  double high = undefined;       ///< upper end
  double deviation = undefined;  ///< standard deviation over the replicates (standard error)
  std::string_view reason;       ///< why there are no ends, or not of the kind asked for; empty if all is well

  [[nodiscard]] bool defined() const noexcept { return std::isfinite(estimate) && low <= high; }
  [[nodiscard]] bool contains(double value) const noexcept { return low <= value && value <= high; }
};

[[nodiscard]] inline double mean(std::span<const double> values) noexcept {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return values.empty() ? undefined : sum / static_cast<double>(values.size());
}

/// Sample standard deviation (n - 1); undefined for fewer than two values.
[[nodiscard]] inline double standard_deviation(std::span<const double> values) noexcept {
  if (values.size() < 2) return undefined;
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

/// Linear interpolation between the order statistics, as numpy.percentile does. `sorted` is ascending, share 0 to 1.
[[nodiscard]] inline double quantile(std::span<const double> sorted, double share) noexcept {
  if (sorted.empty()) return undefined;
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// The percentile interval of bootstrap replicates around `estimate`. If any replicate is undefined, so are the ends:
/// the quantity has no distribution to speak of.
[[nodiscard]] inline Interval percentile_interval(double estimate, std::vector<double> replicates,
                                                  double level = 0.95) {
  require_setting(level > 0 && level < 1, "interval", "a level between 0 and 1", level);
  Interval interval{.estimate = estimate};
  if (replicates.empty() || std::any_of(replicates.begin(), replicates.end(), [](double r) { return std::isnan(r); })) {
    interval.reason = replicates.empty() ? "undefined: no replicates" : "undefined in a replicate";
    return interval;
  }
  interval.deviation = standard_deviation(replicates);
  std::sort(replicates.begin(), replicates.end());
  interval.low = quantile(replicates, (1 - level) / 2);
  interval.high = quantile(replicates, (1 + level) / 2);
  return interval;
}

/// Two-sided p-value of "the quantity is 0" from its bootstrap replicates: 2 · min over the sides of (k+1)/(B+1),
/// never 0. Undefined if a replicate is.
[[nodiscard]] inline double two_sided_p(std::span<const double> replicates) noexcept {
  double not_above = 1;
  double not_below = 1;
  for (const double replicate : replicates) {
    if (std::isnan(replicate)) return undefined;
    not_above += replicate <= 0 ? 1 : 0;
    not_below += replicate >= 0 ? 1 : 0;
  }
  return std::min(1.0, 2 * std::min(not_above, not_below) / static_cast<double>(replicates.size() + 1));
}

/// One-sided p-value of `observed` among draws from the null distribution: (1 + #{null >= observed}) / (R + 1).
/// Undefined if the observed value is. A draw that is undefined counts as large, against the effect.
[[nodiscard]] inline double permutation_p(double observed, std::span<const double> null) noexcept {
  if (std::isnan(observed)) return undefined;
  double as_large = 1;
  for (const double draw : null) as_large += draw < observed ? 0 : 1;
  return as_large / static_cast<double>(null.size() + 1);
}

/// Ranks from 1, equal values share the mean of their ranks.
[[nodiscard]] inline std::vector<double> mid_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = 1 + static_cast<double>(first + last) / 2;
    first = last + 1;
  }
  return ranks;
}

/// Pearson's correlation; undefined if one side does not vary. Throws ShapeError if the lengths differ.
[[nodiscard]] inline double pearson_correlation(std::span<const double> x, std::span<const double> y) {
  require_equal("correlation", "values on both sides", x.size(), y.size());
  const double x_mean = mean(x);
  const double y_mean = mean(y);
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - x_mean) * (x[i] - x_mean);
    yy += (y[i] - y_mean) * (y[i] - y_mean);
    xy += (x[i] - x_mean) * (y[i] - y_mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : undefined;
}

/// Spearman's rank correlation, ties by mid-ranks; undefined if one side does not vary or holds a NaN.
/// Throws ShapeError if the lengths differ.
[[nodiscard]] inline double spearman_correlation(std::span<const double> x, std::span<const double> y) {
  require_equal("correlation", "values on both sides", x.size(), y.size());
  const auto is_nan = [](double value) { return std::isnan(value); };
  if (std::any_of(x.begin(), x.end(), is_nan) || std::any_of(y.begin(), y.end(), is_nan)) return undefined;
  return pearson_correlation(mid_ranks(x), mid_ranks(y));
}

/// Two sets drawn from the same `units`, and how many units they share.
struct OverlapCounts {
  Index units = 0;
  Index first = 0;
  Index second = 0;
  Index shared = 0;
};

/// The overlap against independent random sets of the same sizes (hypergeometric distribution).
struct OverlapTest {
  double expected = undefined;   ///< first · second / units
  double deviation = undefined;  ///< standard deviation under chance
  double p_as_large = undefined;
  double p_as_small = undefined;
};

/// Throws ConfigError if no such sets exist.
[[nodiscard]] inline OverlapTest overlap_test(const OverlapCounts& counts) {
  const auto [units, first, second, shared] = counts;
  const Index least = std::max<Index>(0, first + second - units);
  const Index most = std::min(first, second);
  require_setting(
      least >= 0 && first >= 0 && second >= 0 && first <= units && second <= units && shared >= least && shared <= most,
      "overlap", text("sets of ", first, " and ", second, " out of ", units, " units that can overlap"), shared);
  const auto log_choose = [](Index n, Index k) {
    return std::lgamma(static_cast<double>(n + 1)) - std::lgamma(static_cast<double>(k + 1)) -
           std::lgamma(static_cast<double>(n - k + 1));
  };
  OverlapTest test{.expected = 0, .deviation = 0, .p_as_large = 0, .p_as_small = 0};
  if (units == 0) return {.expected = 0, .deviation = 0, .p_as_large = 1, .p_as_small = 1};
  for (Index k = least; k <= most; ++k) {
    const double p = std::exp(log_choose(first, k) + log_choose(units - first, second - k) - log_choose(units, second));
    if (k >= shared) test.p_as_large += p;
    if (k <= shared) test.p_as_small += p;
  }
  test.p_as_large = std::min(1.0, test.p_as_large);
  test.p_as_small = std::min(1.0, test.p_as_small);
  const auto n = static_cast<double>(units);
  const double a = static_cast<double>(first) / n;
  const double b = static_cast<double>(second) / n;
  test.expected = n * a * b;
  if (units > 1) test.deviation = n * std::sqrt(a * (1 - a) * b * (1 - b) / (n - 1));
  return test;
}

}  // namespace fusiform
