/// Races against exact selections from the whole table.

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tests/analysis/made_up_effects.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Every unit's exact mean loss, summed image by image.
std::vector<double> exact_losses(const EffectTable& table) {
  std::vector<double> losses;
  for (const std::vector<double>& effects : table.effects) {
    double sum = 0;
    for (std::size_t i = 0; i < effects.size(); ++i) sum += table.base[i] + effects[i];
    losses.push_back(sum / static_cast<double>(table.images));
  }
  return losses;
}

/// A seed at which a race of almost no confidence misses units, so that there is something to find.
EffectTable table_with_misses(const RaceSetup& setup, const RacingOptions& careless, Index need) {
  for (std::uint64_t seed = 0;; ++seed) {
    EffectTable made = made_up_effects(setup, Rng(11).stream(seed));
    auto lesions = made.lesions<double>();
    if (sorted(race(lesions, all_units(made), need, careless).selection.units) != made.best(need)) return made;
    REQUIRE(seed < 1000);
  }
}

bool same(const RankingIteration& a, const RankingIteration& b) {
  return a.base_loss == b.base_loss && a.candidates == b.candidates && a.losses == b.losses &&
         a.accuracies == b.accuracies && a.selection.units == b.selection.units && a.selection.gap == b.selection.gap &&
         a.race == b.race;
}

}  // namespace

TEST_CASE("who was selected has exact losses, and so have all that were evaluated to the end") {
  const EffectTable table = made_up_effects({}, Rng(3));
  auto lesions = table.lesions<double>(32);
  const RankingIteration iteration = race(lesions, all_units(table), 5);
  const std::vector<double> losses = exact_losses(table);
  REQUIRE(iteration.race);
  CHECK(sorted(iteration.selection.units) == table.best(5));
  CHECK(iteration.candidates == all_units(table));
  Index whole = 0;
  for (std::size_t unit = 0; unit < losses.size(); ++unit) {
    const bool is_whole = iteration.race->images[unit] == table.images;
    if (is_whole) CHECK(iteration.losses[unit] == losses[unit]);
    if (!is_whole) CHECK(std::abs(iteration.losses[unit] - losses[unit]) < 0.1);  // 5 standard errors of 128 images
    whole += is_whole ? 1 : 0;
  }
  CHECK(whole >= 5);
  CHECK(whole < 30);
  for (std::size_t i = 0; i < 5; ++i) {
    const auto unit = static_cast<std::size_t>(iteration.selection.units[i]);
    CHECK(iteration.race->images[unit] == table.images);
    if (i > 0)
      CHECK(iteration.losses[unit] <= iteration.losses[static_cast<std::size_t>(iteration.selection.units[i - 1])]);
  }
  CHECK(iteration.base_loss ==
        Approx(std::accumulate(table.base.begin(), table.base.end(), 0.0) / 1000).epsilon(1e-13));
  CHECK(iteration.race->list == table.images);
  CHECK(iteration.race->evaluations() == lesions.evaluations);
  CHECK(iteration.race->saved() == 40 * 1000 - lesions.evaluations);
}

TEST_CASE("accuracies count the images seen, as changes of the base's") {
  // Unit u spoils images 10 k + u, ..., 10 k + 9: all have losses 0 or 3.
  auto lesions = TableLesions<double>(10, 400, [](std::span<const Index>, Index unit, Index image) {
    return image % 10 > 7 || (unit >= 0 && image % 10 >= unit) ? 3.0 : 0.0;
  });
  std::vector<Index> units(10);
  std::iota(units.begin(), units.end(), Index{0});
  const RankingIteration iteration = race(lesions, units, 1, {.audit = 0});
  CHECK(iteration.selection.units == std::vector<Index>{0});
  CHECK(iteration.accuracies[0] == 0);
  CHECK(iteration.race->images[5] < 400);
  CHECK(iteration.accuracies[5] == Approx(0.5).margin(0.03));  // 13 x 10 images are not whole tens
  CHECK(iteration.losses[5] == Approx(1.5).margin(0.09));
}

TEST_CASE("no decided candidate is evaluated, nothing twice, and whole blocks only") {
  for (const Index block : {1, 32, 100}) {
    INFO("block " << block);
    const EffectTable table = made_up_effects({.images = 1030}, Rng(5));
    auto lesions = table.lesions<double>(block);
    const RankingIteration iteration = race(lesions, all_units(table), 4, {.audit = 0});
    CHECK(lesions.was_asked_well());
    const std::vector<Index> checks = race_checks(1030, block, {});
    for (const Index images : iteration.race->images)  // a candidate ends at a check or with the list
      CHECK((images == 1030 || std::find(checks.begin(), checks.end(), images) != checks.end()));
    CHECK(std::count(iteration.race->images.begin(), iteration.race->images.end(), checks.front()) > 0);
  }
}

TEST_CASE("checks come at whole blocks, fewer than the list has images") {
  CHECK(race_checks(1000, 1, {}) == std::vector<Index>{128, 256, 512});
  CHECK(race_checks(1000, 1, {.growth = 1.5}) == std::vector<Index>{128, 192, 288, 432, 648, 972});
  CHECK(race_checks(1000, 32, {.growth = 1.5}) == std::vector<Index>{128, 192, 288, 448, 672, 992});
  CHECK(race_checks(300, 100, {}) == std::vector<Index>{200});
  CHECK(race_checks(1000, 512, {}) == std::vector<Index>{512});
  CHECK(race_checks(128, 1, {}).empty());
  CHECK(race_checks(129, 1, {}) == std::vector<Index>{128});
}

TEST_CASE("where there is nothing to gain a race is the exact selection") {
  const auto [units, images, need] = GENERATE(
      table<Index, Index, Index>({{40, 100, 4}, {40, 128, 4}, {5, 1000, 5}, {5, 1000, 9}, {1, 1000, 1}, {0, 1000, 1}}));
  const EffectTable table = made_up_effects({.units = units, .images = images}, Rng(9));
  auto lesions = table.lesions<double>();
  const RankingIteration iteration = race(lesions, all_units(table), need);
  const std::vector<double> losses = exact_losses(table);
  const Selection expected = select_group(all_units(table), losses, need);
  CHECK(iteration.losses == losses);
  CHECK(iteration.selection.units == expected.units);
  CHECK((iteration.selection.gap == expected.gap || std::isnan(expected.gap)));
  CHECK(std::isnan(iteration.race->cut_noise) == std::isnan(expected.gap));
  CHECK(iteration.race->saved() == 0);
  CHECK(lesions.calls == 1);
}

TEST_CASE("units that do nothing at all are tied, and told apart by their numbers after all images") {
  const EffectTable table = made_up_effects({.units = 20, .images = 400, .dead = 20}, Rng(1));
  auto lesions = table.lesions<double>();
  const RankingIteration iteration = race(lesions, all_units(table), 3);
  CHECK(iteration.selection.units == std::vector<Index>{0, 1, 2});
  CHECK(iteration.selection.tied_at_cut == all_units(table));
  CHECK(iteration.selection.gap == 0);
  CHECK(iteration.race->saved() == 0);

  auto again = table.lesions<double>();
  const RankingIteration indifferent = race(again, all_units(table), 3, {.epsilon = 1e-6, .audit = 0});
  CHECK(indifferent.selection.units == std::vector<Index>{0, 1, 2});
  CHECK(again.evaluations == 20 * 128 + 5 * 272);  // need and half as many again to the end
}

TEST_CASE("a race does not depend on threads") {
  const EffectTable table = made_up_effects({.kind = Noise::heavy_tailed}, Rng(13));
  const auto run = [&](int threads) {
    const test::ThreadCount guard(threads);
    auto lesions = table.lesions<float>(16);
    RaceMemory<float> memory;
    return Race<float>(lesions, {{}, all_units(table), 4}, {}, memory).run();
  };
  const RankingIteration one = run(1);
  CHECK(same(run(2), one));
  CHECK(same(run(5), one));
}

TEST_CASE("the audit finds what careless races miss, says so, and puts it right") {
  const RaceSetup close{.units = 30, .spread = 0.02, .noise = 0.3};
  const RacingOptions careless{.delta = 0.9999, .audit = 0, .minimum = 4, .growth = 1.1};
  const EffectTable table = table_with_misses(close, careless, 3);
  auto lesions = table.lesions<double>();
  RacingOptions audited = careless;
  audited.audit = 1;
  const RankingIteration iteration = race(lesions, all_units(table), 3, audited);
  auto unaudited = table.lesions<double>();
  const RankingIteration blind = race(unaudited, all_units(table), 3, careless);
  Index missing = 0;
  for (const Index unit : table.best(3)) {
    const std::vector<Index>& units = blind.selection.units;
    missing += std::find(units.begin(), units.end(), unit) == units.end() ? 1 : 0;
  }
  CHECK(sorted(iteration.selection.units) == table.best(3));
  CHECK(iteration.race->missed == missing);
  CHECK(iteration.race->saved() == 0);
  CHECK(blind.race->audited == 0);
  // What the audit evaluated did not change the course of the race: eliminated are those not evaluated to the end.
  const std::vector<Index>& images = blind.race->images;
  CHECK(iteration.race->audited == std::count_if(images.begin(), images.end(), [](Index n) { return n < 1000; }));
}

TEST_CASE("the audit takes its share of the candidates, by the seed") {
  const EffectTable table = made_up_effects({.units = 100, .spread = 0.1}, Rng(17));
  const auto whole = [&](double share, std::uint64_t seed) {
    auto lesions = table.lesions<double>();
    const RankingIteration iteration = race(lesions, all_units(table), 2, {.audit = share, .seed = seed});
    std::vector<Index> units;
    for (const Index unit : iteration.candidates)
      if (iteration.race->images[static_cast<std::size_t>(unit)] == table.images) units.push_back(unit);
    CHECK(static_cast<double>(iteration.race->audited) <= std::ceil(100 * share));
    CHECK(iteration.race->missed == 0);
    return units;
  };
  CHECK(whole(0.2, 1).size() >= whole(0, 1).size() + 15);  // few of the 20 are evaluated to the end in any case
  CHECK(whole(0.2, 1) == whole(0.2, 1));
  CHECK(whole(0.2, 1) != whole(0.2, 2));
}

TEST_CASE("memory keeps what covers more images, and the later of equal ones") {
  RaceMemory<float> memory;
  CHECK(memory.find(3) == nullptr);
  memory.remember(3, {1, 2, 6});
  CHECK(memory.find(3)->mean == 3);
  memory.remember(3, {5, 5});
  CHECK(memory.find(3)->images() == 3);
  memory.remember(3, {0, 0, 3});
  CHECK(memory.find(3)->mean == 1);
  memory.remember(4, {});
  CHECK(memory.find(4) == nullptr);
  memory.forget(3);
  CHECK(memory.effects().empty());
}

TEST_CASE("races refuse losses that are not finite, and options that cannot be") {
  const double bad = GENERATE(std::nan(""), std::numeric_limits<double>::infinity());
  const Index broken = GENERATE(-1, 7);  // the base, a unit
  auto lesions = TableLesions<double>(20, 300, [&](std::span<const Index>, Index unit, Index image) {
    return unit == broken && image == 100 ? bad : 1.0;
  });
  std::vector<Index> units(20);
  std::iota(units.begin(), units.end(), Index{0});
  CHECK_THROWS_WITH(race(lesions, units, 2), Catch::Contains(broken < 0 ? "for the base" : "for unit 7"));
  CHECK_THROWS_AS(race(lesions, units, 2), NumericError);
  for (const RacingOptions& options : {RacingOptions{.delta = 0},
                                       {.delta = 1},
                                       {.delta = bad},
                                       {.epsilon = -1e-9},
                                       {.audit = 1.1},
                                       {.minimum = 1},
                                       {.growth = 1}})
    CHECK_THROWS_AS(race(lesions, units, 2, options), ConfigError);
  CHECK_THROWS_AS(race(lesions, units, 0), ConfigError);
  RaceMemory<double> of_a_longer_list;
  of_a_longer_list.remember(7, std::vector<double>(301));
  CHECK_THROWS_AS(Race<double>(lesions, {{}, units, 2}, {}, of_a_longer_list), ConfigError);
  auto empty = TableLesions<double>(20, 0, [](std::span<const Index>, Index, Index) { return 1.0; });
  CHECK_THROWS_AS(race(empty, units, 2), ConfigError);
}
