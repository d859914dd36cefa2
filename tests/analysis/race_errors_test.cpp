/// How often races select other units than all evaluations would, and what they save.

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tests/analysis/made_up_effects.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEST_CASE("races select wrongly no more often than they may, and evaluate less") {
  const auto [name, setup, most] = GENERATE(table<std::string, RaceSetup, double>({
      {"Gaussian", {}, 0.4},
      {"Gaussian, small gaps", {.spread = 0.01}, 0.8},
      {"Gaussian, difficult images", {.shared_difficulty = true}, 0.4},
      {"heavy-tailed", {.kind = Noise::heavy_tailed}, 0.4},
      {"heavy-tailed, difficult images", {.kind = Noise::heavy_tailed, .shared_difficulty = true}, 0.45},
      {"effects on few images", {.kind = Noise::rare}, 0.4},
      {"many dead units", {.dead = 30}, 0.6},
  }));
  const Tally tally = run_races(setup, 100, {.delta = 0.05, .audit = 0});
  INFO(name << ": " << tally.wrong << " wrong, " << tally.evaluated << " of the evaluations");
  CHECK(tally.wrong <= 13);  // of 100 at 0.05 each: more have probability 0.0005
  CHECK(tally.evaluated < most);
}

TEST_CASE("the confidence asked for is what keeps selections right") {
  const RaceSetup close{.spread = 0.02};
  const Tally careful = run_races(close, 100, {.delta = 0.01, .audit = 0});
  const Tally careless = run_races(close, 100, {.delta = 0.999, .audit = 0}, 1);
  CHECK(careful.wrong <= 5);  // at 0.01: more have probability 0.0005
  CHECK(careless.wrong > 5);
}

TEST_CASE("with an indifference zone races end sooner, and lose less than it") {
  const RaceSetup close{.images = 3000, .spread = 0.01, .noise = 0.1};
  double strict_share = 0;
  double share = 0;
  Index beyond = 0;
  Index other = 0;
  const double epsilon = 0.01;
  for (std::uint64_t r = 0; r < 40; ++r) {
    const EffectTable table = made_up_effects(close, Rng(21).stream(r));
    auto strict = table.lesions<double>();
    auto lesions = table.lesions<double>();
    (void)race(strict, all_units(table), 4, {.delta = 0.05, .audit = 0});
    const std::vector<Index> units =
        race(lesions, all_units(table), 4, {.delta = 0.05, .epsilon = epsilon, .audit = 0}).selection.units;
    strict_share += static_cast<double>(strict.evaluations);
    share += static_cast<double>(lesions.evaluations);
    double worst = std::numeric_limits<double>::infinity();
    for (const Index unit : units) worst = std::min(worst, table.mean(unit));
    other += sorted(units) == table.best(4) ? 0 : 1;
    for (const Index unit : all_units(table))
      if (std::find(units.begin(), units.end(), unit) == units.end())
        beyond += table.mean(unit) > worst + epsilon ? 1 : 0;
  }
  CHECK(share < 0.85 * strict_share);
  CHECK(other > 2);    // it does select other units
  CHECK(beyond <= 2);  // of 40 races at 0.05
}

TEST_CASE("what an iteration saw makes the next one cheaper, and no less right") {
  // Effects change from iteration to iteration by a few per cent, as they do when the base grows.
  Index wrong = 0;
  Index with = 0;
  Index without = 0;
  const Index iterations = 4;
  for (std::uint64_t r = 0; r < 30; ++r) {
    EffectTable table = made_up_effects({.spread = 0.03, .kind = Noise::heavy_tailed}, Rng(31).stream(r));
    RaceMemory<double> memory;
    for (Index t = 0; t < iterations; ++t) {
      auto lesions = table.lesions<double>();
      auto forgetful = table.lesions<double>();
      const RacingOptions options{.delta = 0.05, .audit = 0};
      const RankingIteration found = Race<double>(lesions, {{}, all_units(table), 4}, options, memory).run();
      (void)race(forgetful, all_units(table), 4, options);
      wrong += sorted(found.selection.units) == table.best(4) ? 0 : 1;
      if (t > 0) with += lesions.evaluations;
      if (t > 0) without += forgetful.evaluations;
      const EffectTable fresh = made_up_effects({.spread = 0.03, .kind = Noise::heavy_tailed},
                                                Rng(37).stream(r).stream(static_cast<std::uint64_t>(t)));
      for (std::size_t u = 0; u < table.effects.size(); ++u)
        for (std::size_t i = 0; i < table.base.size(); ++i)
          table.effects[u][i] = 0.97 * table.effects[u][i] + 0.24 * fresh.effects[u][i];
    }
  }
  CHECK(wrong <= 14);  // of 120 at 0.05 each: more have probability 0.001
  CHECK(static_cast<double>(with) < 0.85 * static_cast<double>(without));
}
