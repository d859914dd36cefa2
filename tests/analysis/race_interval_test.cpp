/// Upper limits of means over a list from its first images, and of rates from counts.

#include <cmath>
#include <vector>

#include <fusiform/analysis/binomial_limit.hpp>
#include <fusiform/analysis/race_interval.hpp>
#include <fusiform/core/random.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

Moments moments_of(const std::vector<double>& values, Index count) {
  return moments(count, [&](Index i) { return values[static_cast<std::size_t>(i)]; });
}

/// How often the mean of a list lies above the limit from its first images; the list is drawn anew each time.
double failure_rate(bool corrected, Index sample, Index list) {
  const double risk = 0.01;
  const UpperLimit limit(risk, sample, list);
  Index failed = 0;
  const Index trials = 20'000;
  for (Index t = 0; t < trials; ++t) {
    Rng rng = Rng(5).stream(static_cast<std::uint64_t>(t));
    std::vector<double> values;
    double mean = 0;
    for (Index i = 0; i < list; ++i) {
      values.push_back(-std::log(1 - rng.uniform()));  // exponential: skewness 2
      mean += values.back() / static_cast<double>(list);
    }
    Moments first = moments_of(values, sample);
    if (!corrected) first.skewness = 0;
    failed += mean > first.mean + limit.reach(first) ? 1 : 0;
  }
  return static_cast<double>(failed) / static_cast<double>(trials);
}

/// P(at most `events` of `trials`) at rate p, term by term.
double binomial_cdf(Index events, Index trials, double p) {
  const auto n = static_cast<double>(trials);
  double sum = 0;
  for (Index i = 0; i <= events; ++i) {
    const auto k = static_cast<double>(i);
    sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                    (n - k) * std::log1p(-p));
  }
  return sum;
}

}  // namespace

TEST_CASE("moments of a few numbers") {
  const Moments found = moments_of({1, 2, 3, 10, 99}, 4);
  CHECK(found.mean == 4);
  CHECK(found.deviation == Approx(std::sqrt(50.0 / 3)));
  CHECK(found.skewness == Approx((-27 - 8 - 1 + 216) / 4.0 / std::pow(50.0 / 3, 1.5)));
  CHECK(moments_of({7}, 1).deviation == 0);
  CHECK(moments_of({7, 7, 7}, 3).skewness == 0);
}

TEST_CASE("the limit is Student's for a list without end, and nothing is open at its end") {
  const Moments symmetric{.mean = 0, .deviation = 3, .skewness = 0};
  // The 97.5 % quantile of Student's t with 127 degrees of freedom, from R's qt.
  CHECK(UpperLimit(0.025, 128, Index{1} << 50U).reach(symmetric) == Approx(1.978820 * 3 / std::sqrt(128.0)));
  CHECK(UpperLimit(0.025, 128, 256).reach(symmetric) == Approx(1.978820 * 3 / std::sqrt(128.0) * std::sqrt(0.5)));
  CHECK(UpperLimit(0.025, 128, 128).reach(symmetric) == 0);
  CHECK(UpperLimit(0.5, 128, 256).reach(symmetric) == Approx(0).margin(1e-12));
  const Moments left{.mean = 0, .deviation = 3, .skewness = -2};
  CHECK(UpperLimit(0.025, 128, 256).reach(left) == UpperLimit(0.025, 128, 256).reach(symmetric));
  CHECK_THROWS_AS(UpperLimit(0, 128, 256), ConfigError);
  CHECK_THROWS_AS(UpperLimit(0.6, 128, 256), ConfigError);
  CHECK_THROWS_AS(UpperLimit(0.1, 1, 256), ConfigError);
}

TEST_CASE("limits of skewed values fail about as often as they may, because of the correction") {
  // 20,000 trials: the standard error of a rate of 0.01 is 0.0007. The correction is of first order.
  const double corrected = failure_rate(true, 128, 2000);
  CHECK(corrected < 0.014);
  CHECK(corrected > 0.008);
  CHECK(failure_rate(false, 128, 2000) > 0.02);
  CHECK(failure_rate(true, 192, 256) < 0.014);
}

TEST_CASE("with an earlier quantity the limit is that of sampling in two phases") {
  const UpperLimit limit(0.01, 100, 1000);
  const Moments value{.mean = 0, .deviation = 2, .skewness = 0};
  const Moments change{.mean = 0, .deviation = 0.5, .skewness = 0};
  const Moments nothing{};
  // Known on the whole list: only the change is open. Known no further than the sample: as if it were not known.
  CHECK(limit.reach(change, value, 1000) == Approx(limit.reach(change)));
  CHECK(limit.reach(change, value, 100) == Approx(limit.reach(value)));
  // An earlier quantity that is the same now: all images of its sample count.
  CHECK(limit.reach(nothing, value, 400) ==
        Approx(limit.reach(value) / std::sqrt(1.0 / 100 - 1.0 / 1000) * std::sqrt(1.0 / 400 - 1.0 / 1000)));
  const double squares = std::pow(limit.reach(change, nothing, 400), 2) + std::pow(limit.reach(nothing, value, 400), 2);
  CHECK(std::pow(limit.reach(change, value, 400), 2) == Approx(squares));
}

TEST_CASE("the rate of rare events has the limit of Clopper and Pearson") {
  CHECK(binomial_upper_limit(0, 100) == Approx(1 - std::pow(0.05, 0.01)));
  CHECK(binomial_upper_limit(0, 0) == 1);
  CHECK(binomial_upper_limit(7, 7) == 1);
  for (const double level : {0.5, 0.95, 0.999})
    for (const Index trials : {1, 10, 130})
      for (Index events = 0; events < trials; events += 3) {
        CAPTURE(level, trials, events);
        CHECK(binomial_cdf(events, trials, binomial_upper_limit(events, trials, level)) ==
              Approx(1 - level).epsilon(1e-8));
      }
  CHECK_THROWS_AS(binomial_upper_limit(-1, 3), ConfigError);
  CHECK_THROWS_AS(binomial_upper_limit(4, 3), ConfigError);
  CHECK_THROWS_AS(binomial_upper_limit(0, -1), ConfigError);
  CHECK_THROWS_AS(binomial_upper_limit(1, 3, 1), ConfigError);
}
