#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <fusiform/analysis/reliability.hpp>
#include <fusiform/analysis/unit_preference.hpp>
#include <fusiform/core/tensor.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

// Effects of units on the images of one task: mean[u], classes that differ, noise. Class sizes 1, 2, 3, 1, ...
struct Table {
  std::vector<Index> labels;
  Tensor<float, Cpu> changes;

  Table(Rng rng, Index classes, Index per_class, const std::vector<double>& mean, double noise) {
    for (Index c = 0; c < classes; ++c)
      for (Index i = 0; i < (per_class > 0 ? per_class : 1 + c % 3); ++i) labels.push_back(10 * (c % 7) + c / 7);
    changes = Tensor<float, Cpu>(Shape{static_cast<Index>(labels.size()), static_cast<Index>(mean.size())});
    for (std::size_t u = 0; u < mean.size(); ++u) {
      std::map<Index, double> center;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto [place, is_new] = center.try_emplace(labels[i], 0.0);
        if (is_new) place->second = noise * rng.normal();
        changes.data()[i * mean.size() + u] =
            mean[u] == 0 ? 0.0F : static_cast<float>(mean[u] + place->second + noise * rng.normal());
      }
    }
  }
  UnitEffectTable table() const { return {changes.view(), labels}; }
};

}  // namespace

TEST_CASE("resampled means of units against a loop over images") {
  const Table data(Rng(1), 9, 0, {1, 0.5, -0.2, 0, 2}, 0.3);
  const HierarchicalBootstrap bootstrap(data.labels, Rng(5));
  const BootstrapOptions options{.replicates = 37};  // not a multiple of the block
  const ResampledUnitMeans means(data.table(), bootstrap, 1, 4, options);
  CHECK(means.unit_count() == 4);
  for (Index place = 0; place < 4; ++place) {
    std::vector<double> column;
    for (std::size_t i = 0; i < data.labels.size(); ++i)
      column.push_back(static_cast<double>(data.changes.data()[i * 5 + 1 + static_cast<std::size_t>(place)]));
    const Resampled expected = resample_mean(bootstrap, column, options, 3);
    const Resampled found = means.unit(place, 3);
    CHECK(found.estimate == expected.estimate);
    CHECK(found.left_out == expected.left_out);
    REQUIRE(found.replicates.size() == 37);
    // A fused multiply-add may round a product of float and weight differently: a few last places.
    for (std::size_t r = 0; r < 37; ++r)
      CHECK(found.replicates[r] == Approx(expected.replicates[r]).epsilon(1e-13).margin(1e-15));
  }
  CHECK_THROWS_AS(ResampledUnitMeans(data.table(), bootstrap, 2, 4, options), ConfigError);
  const HierarchicalBootstrap other(std::span(data.labels).first(4), Rng(5));
  CHECK_THROWS_AS(ResampledUnitMeans(data.table(), other, 0, 1, options), ShapeError);
  UnitEffectTable wrong = data.table();
  wrong.labels = wrong.labels.first(4);
  CHECK_THROWS_AS(wrong.check(), ShapeError);
}

TEST_CASE("task preference") {
  CHECK(task_preference(3, 1) == 0.5);
  CHECK(task_preference(1, 3) == -0.5);
  CHECK(task_preference(0.2, -0.1) == Approx(1));
  CHECK(task_preference(-0.1, 0.2) == Approx(-1));
  CHECK(task_preference(-3, -1) == -0.5);
  CHECK(task_preference(0, 0.4) == -1);
  CHECK(std::isnan(task_preference(0, 0)));
}

TEST_CASE("units that prefer a task are found, dead ones are not tested") {
  // Units 0-4 serve the first task, 5-7 the second, 8-29 both alike, 30 and 31 are dead.
  std::vector<double> on_first(32, 0.5);
  std::vector<double> on_second(32, 0.5);
  for (std::size_t u = 0; u < 5; ++u) on_second[u] = 0.1;
  for (std::size_t u = 5; u < 8; ++u) on_first[u] = 0.05;
  for (std::size_t u = 30; u < 32; ++u) on_first[u] = on_second[u] = 0;
  const Table first(Rng(1), 20, 5, on_first, 0.1);
  const Table second(Rng(2), 25, 4, on_second, 0.1);
  const UnitPreferenceOptions options{.bootstrap = {.replicates = 2000}};
  const UnitPreferences result = unit_preferences(first.table(), second.table(), Rng(3), options);
  REQUIRE(result.units.size() == 32);
  CHECK(result.tested == 30);
  CHECK(result.prefer_first == 5);
  CHECK(result.prefer_second == 3);
  CHECK(result.share == Approx(8.0 / 32));
  CHECK(result.units[0].p == Approx(2.0 / 2001));
  CHECK(result.units[0].adjusted_p == Approx(2.0 / 2001 * 30 / 8));  // eight ties at the smallest p
  CHECK(result.units[0].preference.low > 0.3);
  CHECK(result.units[6].preference.high < -0.3);
  CHECK(result.units[0].preference.estimate ==
        task_preference(result.units[0].first.estimate, result.units[0].second.estimate));
  CHECK(std::isnan(result.units[31].p));
  CHECK(std::isnan(result.units[31].adjusted_p));
  CHECK_FALSE(result.units[31].preference.defined());
  CHECK(result.units[31].first.estimate == 0);

  // Against the bootstrap of one unit at a time.
  const BootstrapOptions bootstrap{.replicates = 2000};
  std::vector<double> column;
  for (std::size_t i = 0; i < second.labels.size(); ++i)
    column.push_back(static_cast<double>(second.changes.data()[i * 32 + 9]));
  const Interval alone = bootstrap_mean(HierarchicalBootstrap(second.labels, Rng(3).stream(1)), column, bootstrap);
  CHECK(result.units[9].second.low == Approx(alone.low).epsilon(1e-12));
  CHECK(result.units[9].second.high == Approx(alone.high).epsilon(1e-12));

  UnitPreferenceOptions bca = options;
  bca.bootstrap.kind = IntervalKind::bca;
  const UnitPreferences accelerated = unit_preferences(first.table(), second.table(), Rng(3), bca);
  CHECK(accelerated.units[9].preference.reason.empty());
  CHECK(accelerated.units[9].preference.low != result.units[9].preference.low);
  CHECK(accelerated.prefer_first == 5);
}

TEST_CASE("few units are called selective where none is") {
  // 300 units, the same effect on both tasks; classes differ. The rate of p < 0.05 is about 0.05 (the intervals err on
  // the wide side), after correction almost none is left.
  const Table first(Rng(5), 30, 10, std::vector<double>(300, 0.3), 0.2);
  const Table second(Rng(6), 30, 10, std::vector<double>(300, 0.3), 0.2);
  const UnitPreferences result =
      unit_preferences(first.table(), second.table(), Rng(3), {.bootstrap = {.replicates = 1000}});
  const auto below = std::count_if(result.units.begin(), result.units.end(), [](const auto& u) { return u.p < 0.05; });
  CHECK(below < 27);  // of 300: 0.05 and three binomial errors
  CHECK(below > 3);
  CHECK(result.prefer_first + result.prefer_second <= 2);
}

TEST_CASE("preferences depend neither on threads nor on the block of units") {
  const Table first(Rng(1), 9, 0, std::vector<double>(21, 0.5), 0.3);
  const Table second(Rng(2), 8, 0, std::vector<double>(21, 0.4), 0.3);
  const auto run = [&](int threads, Index block) {
    const test::ThreadCount scope(threads);
    return unit_preferences(first.table(), second.table(), Rng(1), {.bootstrap = {.replicates = 100}, .block = block});
  };
  const UnitPreferences one = run(1, 512);
  for (const UnitPreferences& other : {run(3, 512), run(2, 5), run(1, 1)}) {
    CHECK(other.share == one.share);
    for (std::size_t u = 0; u < 21; ++u) {
      CHECK(other.units[u].preference.low == one.units[u].preference.low);
      CHECK(other.units[u].preference.deviation == one.units[u].preference.deviation);
      CHECK(other.units[u].adjusted_p == one.units[u].adjusted_p);
    }
  }
  CHECK_THROWS_AS(run(1, 0), ConfigError);
  const Table fewer(Rng(2), 8, 0, std::vector<double>(20, 0.4), 0.3);
  CHECK_THROWS_AS(unit_preferences(first.table(), fewer.table(), Rng(1)), ShapeError);
  const Table no_units(Rng(2), 8, 0, {}, 0.3);
  CHECK(unit_preferences(no_units.table(), no_units.table(), Rng(1)).units.empty());
}

TEST_CASE("halves are stratified and disjoint") {
  std::vector<Index> labels;
  for (Index c = 0; c < 11; ++c)
    for (Index i = 0; i <= c; ++i) labels.push_back(c * 3 % 11);
  const std::vector<std::uint8_t> half = stratified_halves(labels, Rng(1));
  std::map<Index, int> balance;
  int total = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    REQUIRE(half[i] <= 1);
    balance[labels[i]] += half[i] == 0 ? 1 : -1;
    total += half[i] == 0 ? 1 : -1;
  }
  for (const auto& [label, surplus] : balance) CHECK(std::abs(surplus) <= 1);
  CHECK(std::abs(total) <= 1);
  CHECK(stratified_halves(labels, Rng(1)) == half);
  CHECK(stratified_halves(labels, Rng(2)) != half);
  // Each image, the single one of its class too, is in either half half of the time.
  std::vector<int> first(labels.size());
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const std::vector<std::uint8_t> drawn = stratified_halves(labels, Rng(seed));
    for (std::size_t i = 0; i < labels.size(); ++i) first[i] += drawn[i] == 0 ? 1 : 0;
  }
  // Odd images alternate from half 0 on: six of them in all, three each.
  for (const int count : first) CHECK(count == Approx(500).margin(4.5 * std::sqrt(250)));
  CHECK(stratified_halves({}, Rng(1)).empty());
}

TEST_CASE("split-half reliability") {
  CHECK(spearman_brown(0.5) == Approx(2.0 / 3));
  CHECK(spearman_brown(1) == 1);
  CHECK(spearman_brown(0) == 0);
  CHECK(std::isnan(spearman_brown(-1)));
  CHECK(std::isnan(spearman_brown(undefined)));

  std::vector<double> spread;
  for (int u = 0; u < 200; ++u) spread.push_back(0.01 + u * 0.002);
  SECTION("against two halves by hand") {
    const Table data(Rng(1), 12, 0, spread, 0.5);
    const SplitHalfReliability result = split_half_reliability(data.table(), Rng(4), 3);
    REQUIRE(result.correlations.size() == 3);
    const std::vector<std::uint8_t> half = stratified_halves(data.labels, Rng(4).stream(2));
    std::vector<double> means[2];
    for (std::size_t u = 0; u < 200; ++u)
      for (const std::uint8_t side : {std::uint8_t{0}, std::uint8_t{1}}) {
        double sum = 0;
        double count = 0;
        for (std::size_t i = 0; i < half.size(); ++i)
          if (half[i] == side) {
            sum += static_cast<double>(data.changes.data()[i * 200 + u]);
            count += 1;
          }
        means[side].push_back(sum / count);
      }
    CHECK(result.correlations[2] == Approx(spearman_correlation(means[0], means[1])).epsilon(1e-12));
    CHECK(result.correlation == Approx(mean(result.correlations)));
    CHECK(result.reliability == Approx(spearman_brown(result.correlation)));
    const test::ThreadCount one(1);
    CHECK(split_half_reliability(data.table(), Rng(4), 3).correlations == result.correlations);
  }
  SECTION("no noise: 1; no signal: about 0; in between: what theory says") {
    CHECK(split_half_reliability(Table(Rng(1), 10, 4, spread, 0).table(), Rng(4)).reliability == Approx(1));
    // One image per class. 200 units: standard error 1 / sqrt(200), and splits of the same images are not independent.
    const Table noise(Rng(1), 40, 1, std::vector<double>(200, 0.3), 1);
    CHECK(std::fabs(split_half_reliability(noise.table(), Rng(4)).correlation) < 4 / std::sqrt(200));
    // What a class does to a unit is in both halves if the class has images in both: that is signal.
    const Table classes(Rng(1), 10, 4, std::vector<double>(200, 0.3), 1);
    CHECK(split_half_reliability(classes.table(), Rng(4)).correlation > 0.4);
    // Noise variance per half of 20 images, of class and image: 2 sigma² / 20. Signal variance of the spread: 0.4²
    // / 12.
    std::vector<double> many;
    for (int u = 0; u < 2000; ++u) many.push_back(0.01 + u * 0.0002);
    const Table both(Rng(8), 40, 1, many, 0.3);
    const double signal = 0.4 * 0.4 / 12;
    const double expected = signal / (signal + 2 * 0.09 / 20);
    // Rank correlation of near-normal sums is a few hundredths below Pearson's.
    CHECK(split_half_reliability(both.table(), Rng(4)).correlation == Approx(expected).margin(0.06));
  }
  SECTION("undefined") {
    const Table single(Rng(1), 1, 1, spread, 0.5);
    CHECK(std::isnan(split_half_reliability(single.table(), Rng(4)).reliability));
    const Table dead(Rng(1), 5, 2, std::vector<double>(10, 0.0), 0.5);
    CHECK(std::isnan(split_half_reliability(dead.table(), Rng(4)).reliability));
    CHECK_THROWS_AS(split_half_reliability(single.table(), Rng(4), 0), ConfigError);
  }
}
