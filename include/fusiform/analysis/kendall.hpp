#pragma once
/// Kendall's rank correlation in O(n log n).

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// How the n (n - 1) / 2 pairs of two lists of n values are ordered.
struct KendallCounts {
  Index pairs = 0;
  Index tied_x = 0;      ///< pairs with equal x, whatever y
  Index tied_y = 0;      ///< pairs with equal y, whatever x
  Index tied_both = 0;   ///< pairs equal in both
  Index discordant = 0;  ///< ordered one way in x, the other way in y

  [[nodiscard]] Index concordant() const noexcept { return pairs - tied_x - tied_y + tied_both - discordant; }
};

namespace detail {

/// Sorts the values and returns how many pairs were out of order: a merge sort, bottom up.
[[nodiscard]] inline Index sort_and_count_inversions(std::vector<double>& values) {
  const std::size_t count = values.size();
  std::vector<double> merged(count);
  Index inversions = 0;
  for (std::size_t width = 1; width < count; width *= 2) {
    for (std::size_t begin = 0; begin < count; begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, count);
      const std::size_t end = std::min(begin + 2 * width, count);
      std::size_t left = begin;
      std::size_t right = middle;
      for (std::size_t to = begin; to < end; ++to) {
        const bool takes_right = right < end && (left == middle || values[right] < values[left]);
        if (takes_right) inversions += static_cast<Index>(middle - left);
        merged[to] = takes_right ? values[right++] : values[left++];
      }
    }
    values.swap(merged);
  }
  return inversions;
}

/// Pairs of equal elements among `count` sorted ones.
template <class AreEqual>
[[nodiscard]] Index tied_pairs(std::size_t count, const AreEqual& are_equal) {
  Index pairs = 0;
  Index run = 0;  // elements before this one that equal it
  for (std::size_t i = 1; i < count; ++i) {
    run = are_equal(i - 1, i) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

}  // namespace detail

/// Knight's algorithm (Journal of the American Statistical Association 61, 1966): sort by x, then count the exchanges
/// that sort y. The values must not be NaN. Throws ShapeError if the lengths differ.
[[nodiscard]] inline KendallCounts kendall_counts(std::span<const double> x, std::span<const double> y) {
  require_equal("Kendall's tau", "values on both sides", x.size(), y.size());
  const std::size_t count = x.size();
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return x[a] < x[b] || (x[a] == x[b] && y[a] < y[b]); });
  const auto n = static_cast<Index>(count);
  KendallCounts counts;
  counts.pairs = n * (n - 1) / 2;
  const auto same_x = [&](std::size_t a, std::size_t b) { return x[order[a]] == x[order[b]]; };
  counts.tied_x = detail::tied_pairs(count, same_x);
  counts.tied_both = detail::tied_pairs(
      count, [&](std::size_t a, std::size_t b) { return same_x(a, b) && y[order[a]] == y[order[b]]; });
  std::vector<double> by_x(count);
  for (std::size_t i = 0; i < count; ++i) by_x[i] = y[order[i]];
  counts.discordant = detail::sort_and_count_inversions(by_x);
  counts.tied_y = detail::tied_pairs(count, [&](std::size_t a, std::size_t b) { return by_x[a] == by_x[b]; });
  return counts;
}

/// What ties do to Kendall's tau.
enum class KendallTies {
  tau_a,  ///< a tied pair counts as half right: for comparing RDMs that predict ties with others (Nili et al. 2014)
  tau_b,  ///< tied pairs are taken out of the denominator, so that 1 can be reached
};

/// (concordant - discordant pairs) / all pairs, or with tau_b / the geometric mean of the untied pairs of both sides.
/// Undefined for fewer than two values, with a NaN, and for tau_b if one side does not vary.
/// Throws ShapeError if the lengths differ.
[[nodiscard]] inline double kendall_correlation(std::span<const double> x, std::span<const double> y,
                                                KendallTies ties = KendallTies::tau_b) {
  require_equal("Kendall's tau", "values on both sides", x.size(), y.size());
  const auto is_nan = [](double value) { return std::isnan(value); };
  if (std::any_of(x.begin(), x.end(), is_nan) || std::any_of(y.begin(), y.end(), is_nan)) return undefined;
  const KendallCounts counts = kendall_counts(x, y);
  const auto excess = static_cast<double>(counts.concordant() - counts.discordant);
  const auto pairs = static_cast<double>(counts.pairs);
  if (ties == KendallTies::tau_a) return counts.pairs > 0 ? excess / pairs : undefined;
  const auto untied_x = static_cast<double>(counts.pairs - counts.tied_x);
  const auto untied_y = static_cast<double>(counts.pairs - counts.tied_y);
  return untied_x > 0 && untied_y > 0 ? excess / std::sqrt(untied_x * untied_y) : undefined;
}

}  // namespace fusiform
