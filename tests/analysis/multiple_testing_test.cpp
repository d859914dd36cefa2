#include <algorithm>
#include <cmath>
#include <vector>

#include <fusiform/analysis/multiple_testing.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/random.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

using Numbers = std::vector<double>;

// A few products and quotients of doubles.
void check_close(const Numbers& found, const Numbers& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    if (std::isnan(expected[i])) {
      CHECK(std::isnan(found[i]));
    } else {
      CHECK(found[i] == Approx(expected[i]).epsilon(1e-12));
    }
  }
}

// The definition, in quadratic time: min over thresholds p(j) >= p(i) of c · m · p(j) / #{p <= p(j)}.
Numbers step_up_by_definition(const Numbers& p, double factor) {
  Numbers adjusted;
  for (const double mine : p) {
    double smallest = 1;
    for (const double threshold : p) {
      double below = 0;
      for (const double other : p) below += other <= threshold ? 1 : 0;
      if (threshold >= mine) smallest = std::min(smallest, factor * static_cast<double>(p.size()) * threshold / below);
    }
    adjusted.push_back(smallest);
  }
  return adjusted;
}

}  // namespace

TEST_CASE("corrected p-values, worked by hand") {
  const Numbers p{0.04, 0.01, 0.02, 0.025};
  // 4 x .01, 3 x .02, then never below its predecessor.
  check_close(holm_correction(p), {0.06, 0.04, 0.06, 0.06});
  // 4/1 x .01, 4/2 x .02, 4/3 x .025, 4/4 x .04: from the largest down, never above the one before.
  check_close(benjamini_hochberg(p), {0.04, 0.1 / 3, 0.1 / 3, 0.1 / 3});
  const double harmonic = 1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4;
  check_close(benjamini_yekutieli(p), {0.04 * harmonic, 0.1 / 3 * harmonic, 0.1 / 3 * harmonic, 0.1 / 3 * harmonic});
  check_close(holm_correction(Numbers{0.7, 0.8}), {1, 1});
  check_close(benjamini_hochberg(Numbers{0.7, 0.8}), {0.8, 0.8});
  check_close(benjamini_yekutieli(Numbers{0.7, 0.8}), {1, 1});
  check_close(benjamini_hochberg(Numbers{}), {});
  check_close(holm_correction(Numbers{0.3}), {0.3});
}

TEST_CASE("the fifteen p-values of Benjamini and Hochberg") {
  // Benjamini & Hochberg 1995, section 4: at 0.05 their procedure rejects four hypotheses, Hochberg's and Holm's three.
  const Numbers p{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                  0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
  const auto rejected = [](const Numbers& adjusted) {
    return std::count_if(adjusted.begin(), adjusted.end(), [](double q) { return q <= 0.05; });
  };
  CHECK(rejected(benjamini_hochberg(p)) == 4);
  CHECK(rejected(holm_correction(p)) == 3);
  CHECK(benjamini_hochberg(p)[3] == Approx(15 * 0.0095 / 4).epsilon(1e-12));
}

TEST_CASE("corrections against their definition, with ties and any order") {
  Rng rng(3);
  for (const Index count : {1, 2, 17, 60}) {
    Numbers p;
    for (Index i = 0; i < count; ++i) p.push_back(static_cast<double>(rng.below(25)) / 24);  // many ties, 0 and 1
    double harmonic = 0;
    for (Index i = 1; i <= count; ++i) harmonic += 1 / static_cast<double>(i);
    check_close(benjamini_hochberg(p), step_up_by_definition(p, 1));
    check_close(benjamini_yekutieli(p), step_up_by_definition(p, harmonic));
  }
}

TEST_CASE("p-values that are not numbers neither change nor count") {
  const Numbers p{undefined, 0.04, 0.01, undefined, 0.02, 0.025};
  check_close(holm_correction(p), {undefined, 0.06, 0.04, undefined, 0.06, 0.06});
  check_close(benjamini_hochberg(p), {undefined, 0.04, 0.1 / 3, undefined, 0.1 / 3, 0.1 / 3});
  CHECK(benjamini_yekutieli(p)[1] == Approx(0.04 * 25 / 12).epsilon(1e-12));
  check_close(holm_correction(Numbers{undefined}), {undefined});
  CHECK_THROWS_AS(holm_correction(Numbers{0.1, 1.5}), ConfigError);
  CHECK_THROWS_AS(benjamini_hochberg(Numbers{-0.1}), ConfigError);
}
