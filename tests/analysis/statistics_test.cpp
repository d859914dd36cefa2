#include <cmath>
#include <vector>

#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/random.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {
using Numbers = std::vector<double>;
// Sums of a handful of doubles: a few units in the last place.
Approx close_to(double value) { return Approx(value).epsilon(1e-12).margin(1e-12); }
}  // namespace

TEST_CASE("moments and quantiles") {
  CHECK(mean(Numbers{1, 2, 6}) == close_to(3));
  CHECK(std::isnan(mean(Numbers{})));
  CHECK(standard_deviation(Numbers{2, 4, 4, 4, 5, 5, 7, 9}) == close_to(std::sqrt(32.0 / 7)));
  CHECK(std::isnan(standard_deviation(Numbers{3})));
  // numpy.percentile([1, 2, 4, 8], [0, 25, 50, 90, 100])
  const Numbers sorted{1, 2, 4, 8};
  CHECK(quantile(sorted, 0) == close_to(1));
  CHECK(quantile(sorted, 0.25) == close_to(1.75));
  CHECK(quantile(sorted, 0.5) == close_to(3));
  CHECK(quantile(sorted, 0.9) == close_to(6.8));
  CHECK(quantile(sorted, 1) == close_to(8));
}

TEST_CASE("percentile intervals") {
  Numbers replicates;
  for (int i = 1000; i >= 0; --i) replicates.push_back(i);
  const Interval interval = percentile_interval(480, replicates);
  CHECK(interval.estimate == 480);
  CHECK(interval.low == close_to(25));
  CHECK(interval.high == close_to(975));
  CHECK(interval.deviation == close_to(std::sqrt(1001.0 * 1002.0 / 12)));  // of the integers 0..1000
  CHECK(interval.defined());
  CHECK(interval.reason.empty());
  CHECK(interval.contains(25.5));
  CHECK_FALSE(interval.contains(24));
  CHECK(percentile_interval(480, replicates, 0.9).low == close_to(50));
  CHECK_THROWS_AS(percentile_interval(0, replicates, 1), ConfigError);

  replicates[3] = undefined;
  CHECK_FALSE(percentile_interval(480, replicates).defined());
  CHECK(percentile_interval(480, replicates).reason == "undefined in a replicate");
  CHECK(percentile_interval(480, {}).reason == "undefined: no replicates");
  CHECK_FALSE(percentile_interval(480, {}).defined());
  CHECK_FALSE(Interval{}.contains(0));
}

TEST_CASE("p-values are never zero") {
  CHECK(two_sided_p(Numbers(999, 1.0)) == close_to(2.0 / 1000));
  CHECK(two_sided_p(Numbers{-1, 1, 2, 3}) == close_to(2 * 2.0 / 5));
  CHECK(two_sided_p(Numbers{0, 0, 0}) == 1);
  CHECK(two_sided_p(Numbers{}) == 1);
  CHECK(std::isnan(two_sided_p(Numbers{1, undefined})));
  CHECK(permutation_p(0.5, Numbers(19, 0.1)) == close_to(0.05));
  CHECK(permutation_p(0.5, Numbers{0.5, 0.6, 0.1}) == close_to(0.75));
  CHECK(std::isnan(permutation_p(undefined, Numbers{0.5, 0.6})));
  CHECK(permutation_p(0.5, Numbers{undefined, 0.1, 0.2}) == close_to(0.5));  // an undefined draw counts as large
  CHECK(permutation_p(0.5, Numbers{}) == 1);
}

TEST_CASE("rank correlation") {
  CHECK(mid_ranks(Numbers{10, 20, 10, 5}) == Numbers{2.5, 4, 2.5, 1});
  CHECK(spearman_correlation(Numbers{1, 2, 3, 4}, Numbers{1, 8, 27, 64}) == close_to(1));
  CHECK(spearman_correlation(Numbers{1, 2, 3, 4}, Numbers{9, 7, 5, -3}) == close_to(-1));
  // Without ties 1 - 6 sum(d^2) / (n (n^2 - 1)): ranks (1 2 3 4 5) and (2 1 4 3 5) differ by 1 four times.
  CHECK(spearman_correlation(Numbers{1, 2, 3, 4, 5}, Numbers{20, 10, 40, 30, 50}) == close_to(1 - 6 * 4.0 / 120));
  CHECK(std::isnan(spearman_correlation(Numbers{1, 1, 1}, Numbers{1, 2, 3})));
  CHECK(std::isnan(spearman_correlation(Numbers{1, undefined, 1}, Numbers{1, 2, 3})));
  CHECK_THROWS_AS(spearman_correlation(Numbers{1}, Numbers{1, 2}), ShapeError);
}

TEST_CASE("overlap of two sets against chance") {
  SECTION("the published layer: 43 of 104 units shared where 21.1 are expected") {
    const OverlapTest test = overlap_test({.units = 512, .first = 104, .second = 104, .shared = 43});
    CHECK(test.expected == Approx(21.125));
    CHECK(test.p_as_large < 1e-6);
    CHECK(test.p_as_small > 0.999999);
  }
  SECTION("small enough to count: 2 and 2 out of 4") {
    const OverlapTest both = overlap_test({.units = 4, .first = 2, .second = 2, .shared = 2});
    CHECK(both.p_as_large == close_to(1.0 / 6));
    CHECK(both.p_as_small == close_to(1));
    CHECK(both.expected == close_to(1));
    CHECK(both.deviation == close_to(std::sqrt(1.0 / 3)));  // 0, 1, 2 shared with 1/6, 4/6, 1/6
    CHECK(overlap_test({.units = 4, .first = 2, .second = 2, .shared = 0}).p_as_small == close_to(1.0 / 6));
  }
  SECTION("against drawn sets") {
    constexpr Index units = 30;
    Rng rng(5);
    std::vector<Index> deck(units);
    for (Index i = 0; i < units; ++i) deck[static_cast<std::size_t>(i)] = i;
    constexpr int draws = 20000;
    int as_large = 0;
    double sum = 0;
    for (int draw = 0; draw < draws; ++draw) {
      rng.shuffle(std::span(deck));
      int shared = 0;  // of the first 12 in the deck with the units 0..8
      for (std::size_t i = 0; i < 12; ++i) shared += deck[i] < 9 ? 1 : 0;
      sum += shared;
      as_large += shared >= 5 ? 1 : 0;
    }
    const OverlapTest test = overlap_test({.units = units, .first = 9, .second = 12, .shared = 5});
    // Four standard errors of the simulation.
    CHECK(sum / draws == Approx(test.expected).margin(4 * test.deviation / std::sqrt(draws)));
    CHECK(as_large / double{draws} == Approx(test.p_as_large).margin(4 * std::sqrt(0.25 / draws)));
  }
  SECTION("impossible sets") {
    CHECK_THROWS_AS(overlap_test({.units = 4, .first = 3, .second = 3, .shared = 1}), ConfigError);
    CHECK_THROWS_AS(overlap_test({.units = 4, .first = 5, .second = 3, .shared = 3}), ConfigError);
    CHECK(overlap_test({}).p_as_large == 1);
  }
}
