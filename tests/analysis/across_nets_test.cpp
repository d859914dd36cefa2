#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fusiform/analysis/across_nets.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

using Numbers = std::vector<double>;

struct Trials {
  Numbers effects, errors;
};

// Thirteen trials of the BCG vaccine (Colditz et al. 1994): cases and healthy among the vaccinated and the others; log
// relative risks with their standard errors. The standard worked example of random-effects models.
Trials bcg_trials() {
  const double table[13][4] = {{4, 119, 11, 128},       {6, 300, 29, 274},        {3, 228, 11, 209},
                               {62, 13536, 248, 12619}, {33, 5036, 47, 5761},     {180, 1361, 372, 1079},
                               {8, 2537, 10, 619},      {505, 87886, 499, 87892}, {29, 7470, 45, 7232},
                               {17, 1699, 65, 1600},    {186, 50448, 141, 27197}, {5, 2493, 3, 2338},
                               {27, 16886, 29, 17825}};
  Trials trials;
  for (const auto& [a, b, c, d] : table) {
    trials.effects.push_back(std::log(a / (a + b) / (c / (c + d))));
    trials.errors.push_back(std::sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)));
  }
  return trials;
}

// Restricted likelihood of the between variance, from the density of the data with the mean integrated out.
double restricted_log_likelihood(const Trials& trials, double between) {
  double weights = 0;
  double center = 0;
  double sum = 0;
  for (std::size_t i = 0; i < trials.effects.size(); ++i) {
    const double variance = trials.errors[i] * trials.errors[i] + between;
    weights += 1 / variance;
    center += trials.effects[i] / variance;
    sum -= 0.5 * std::log(variance);
  }
  center /= weights;
  for (std::size_t i = 0; i < trials.effects.size(); ++i)
    sum -= 0.5 * (trials.effects[i] - center) * (trials.effects[i] - center) /
           (trials.errors[i] * trials.errors[i] + between);
  return sum - 0.5 * std::log(weights);
}

}  // namespace

TEST_CASE("random effects: the BCG trials") {
  // R's metafor prints for these data: rma(method = "REML") tau² 0.3132, estimate -0.7145, Q 152.2330; with
  // test = "knha" error 0.1808, t -3.9522, p 0.0019, interval -1.1084 to -0.3206. rma(method = "DL") tau² 0.3088,
  // estimate -0.7141. More digits from a maximisation by SciPy 1.10.1 (good to 1e-8).
  const Trials trials = bcg_trials();
  const RandomEffects reml = random_effects(trials.effects, trials.errors, {.modified = false});
  const auto close = [](double value) { return Approx(value).epsilon(1e-7); };
  CHECK(reml.between_variance == close(0.3132432565));
  CHECK(reml.estimate == close(-0.7145323420));
  CHECK(reml.error == close(0.1807917441));
  CHECK(reml.low == close(-1.1084437135));
  CHECK(reml.high == close(-0.3206209706));
  CHECK(reml.t == close(-3.9522398864));
  CHECK(reml.p == close(0.0019200151));
  CHECK(reml.heterogeneity == Approx(152.2330080824).epsilon(1e-12));
  CHECK(reml.reason.empty());
  const RandomEffects moments =
      random_effects(trials.effects, trials.errors, {.method = BetweenVariance::dersimonian_laird});
  CHECK(moments.between_variance == Approx(0.3087602628623766).epsilon(1e-12));
  CHECK(moments.estimate == Approx(-0.7141172220732271).epsilon(1e-12));
  CHECK(moments.error == Approx(0.18069662833554745).epsilon(1e-12));
  CHECK(moments.low == Approx(-1.10782135416764).epsilon(1e-12));
}

TEST_CASE("the between variance is where the restricted likelihood is largest") {
  Rng rng(7);
  for (int trial = 0; trial < 40; ++trial) {
    Trials trials;
    const auto nets = static_cast<std::size_t>(2 + rng.below(6));
    const double between = trial % 3 == 0 ? 0 : rng.uniform();
    for (std::size_t i = 0; i < nets; ++i) {
      trials.errors.push_back(std::exp(rng.normal()) * 0.2);
      trials.effects.push_back(1 + between * rng.normal() + trials.errors.back() * rng.normal());
    }
    const double found = random_effects(trials.effects, trials.errors).between_variance;
    double best = 0;
    for (double candidate = 0; candidate < 20; candidate += 0.001)
      if (restricted_log_likelihood(trials, candidate) > restricted_log_likelihood(trials, best)) best = candidate;
    CHECK(found == Approx(best).margin(0.001));
    CHECK(restricted_log_likelihood(trials, found) >= restricted_log_likelihood(trials, best) - 1e-12);
  }
}

TEST_CASE("random effects in closed form") {
  SECTION("equal errors: between variance is the variance less that of the errors, the interval Student's") {
    const Numbers values{0.1, 0.5, 0.3, 0.8};
    const double deviation = standard_deviation(values);
    for (const BetweenVariance method : {BetweenVariance::reml, BetweenVariance::dersimonian_laird}) {
      const RandomEffects result = random_effects(values, Numbers(4, 0.1), {.method = method});
      CHECK(result.estimate == Approx(0.425).epsilon(1e-12));
      CHECK(result.between_variance == Approx(deviation * deviation - 0.01).epsilon(1e-9));
      CHECK(result.within_variance == Approx(0.01));
      CHECK(result.error == Approx(deviation / 2).epsilon(1e-9));
      CHECK(result.high == Approx(0.425 + 3.182446305284263 * deviation / 2).epsilon(1e-9));  // t(0.975, 3)
    }
  }
  SECTION("exact estimates: Student's t") {
    const Numbers values{0.1, 0.5, 0.3, 0.8};
    const RandomEffects result = random_effects(values, Numbers(4, 0.0));
    CHECK(result.error == Approx(standard_deviation(values) / 2));
    CHECK(result.p == Approx(student_t_two_sided_p(0.425 / result.error, 3)));
    CHECK(result.within_variance == 0);
  }
  SECTION("nets more alike than their errors: no between variance, and the modified interval does not shrink") {
    const Numbers values{0.50, 0.51, 0.49};
    const RandomEffects modified = random_effects(values, Numbers(3, 0.1));
    const RandomEffects plain = random_effects(values, Numbers(3, 0.1), {.modified = false});
    CHECK(modified.between_variance == 0);
    CHECK(modified.error == Approx(0.1 / std::sqrt(3.0)));
    CHECK(plain.error == Approx(0.01 / std::sqrt(3.0)));
    CHECK(modified.estimate == Approx(0.5));
  }
  SECTION("two nets, equal values") {
    const RandomEffects result = random_effects(Numbers{0.3, 0.3}, Numbers{0.1, 0.2});
    CHECK(result.between_variance == 0);
    CHECK(result.estimate == Approx(0.3));
    CHECK(result.error == Approx(1 / std::sqrt(100.0 + 25)));
  }
}

TEST_CASE("where there is no random effect") {
  CHECK(random_effects(Numbers{}, Numbers{}).reason == "undefined: fewer than two nets");
  CHECK(random_effects(Numbers{1}, Numbers{1}).reason == "undefined: fewer than two nets");
  CHECK(random_effects(Numbers{1, undefined}, Numbers{1, 1}).reason == "undefined in a net");
  CHECK(random_effects(Numbers{1, 2}, Numbers{1, undefined}).reason == "undefined in a net");
  CHECK(random_effects(Numbers{1, 2}, Numbers{1, 0}).reason == "undefined: a net has a standard error of 0");
  CHECK(std::isnan(random_effects(Numbers{1, 2}, Numbers{1, 0}).estimate));
  CHECK(std::isnan(random_effects(Numbers{2, 2}, Numbers{0, 0}).p));
  CHECK_THROWS_AS(random_effects(Numbers{1, 2}, Numbers{1}), ShapeError);
  CHECK_THROWS_AS(random_effects(Numbers{1, 2}, Numbers{1, -1}), ConfigError);
  CHECK_THROWS_AS(random_effects(Numbers{1, 2}, Numbers{1, 1}, {.level = 1}), ConfigError);
}

TEST_CASE("the random-effects interval covers the mean over nets") {
  // Five nets that differ by 0.1, with known errors of 0.03 to 0.15: 500 repetitions, three binomial errors.
  Rng rng(10);
  int covered = 0;
  for (int trial = 0; trial < 500; ++trial) {
    Trials nets;
    for (int i = 0; i < 5; ++i) {
      nets.errors.push_back(0.03 * (i + 1));
      nets.effects.push_back(0.4 + 0.1 * rng.normal() + nets.errors.back() * rng.normal());
    }
    const RandomEffects result = random_effects(nets.effects, nets.errors);
    covered += result.low <= 0.4 && 0.4 <= result.high ? 1 : 0;
  }
  CHECK(covered / 500.0 >= 0.92);
  CHECK(covered / 500.0 <= 0.98);
}

TEST_CASE("signs flipped, all of them") {
  CHECK(sign_flip_p(Numbers{0.3}) == 1);
  CHECK(sign_flip_p(Numbers{0.3, 0.1}) == 0.5);                             // ++ and --, of four
  CHECK(sign_flip_p(Numbers{0.1, 0.2, 0.3}) == 0.25);                       // 2 of 8
  CHECK(sign_flip_p(Numbers{0.1, 0.2, -0.3}) == 1);                         // sum 0
  CHECK(sign_flip_p(Numbers{0.3, 0.2, -0.1}) == 0.5);                       // |sum| 0.4: ±(+++), ±(++-)
  CHECK(sign_flip_p(Numbers{0.1, 0.1, 0.1, 0.1, 0.1, -0.1}) == 14.0 / 64);  // ties by binomials: 2 (1 + 6)
  CHECK(sign_flip_p(Numbers{0, 0, 0}) == 1);
  CHECK(std::isnan(sign_flip_p(Numbers{})));
  CHECK(std::isnan(sign_flip_p(Numbers{1, undefined})));
  CHECK(sign_flip_p(Numbers(20, 0.3)) == Approx(std::ldexp(2.0, -20)));
  CHECK_THROWS_AS(sign_flip_p(Numbers(21, 0.3)), ConfigError);
  // Uniform under symmetry: with 5 values 16 p-values, k/16.
  Rng rng(2);
  std::vector<int> counts(16);
  for (int trial = 0; trial < 800; ++trial) {
    Numbers values;
    for (int i = 0; i < 5; ++i) values.push_back(rng.normal() * (i + 1));
    ++counts.at(static_cast<std::size_t>(std::lround(16 * sign_flip_p(values))) - 1);
  }
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 50.0) * (count - 50.0) / 50;
  CHECK(chi_square < 37.7);  // 15 degrees of freedom, p = 0.001
}

TEST_CASE("one measure over several nets") {
  const std::vector<Interval> nets{{.estimate = 0.4, .deviation = 0.05},
                                   {.estimate = undefined, .deviation = undefined},
                                   {.estimate = 0.2, .deviation = 0.1},
                                   {.estimate = 0.3, .deviation = 0.07}};
  const AcrossNets result = across_nets(nets);
  CHECK(result.nets == 3);
  CHECK(result.undefined_nets == 1);
  CHECK(result.mean == Approx(0.3));
  CHECK(result.deviation == Approx(0.1));
  CHECK(result.sign_flip_p == 0.25);
  const RandomEffects mixed = random_effects(Numbers{0.4, 0.2, 0.3}, Numbers{0.05, 0.1, 0.07});
  CHECK(result.mixed.estimate == mixed.estimate);
  CHECK(result.mixed.p == mixed.p);
  const AcrossNets single = across_nets(std::span(nets).first(1));
  CHECK(single.mean == 0.4);
  CHECK(std::isnan(single.deviation));
  CHECK(std::isnan(single.mixed.low));
  CHECK(across_nets({}).nets == 0);
}

TEST_CASE("nets on top of the hierarchical bootstrap") {
  // Each net: mean m, replicates m + a shared part + a part of its own, both normal. Deviations in closed form.
  constexpr std::size_t replicates = 20'000;
  constexpr std::size_t count = 8;
  Rng rng(3);
  Numbers shared(replicates);
  for (double& value : shared) value = 0.3 * rng.normal();
  std::vector<Resampled> nets(count);
  Numbers means;
  for (Resampled& net : nets) {
    net.estimate = rng.normal();
    means.push_back(net.estimate);
    for (std::size_t r = 0; r < replicates; ++r)
      net.replicates.push_back(net.estimate + shared[r] + 0.5 * rng.normal());
  }
  const double n = count;
  const double between = standard_deviation(means) * standard_deviation(means) * (n - 1) / n / n;
  // The part of its own counts as often as the net was drawn: sum of squared counts / n² is (2 - 1/n) / n on average.
  const Resampled together = resample_nets(nets, Rng(1));
  CHECK(together.estimate == Approx(mean(means)));
  const double expected = std::sqrt(between + 0.09 + 0.25 * (2 - 1 / n) / n);
  CHECK(standard_deviation(together.replicates) == Approx(expected).epsilon(0.02));  // 20,000 replicates: 0.5 %
  const Resampled apart = resample_nets(nets, Rng(1), NetImages::separate);
  CHECK(standard_deviation(apart.replicates) == Approx(std::sqrt(between + 0.34 / n)).epsilon(0.02));

  REQUIRE(together.left_out.at(0).size() == count);
  CHECK(together.left_out.at(0)[2] == Approx((mean(means) * n - means[2]) / (n - 1)));
  CHECK(confidence_interval(together, {.kind = IntervalKind::bca}).reason.empty());
  CHECK(resample_nets(nets, Rng(1)).replicates == together.replicates);
  CHECK(resample_nets(nets, Rng(2)).replicates != together.replicates);

  const Resampled single = resample_nets(std::span(nets).first(1), Rng(1));
  CHECK_FALSE(confidence_interval(single).defined());
  CHECK(std::isnan(resample_nets({}, Rng(1)).estimate));
  nets[1].replicates.pop_back();
  CHECK_THROWS_AS(resample_nets(nets, Rng(1)), ShapeError);
}
