/// Rankings by racing against exact rankings, on made-up effects and on nets.

#include <cmath>
#include <numeric>
#include <vector>

#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/race_order.hpp>
#include <fusiform/analysis/rank_by_racing.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/analysis/table_lesions.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;
using fusiform::test::TableLesions;

namespace {

/// Effects that grow and drift as units are selected: 30 units, of which some do nothing.
TableLesions<float> drifting_effects(Index images, std::uint64_t seed) {
  return TableLesions<float>(
      30, images,
      [seed](std::span<const Index> base, Index unit, Index image) {
        const Rng rng = Rng(seed).stream(static_cast<std::uint64_t>(image));
        double loss = 1 + rng.normals_at(0)[0] * 0.3 + 0.02 * static_cast<double>(base.size());
        if (unit < 0 || unit % 5 == 4) return loss;
        const std::array<double, 4> noise = rng.stream(static_cast<std::uint64_t>(unit)).normals_at(0);
        const double progress = 0.04 * static_cast<double>(base.size());
        loss +=
            (1 + progress) * (0.004 * static_cast<double>((unit * 7) % 30) + 0.1 * (noise[0] + progress * noise[1]));
        return loss;
      },
      16);
}

const RankingOptions ten_in_pairs{.fraction = 0.3, .group = 0.07};

Ranking race(TableLesions<float>& lesions, Ranking so_far = {}, RaceMemory<float>* memory = nullptr) {
  return rank_units_by_racing<float>(lesions, ten_in_pairs, {}, {}, std::move(so_far), memory);
}

}  // namespace

TEST_CASE("rankings by racing equal exact ones, for a part of the evaluations") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    auto raced = drifting_effects(2000, seed);
    auto exact = drifting_effects(2000, seed);
    const Ranking found = race(raced);
    const Ranking expected = rank_units<float>(exact, ten_in_pairs);
    REQUIRE(expected.units.size() == 10);
    CHECK(found.units == expected.units);
    CHECK(found.losses == expected.losses);  // to the bit: selected units have seen all images
    CHECK(found.accuracies == expected.accuracies);
    CHECK(found.layer_units == 30);
    CHECK(raced.was_asked_well());
    CHECK(2 * raced.evaluations < exact.evaluations);
    const RacingSummary summary = summarize_races(found);
    CHECK(summary.evaluations == raced.evaluations);
    CHECK(summary.evaluations + summary.saved == exact.evaluations);
    CHECK(summary.audited > 0);
    CHECK(summary.missed == 0);
    CHECK(summary.miss_rate_limit == binomial_upper_limit(0, summary.audited));
    for (const RankingIteration& iteration : expected.iterations) CHECK_FALSE(iteration.race);
  }
}

TEST_CASE("a ranking by racing goes on where it was, with its memory to the bit, without it to the same units") {
  auto lesions = drifting_effects(1000, 3);
  std::vector<RaceMemory<float>> memories;
  RaceMemory<float> memory;
  std::vector<Index> wanted;
  const Ranking whole = rank_units_by_racing<float>(
      lesions, ten_in_pairs, {},
      [&](const Ranking& so_far, Index units) {
        memories.push_back(memory);
        wanted.push_back(units);
        CHECK(so_far.iterations.size() == memories.size());
      },
      {}, &memory);
  REQUIRE(whole.iterations.size() == 5);
  CHECK(wanted == std::vector<Index>(5, 10));
  for (std::size_t kept = 0; kept <= 5; ++kept) {
    Ranking interrupted;
    interrupted.layer_units = 30;
    for (std::size_t i = 0; i < kept; ++i) interrupted.append(whole.iterations[i]);
    RaceMemory<float> then = kept == 0 ? RaceMemory<float>() : memories[kept - 1];
    auto again = drifting_effects(1000, 3);
    const Ranking resumed = race(again, interrupted, &then);
    CHECK(resumed.units == whole.units);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(resumed.iterations[i].losses == whole.iterations[i].losses);
      CHECK(resumed.iterations[i].race == whole.iterations[i].race);
    }
    auto forgetful = drifting_effects(1000, 3);
    CHECK(race(forgetful, interrupted).units == whole.units);
  }
}

TEST_CASE("linear rankings have nothing to race for, and groups may leave few") {
  auto lesions = drifting_effects(300, 1);
  const Ranking linear = rank_units_by_racing<float>(lesions, {.fraction = 0}, {});
  CHECK(linear.units.size() == 30);
  CHECK(summarize_races(linear).saved == 0);
  auto others = drifting_effects(300, 1);
  const Ranking all = rank_units_by_racing<float>(others, {.fraction = 1, .group = 0.4}, {});
  CHECK(all.units.size() == 30);
  CHECK(all.iterations.back().race->saved() == 0);  // 6 are left for a group of 12
  CHECK_THROWS_AS(rank_units_by_racing<float>(others, {}, {.delta = 2}), ConfigError);
}

TEST_CASE("on nets of every structure races select what the exact ranking selects, for any number of threads") {
  for (const SmallNet& small : small_nets()) {
    INFO(small.name);
    const Network<float, Cpu> network = small.build<float>();
    const LabelledImages<float> list = small.images<float>(230);
    const LabelledImages<float> images = reordered(list, race_order(list.labels, Rng(1)));
    const LesionSite site = lesion_site(network, small.name == "residual" ? "block.conv1" : "conv1");
    const auto run = [&](int threads, const auto& rank) {
      const test::ThreadCount guard(threads);
      IncrementalLesions<float> lesions(network, site, network.heads().front(), images, {.block = 8});
      return rank(lesions);
    };
    const auto exactly = [](AddedLesions<float>& lesions) {
      return rank_units(lesions, {.fraction = 0.5, .group = 0});
    };
    // These nets have few units and one class in several images, so checks come early and often.
    const auto by_racing = [](AddedLesions<float>& lesions) {
      return rank_units_by_racing(lesions, {.fraction = 0.5, .group = 0}, {.audit = 0, .minimum = 48, .growth = 1.2});
    };
    const Ranking exact = run(2, exactly);
    const Ranking raced = run(1, by_racing);
    CHECK(raced.units == exact.units);
    CHECK(raced.losses == exact.losses);
    CHECK(summarize_races(raced).saved > 0);
    const Ranking threaded = run(3, by_racing);
    for (std::size_t i = 0; i < raced.iterations.size(); ++i) {
      CHECK(threaded.iterations[i].losses == raced.iterations[i].losses);
      CHECK(threaded.iterations[i].race == raced.iterations[i].race);
    }
  }
}
