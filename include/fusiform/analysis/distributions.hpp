#pragma once
/// The normal and Student's t distribution: what intervals and p-values are read from.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <fusiform/core/error.hpp>

namespace fusiform {

/// P(Z <= z) of a standard normal Z.
[[nodiscard]] inline double normal_cdf(double z) noexcept { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// The z with P(Z <= z) = p: -infinity at 0, infinity at 1, NaN outside. To the last few bits: a rational start
/// (Abramowitz & Stegun 26.2.23, error 4.5e-4) and three Newton steps with Halley's correction.
[[nodiscard]] inline double normal_quantile(double p) noexcept {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!(p >= 0 && p <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (p == 0 || p == 1) return p == 0 ? -infinity : infinity;
  const double tail = std::min(p, 1 - p);
  const double t = std::sqrt(-2 * std::log(tail));
  double z = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (int step = 0; step < 3; ++step) {  // z is negative: the tail is computed without cancellation
    const double error = (normal_cdf(z) - tail) * std::sqrt(2 * std::numbers::pi) * std::exp(z * z / 2);
    z -= error / (1 + z * error / 2);
  }
  return p < 0.5 ? z : -z;
}

namespace detail {

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
[[nodiscard]] inline double beta_fraction(double a, double b, double x) noexcept {
  constexpr double tiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::fabs(value) < tiny ? tiny : value; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m < 10'000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= c * d;
    if (std::fabs(c * d - 1) < 1e-15) break;
  }
  return fraction;
}

/// I_x(a, b), the regularised incomplete beta function.
[[nodiscard]] inline double incomplete_beta(double a, double b, double x) noexcept {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace detail

/// P(T <= t) of Student's t with `freedom` > 0 degrees of freedom, whole or not. Throws ConfigError.
[[nodiscard]] inline double student_t_cdf(double t, double freedom) {
  require_setting(freedom > 0, "Student's t", "more than 0 degrees of freedom", freedom);
  if (std::isnan(t)) return t;
  // Whichever of the two arguments is small keeps its digits.
  const double tail = t * t < freedom ? 0.5 - detail::incomplete_beta(0.5, freedom / 2, t * t / (freedom + t * t)) / 2
                                      : detail::incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
  return t < 0 ? tail : 1 - tail;
}

/// Two-sided p-value of a t statistic. Throws ConfigError unless `freedom` > 0.
[[nodiscard]] inline double student_t_two_sided_p(double t, double freedom) {
  return std::min(1.0, 2 * student_t_cdf(-std::fabs(t), freedom));
}

/// The t with P(T <= t) = p, by bisection: -infinity at 0, infinity at 1, NaN outside. Throws ConfigError.
[[nodiscard]] inline double student_t_quantile(double p, double freedom) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  require_setting(freedom > 0, "Student's t", "more than 0 degrees of freedom", freedom);
  if (!(p >= 0 && p <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (p == 0 || p == 1) return p == 0 ? -infinity : infinity;
  if (p > 0.5) return -student_t_quantile(1 - p, freedom);
  double low = -1;
  while (student_t_cdf(low, freedom) > p) low *= 2;
  double high = 0;
  for (double middle = low / 2; middle > low && middle < high; middle = low + (high - low) / 2)
    (student_t_cdf(middle, freedom) < p ? low : high) = middle;
  return high;
}

}  // namespace fusiform
