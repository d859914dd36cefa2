#pragma once
/// p-values corrected for how many tests were made: over layers, over units. A p-value that is NaN belongs to a test
/// that could not be made; it stays NaN and does not count. Results are in the order given.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <fusiform/core/error.hpp>

namespace fusiform {

namespace detail {

/// Positions of the p-values that are numbers, ascending by p, ties in the order given. Throws ConfigError unless all
/// are from 0 to 1.
[[nodiscard]] inline std::vector<std::size_t> order_of_tests(std::span<const double> p_values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p_values.size(); ++i) {
    if (std::isnan(p_values[i])) continue;
    require_setting(p_values[i] >= 0 && p_values[i] <= 1, "multiple testing", "p-values from 0 to 1", p_values[i]);
    order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  return order;
}

/// The step-up adjustment: min over ranks j >= i of factor · m · p(j) / j.
[[nodiscard]] inline std::vector<double> step_up(std::span<const double> p_values, double factor) {
  const std::vector<std::size_t> order = order_of_tests(p_values);
  std::vector<double> adjusted(p_values.begin(), p_values.end());
  const auto tests = static_cast<double>(order.size());
  double smallest = 1;
  for (std::size_t rank = order.size(); rank > 0; --rank) {
    smallest = std::min(smallest, factor * tests * p_values[order[rank - 1]] / static_cast<double>(rank));
    adjusted[order[rank - 1]] = smallest;
  }
  return adjusted;
}

}  // namespace detail

/// Controls the chance of any false positive, however the tests depend on each other (Holm 1979).
/// Throws ConfigError unless p-values are from 0 to 1.
[[nodiscard]] inline std::vector<double> holm_correction(std::span<const double> p_values) {
  const std::vector<std::size_t> order = detail::order_of_tests(p_values);
  std::vector<double> adjusted(p_values.begin(), p_values.end());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, static_cast<double>(order.size() - rank) * p_values[order[rank]]);
    adjusted[order[rank]] = std::min(1.0, largest);
  }
  return adjusted;
}

/// Controls the expected share of false positives among the positives, for tests that are independent or positively
/// dependent (Benjamini & Hochberg 1995). Throws ConfigError unless p-values are from 0 to 1.
[[nodiscard]] inline std::vector<double> benjamini_hochberg(std::span<const double> p_values) {
  return detail::step_up(p_values, 1);
}

/// The same under any dependence, at the price of a factor 1 + 1/2 + ... + 1/m (Benjamini & Yekutieli 2001).
/// Throws ConfigError unless p-values are from 0 to 1.
[[nodiscard]] inline std::vector<double> benjamini_yekutieli(std::span<const double> p_values) {
  double harmonic = 0;
  for (std::size_t i = 1; i <= detail::order_of_tests(p_values).size(); ++i) harmonic += 1 / static_cast<double>(i);
  return detail::step_up(p_values, harmonic);
}

}  // namespace fusiform
