#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

using Numbers = std::vector<double>;

// Multiples of 1/8: sums are exact in any order, so that a replicate either equals the estimate or does not.
const Numbers first_sample{0.25, 1.75, 0.5, 3.0, 1.0, 8.5, 0.125, 2.25, 1.25, 0.625};
const Numbers second_sample{5.0, 4.125, 9.75, 4.5, 6.0, 5.25, 20.5};

// Resamples that any program can repeat: a linear congruential generator (Knuth's MMIX), upper 31 bits.
class Draws {
 public:
  explicit Draws(std::uint64_t state) : state_(state) {}
  double from(const Numbers& values) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return values[(state_ >> 33U) % values.size()];
  }
  double mean_of(const Numbers& values) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += from(values);
    return sum / static_cast<double>(values.size());
  }

 private:
  std::uint64_t state_;
};

double mean_without(const Numbers& values, std::size_t left_out) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += i == left_out ? 0 : values[i];
  return sum / static_cast<double>(values.size() - 1);
}

// Moves both percentages by the published formula, written out; its quantile is found by counting.
Interval slow_bca(double estimate, Numbers replicates, const Numbers& left_out, double level) {
  std::sort(replicates.begin(), replicates.end());
  const auto count = static_cast<double>(replicates.size());
  const auto below = std::lower_bound(replicates.begin(), replicates.end(), estimate) - replicates.begin();
  const auto not_above = std::upper_bound(replicates.begin(), replicates.end(), estimate) - replicates.begin();
  const auto quantile_by_bisection = [](double p) {
    double low = -40;
    double high = 40;
    for (int i = 0; i < 200; ++i)
      (std::erfc(-(low + high) / 2 / std::sqrt(2.0)) / 2 < p ? low : high) = (low + high) / 2;
    return low;
  };
  const double z0 = quantile_by_bisection(static_cast<double>(below + not_above) / 2 / count);
  double center = 0;
  for (const double value : left_out) center += value / static_cast<double>(left_out.size());
  double cubes = 0;
  double squares = 0;
  for (const double value : left_out) {
    cubes += std::pow(center - value, 3);
    squares += std::pow(center - value, 2);
  }
  const double a = cubes / (6 * std::pow(squares, 1.5));
  const auto end = [&](double share) {
    const double z = z0 + quantile_by_bisection(share);
    const double position = (count - 1) * std::erfc(-(z0 + z / (1 - a * z)) / std::sqrt(2.0)) / 2;
    const auto i = static_cast<std::size_t>(position);
    return replicates[i] + (position - std::floor(position)) * (replicates[i + 1] - replicates[i]);
  };
  return {.estimate = estimate, .low = end((1 - level) / 2), .high = end((1 + level) / 2)};
}

}  // namespace

TEST_CASE("BCa intervals agree with SciPy's") {
  // scipy.stats.bootstrap, SciPy 1.10.1, method 'BCa', given the same 999 resamples as its bootstrap distribution.
  constexpr int replicates = 999;
  SECTION("the mean of a skewed sample") {
    Draws draws(12345);
    Numbers means;
    for (int r = 0; r < replicates; ++r) means.push_back(draws.mean_of(first_sample));
    Numbers without;
    for (std::size_t i = 0; i < first_sample.size(); ++i) without.push_back(mean_without(first_sample, i));
    const std::vector<Numbers> samples{without};
    const Interval interval = bca_interval(mean(first_sample), means, samples);
    CHECK(interval.low == Approx(0.9386873106175759).epsilon(1e-12));
    CHECK(interval.high == Approx(4.273502649906989).epsilon(1e-10));
    CHECK(interval.reason.empty());
    CHECK(bca_interval(mean(first_sample), means, samples, 0.9).low == Approx(1.05).epsilon(1e-12));
    CHECK(bca_interval(mean(first_sample), means, samples, 0.9).high == Approx(3.875).epsilon(1e-10));
    // The percentile interval lies lower: the sample is skewed to the right.
    CHECK(percentile_interval(mean(first_sample), means).high < 0.95 * interval.high);
  }
  SECTION("the ratio of the means of two samples") {
    Draws draws(99);
    Numbers ratios;
    for (int r = 0; r < replicates; ++r) {
      const double above = draws.mean_of(first_sample);
      ratios.push_back(above / draws.mean_of(second_sample));
    }
    std::vector<Numbers> without(2);
    for (std::size_t i = 0; i < first_sample.size(); ++i)
      without[0].push_back(mean_without(first_sample, i) / mean(second_sample));
    for (std::size_t i = 0; i < second_sample.size(); ++i)
      without[1].push_back(mean(first_sample) / mean_without(second_sample, i));
    const Interval interval = bca_interval(mean(first_sample) / mean(second_sample), ratios, without);
    CHECK(interval.low == Approx(0.09040501256768574).epsilon(1e-10));
    CHECK(interval.high == Approx(0.5687243780557817).epsilon(1e-10));
  }
}

TEST_CASE("a BCa interval of a hierarchical mean against its formula") {
  Rng rng(8);
  std::vector<Index> labels;
  Numbers values;
  for (Index c = 0; c < 9; ++c) {
    const double center = std::exp(rng.normal());  // skewed over classes
    for (Index i = 0; i <= c % 4; ++i) {
      labels.push_back(20 - c);
      values.push_back(center + 0.3 * rng.normal());
    }
  }
  const HierarchicalBootstrap bootstrap(labels, Rng(2));
  const BootstrapOptions options{.replicates = 800, .level = 0.9, .kind = IntervalKind::bca};
  const Resampled resampled = resample_mean(bootstrap, values, options, 5);
  Numbers without;  // classes 12..20: ascending by label
  for (Index left_out = 12; left_out <= 20; ++left_out) {
    double sum = 0;
    double count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += labels[i] == left_out ? 0 : values[i];
      count += labels[i] == left_out ? 0 : 1;
    }
    without.push_back(sum / count);
  }
  REQUIRE(resampled.left_out.at(5).size() == 9);
  for (std::size_t c = 0; c < 9; ++c) CHECK(resampled.left_out.at(5)[c] == Approx(without[c]).epsilon(1e-13));
  const Interval found = confidence_interval(resampled, options);
  const Interval expected = slow_bca(mean(values), resampled.replicates, without, 0.9);
  CHECK(found.low == Approx(expected.low).epsilon(1e-10));
  CHECK(found.high == Approx(expected.high).epsilon(1e-10));
  CHECK(found.high > percentile_interval(mean(values), resampled.replicates, 0.9).high);
  const Interval direct = bootstrap_mean(bootstrap, values, options);
  CHECK(direct.low == found.low);
  CHECK(direct.high == found.high);
}

TEST_CASE("where BCa does not exist, the interval says so and is the percentile one") {
  const std::vector<Numbers> jackknife{{1, 2, 4}};
  const Numbers replicates{1, 2, 3, 4, 5};
  const auto check = [](const Interval& interval, const std::string& reason, double low, double high) {
    CHECK(interval.reason == reason);
    CHECK(interval.low == Approx(low));
    CHECK(interval.high == Approx(high));
  };
  check(bca_interval(2, Numbers{2, 2, 2}, jackknife), "percentile interval: all replicates are equal", 2, 2);
  check(bca_interval(9, replicates, jackknife, 0.5),
        "percentile interval: all replicates lie on one side of the estimate", 2, 4);
  check(bca_interval(3, replicates, {}, 0.5), "percentile interval: undefined with a class left out", 2, 4);
  check(bca_interval(3, replicates, std::vector<Numbers>{{1}}, 0.5),
        "percentile interval: undefined with a class left out", 2, 4);
  check(bca_interval(3, replicates, std::vector<Numbers>{{1, 2, undefined}}, 0.5),
        "percentile interval: undefined with a class left out", 2, 4);
  // One of 4,000 classes carries all, which is as skewed as a sample can be: a = 1/6, so the pole is at a normal score
  // of 6, beyond any level but one this close to 1.
  std::vector<Numbers> one_class{Numbers(4000, 0.0)};
  one_class[0][7] = -1;
  CHECK(jackknife_acceleration(one_class) == Approx(1 / 6.0).epsilon(1e-3));
  check(bca_interval(3, replicates, one_class, 1 - 1e-11), "percentile interval: the acceleration is too large", 1, 5);
  CHECK_FALSE(bca_interval(3, Numbers{1, undefined}, jackknife).defined());
  CHECK(bca_interval(3, Numbers{1, undefined}, jackknife).reason == "undefined in a replicate");
  CHECK(bca_interval(3, {}, jackknife).reason == "undefined: no replicates");
  CHECK_FALSE(bca_interval(undefined, replicates, jackknife).defined());
  CHECK_THROWS_AS(bca_interval(3, replicates, jackknife, 0), ConfigError);
  // No skewness, no bias: exactly the percentile interval, and nothing to say.
  check(bca_interval(3, replicates, std::vector<Numbers>{{1, 2, 3}}, 0.5), "", 2, 4);
  check(bca_interval(3, replicates, std::vector<Numbers>{{2, 2, 2}}, 0.5), "", 2, 4);
}

TEST_CASE("p-values are where the interval of their kind ends") {
  Rng rng(4);
  Resampled number{.estimate = 0.8, .left_out = {{0, {0.5, 0.9, 0.8, 0.7, 1.6}}}};
  for (int r = 0; r < 3999; ++r) number.replicates.push_back(0.75 + 0.5 * rng.normal() + 0.1 * rng.uniform());
  for (const IntervalKind kind : {IntervalKind::percentile, IntervalKind::bca}) {
    const double p = two_sided_p(number, {.kind = kind});
    CHECK(p > 0.01);
    CHECK(p < 0.5);
    // An interval a little narrower than 1 - p leaves 0 out, one a little wider takes it in; two replicates of 4,000.
    CHECK_FALSE(confidence_interval(number, {.level = 1 - p - 0.002, .kind = kind}).contains(0));
    CHECK(confidence_interval(number, {.level = 1 - p + 0.002, .kind = kind}).contains(0));
  }
  for (double& replicate : number.replicates) replicate = std::fabs(replicate) + 0.01;
  // The skewness moves 0 in from the edge of the replicates.
  CHECK(two_sided_p(number, {.kind = IntervalKind::bca}) > 2.0 / 4000);
  CHECK(two_sided_p(number, {.kind = IntervalKind::bca}) < 0.02);
  CHECK(two_sided_p(number) == Approx(2.0 / 4000));
  number.estimate = undefined;
  CHECK(std::isnan(two_sided_p(number)));
  CHECK(std::isnan(two_sided_p(number, {.kind = IntervalKind::bca})));
}

TEST_CASE("numbers of the same sample are paired, of others independent") {
  const Resampled a{.estimate = 5, .replicates = {4, 6}, .left_out = {{0, {1, 2, 3}}}};
  const Resampled b{.estimate = 1, .replicates = {1, 2}, .left_out = {{0, {7, 8, 9}}}};
  const Resampled c{.estimate = 2, .replicates = {0, 4}, .left_out = {{3, {10, 20}}}};
  const Resampled paired = difference(a, b);
  CHECK(paired.estimate == 4);
  CHECK(paired.replicates == Numbers{3, 4});
  CHECK(paired.left_out.size() == 1);
  CHECK(paired.left_out.at(0) == Numbers{-6, -6, -6});
  const Resampled apart = difference(a, c);
  CHECK(apart.replicates == Numbers{4, 2});
  CHECK(apart.left_out.at(0) == Numbers{-1, 0, 1});  // c stays at its estimate
  CHECK(apart.left_out.at(3) == Numbers{-5, -15});   // a stays at its estimate
  CHECK(mean(std::vector{a, b, c}).replicates == Numbers{5.0 / 3, 4});
  Resampled other = b;
  other.replicates.pop_back();
  CHECK_THROWS_AS(difference(a, other), ShapeError);
  other = b;
  other.left_out.at(0).pop_back();
  CHECK_THROWS_AS(difference(a, other), ShapeError);
  CHECK_THROWS_AS(check_options({.replicates = 0}), ConfigError);
  CHECK_THROWS_AS(check_options({.level = 1}), ConfigError);
}
