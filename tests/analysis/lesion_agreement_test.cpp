/// Rank correlations of shortcuts with the effects of lesions.

#include <cmath>
#include <vector>

#include <fusiform/analysis/lesion_agreement.hpp>
#include <fusiform/core/random.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

TEST_CASE("agreement with lesions: perfect, reversed, none, and units without a value") {
  std::vector<double> effects(200);
  Rng rng(1);
  for (double& effect : effects) effect = rng.normal();
  Shortcut same{"same", effects}, reversed{"reversed", effects}, noise{"noise", effects};
  for (double& value : same.values) value = std::exp(value);
  for (double& value : reversed.values) value = -value;
  for (double& value : noise.values) value = rng.normal();
  const std::vector<Shortcut> shortcuts{same, reversed, noise};
  const BootstrapOptions options{.replicates = 500};
  const auto agreements = compare_with_lesions(effects, shortcuts, Rng(2), options);
  REQUIRE(agreements.size() == 3);
  CHECK(agreements[0].shortcut == "same");
  CHECK(agreements[0].units == 200);
  CHECK(agreements[0].spearman.estimate == Approx(1));
  CHECK(agreements[0].spearman.low == Approx(1));
  CHECK(agreements[0].kendall == Approx(1));
  CHECK(agreements[1].spearman.estimate == Approx(-1));
  CHECK(agreements[1].kendall == Approx(-1));
  // The interval of nothing: about ±1.96 / sqrt(199), around the estimate.
  const Interval& interval = agreements[2].spearman;
  CHECK(interval.contains(interval.estimate));
  CHECK(interval.high - interval.low == Approx(2 * 1.96 / std::sqrt(199.0)).epsilon(0.25));
  CHECK(interval.deviation == Approx(1 / std::sqrt(199.0)).epsilon(0.25));

  Shortcut partly = same;
  partly.values[7] = undefined;
  std::vector<double> missing = effects;
  missing[9] = undefined;
  const LesionAgreement agreement = compare_with_lesions(missing, partly, Rng(2), options);
  CHECK(agreement.units == 198);
  CHECK(agreement.spearman.estimate == Approx(1));
  const LesionAgreement constant =
      compare_with_lesions(effects, {"constant", std::vector<double>(200, 3.0)}, Rng(2), options);
  CHECK(std::isnan(constant.spearman.estimate));
  CHECK_FALSE(constant.spearman.defined());
  CHECK_FALSE(compare_with_lesions({}, Shortcut{"empty", {}}, Rng(2), options).spearman.defined());
  CHECK_THROWS_AS(compare_with_lesions(effects, {"short", {1, 2}}, Rng(2), options), ShapeError);
  CHECK_THROWS_AS(compare_with_lesions(effects, same, Rng(2), {.replicates = 0}), ConfigError);
}

TEST_CASE("agreements have the same bits for any number of threads") {
  Rng rng(1);
  std::vector<double> effects(150);
  Shortcut shortcut{"noisy", std::vector<double>(150)};
  for (std::size_t unit = 0; unit < effects.size(); ++unit) {
    effects[unit] = rng.normal();
    shortcut.values[unit] = effects[unit] + rng.normal();
  }
  const auto run = [&](int threads) {
    const test::ThreadCount count(threads);
    const Interval interval = compare_with_lesions(effects, shortcut, Rng(2), {.replicates = 100}).spearman;
    return std::vector<double>{interval.low, interval.high, interval.deviation};
  };
  CHECK(run(1) == run(3));
}
