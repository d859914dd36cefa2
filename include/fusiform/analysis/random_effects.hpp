#pragma once
/// One number from several nets, each with its own standard error: the net is a random effect. The variance of a net's
/// estimate is the variance between nets (training from another seed) plus the variance within (the test images).
/// The same model as in meta-analysis (Viechtbauer 2005 gives the estimators and their properties).

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include <fusiform/analysis/distributions.hpp>
#include <fusiform/analysis/statistics.hpp>

namespace fusiform {

/// How the variance between nets is estimated.
enum class BetweenVariance {
  reml,               ///< restricted maximum likelihood
  dersimonian_laird,  ///< moments (DerSimonian & Laird 1986)
};

struct RandomEffectsOptions {
  double level = 0.95;
  BetweenVariance method = BetweenVariance::reml;
  /// Never let the spread of the nets narrow the interval below what the standard errors alone give: the modified
  /// Knapp-Hartung interval, for few nets of unequal precision (Röver, Knapp & Friede 2015).
  bool modified = true;
};

struct RandomEffects {
  double estimate = undefined;          ///< mean over nets, weighted by 1 / (between + within variance)
  double error = undefined;             ///< its standard error (Knapp & Hartung 2003)
  double low = undefined;               ///< of the t interval with nets - 1 degrees of freedom
  double high = undefined;              ///< upper end
  double t = undefined;                 ///< estimate / error
  double p = undefined;                 ///< two-sided, "the mean is 0"
  double between_variance = undefined;  ///< tau²
  double within_variance = undefined;   ///< mean of the squared standard errors
  double heterogeneity = undefined;     ///< Cochran's Q
  std::string_view reason;              ///< why all this is undefined; empty if it is not
};

namespace detail {

/// Estimates and their variances; the weighted mean and sums at a variance `between` nets.
struct NetEstimates {
  std::span<const double> values;
  std::vector<double> variances;

  struct Weighted {
    double center = 0;   ///< weighted mean
    double weights = 0;  ///< sum of w
    double squares = 0;  ///< sum of w (y - center)²
    double score = 0;    ///< derivative of the restricted log likelihood by the variance between nets
    double log_likelihood = 0;
  };
  [[nodiscard]] Weighted at(double between) const noexcept {
    Weighted sums;
    double weighted_values = 0;
    double squared_weights = 0;
    double log_weights = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double w = 1 / (variances[i] + between);
      sums.weights += w;
      weighted_values += w * values[i];
      squared_weights += w * w;
      log_weights += std::log(w);
    }
    sums.center = weighted_values / sums.weights;
    double double_squares = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double w = 1 / (variances[i] + between);
      const double residual = values[i] - sums.center;
      sums.squares += w * residual * residual;
      double_squares += w * w * residual * residual;
    }
    sums.score = (double_squares - sums.weights + squared_weights / sums.weights) / 2;
    sums.log_likelihood = (log_weights - std::log(sums.weights) - sums.squares) / 2;
    return sums;
  }
};

[[nodiscard]] inline double dersimonian_laird(const NetEstimates& nets) {
  const double excess = nets.at(0).squares - static_cast<double>(nets.values.size() - 1);
  double weights = 0;
  double squared = 0;
  for (const double variance : nets.variances) {
    weights += 1 / variance;
    squared += 1 / (variance * variance);
  }
  return std::max(0.0, excess / (weights - squared / weights));
}

/// The best of a grid from 0 to the sum of squares about the mean, finer towards 0; then bisection of the score around
/// it. (The likelihood can have two maxima, so that a search from one start may end at the lower one.)
[[nodiscard]] inline double restricted_maximum(const NetEstimates& nets) {
  const double deviation = standard_deviation(nets.values);
  const double upper = deviation * deviation * static_cast<double>(nets.values.size());
  constexpr int steps = 400;
  const auto grid = [&](int step) { return upper * step * step / (double{steps} * steps); };
  int best = 0;
  for (int step = 1; step <= steps; ++step)
    if (nets.at(grid(step)).log_likelihood > nets.at(grid(best)).log_likelihood) best = step;
  double low = grid(std::max(0, best - 1));
  double high = grid(std::min(steps, best + 1));
  if (!(nets.at(low).score > 0)) return grid(best);
  for (double middle = (low + high) / 2; middle > low && middle < high; middle = low + (high - low) / 2)
    (nets.at(middle).score > 0 ? low : high) = middle;
  return high;
}

}  // namespace detail

/// `estimates` and their standard `errors`, one per net. Undefined (with a reason) for fewer than two nets, if an
/// estimate or error is not a number, or if some errors are 0 and others are not. If all errors are 0 this is Student's
/// t interval of the estimates. Throws ShapeError if the lengths differ, ConfigError for a negative error or a level
/// outside 0 to 1.
[[nodiscard]] inline RandomEffects random_effects(std::span<const double> estimates, std::span<const double> errors,
                                                  const RandomEffectsOptions& options = {}) {
  require_equal("random effects", "standard errors, one per estimate,", estimates.size(), errors.size());
  require_setting(options.level > 0 && options.level < 1, "random effects", "a level between 0 and 1", options.level);
  const auto count = static_cast<double>(estimates.size());
  if (estimates.size() < 2) return {.reason = "undefined: fewer than two nets"};
  detail::NetEstimates nets{estimates, {}};
  std::size_t exact = 0;
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    if (!std::isfinite(estimates[i]) || !std::isfinite(errors[i])) return {.reason = "undefined in a net"};
    require_setting(errors[i] >= 0, "random effects", "standard errors of at least 0", errors[i]);
    exact += errors[i] == 0 ? 1 : 0;
    nets.variances.push_back(errors[i] * errors[i]);
  }
  if (exact > 0 && exact < estimates.size()) return {.reason = "undefined: a net has a standard error of 0"};

  RandomEffects result;
  result.within_variance = mean(nets.variances);
  if (exact > 0) {
    const double deviation = standard_deviation(estimates);
    result.estimate = mean(estimates);
    result.between_variance = deviation * deviation;
    result.error = deviation / std::sqrt(count);
  } else {
    result.heterogeneity = nets.at(0).squares;
    result.between_variance =
        options.method == BetweenVariance::reml ? detail::restricted_maximum(nets) : detail::dersimonian_laird(nets);
    const detail::NetEstimates::Weighted sums = nets.at(result.between_variance);
    const double spread = sums.squares / (count - 1);
    result.estimate = sums.center;
    result.error = std::sqrt((options.modified ? std::max(1.0, spread) : spread) / sums.weights);
  }
  const double reach = student_t_quantile((1 + options.level) / 2, count - 1) * result.error;
  result.low = result.estimate - reach;
  result.high = result.estimate + reach;
  if (result.error > 0) {
    result.t = result.estimate / result.error;
    result.p = student_t_two_sided_p(result.t, count - 1);
  }
  return result;
}

}  // namespace fusiform
