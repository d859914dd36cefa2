/// Which lesions are planned, and that planned ones are evaluated as said.

#include <algorithm>
#include <string>
#include <vector>

#include <fusiform/analysis/effects.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

Ranking ranking_of(std::vector<Index> units, Index layer_units) {
  Ranking ranking;
  ranking.units = std::move(units);
  ranking.layer_units = layer_units;
  return ranking;
}

}  // namespace

TEST_CASE("a plan: intact, ranked, random, and the same again as keep-only sets") {
  const std::vector<Ranking> rankings{ranking_of({7, 3, 1, 0, 2}, 10), ranking_of({4, 5}, 10)};
  const LesionPlan plan{.fractions = {0.2, 0.5},
                        .random_sets = 3,
                        .random_fraction = 0.9,
                        .random_fractions = {0.2, 0.5},
                        .keep_only = true};
  const std::vector<PlannedLesion> lesions = plan_lesions({"faces", "objects"}, rankings, plan, Rng(1));
  const std::size_t half = 3 + 2 * 3;  // 0.5 is not available for objects
  REQUIRE(lesions.size() == 1 + 2 * half);
  CHECK(lesions[0].origin == "none");
  CHECK(lesions[0].units.empty());
  CHECK_FALSE(lesions[0].keep_only);
  CHECK(lesions[1].units == std::vector<Index>{7, 3});
  CHECK(lesions[2].units == std::vector<Index>{7, 3, 1, 0, 2});
  CHECK(lesions[3].origin == "objects");
  CHECK(lesions[3].units == std::vector<Index>{4, 5});
  for (std::size_t r = 0; r < 3; ++r) {
    const PlannedLesion& small = lesions[4 + r];
    const PlannedLesion& large = lesions[7 + r];
    CHECK(small.origin == "random");
    CHECK((small.fraction == 0.2 && large.fraction == 0.5));
    CHECK((small.repeat == static_cast<Index>(r) && large.repeat == static_cast<Index>(r)));
    CHECK((small.units.size() == 2 && large.units.size() == 5));
    CHECK(std::includes(large.units.begin(), large.units.end(), small.units.begin(), small.units.end()));
  }
  CHECK(lesions[7].units != lesions[8].units);
  for (std::size_t i = 1; i <= half; ++i) {
    CHECK_FALSE(lesions[i].keep_only);
    CHECK(lesions[half + i].keep_only);
    CHECK(lesions[half + i].origin == lesions[i].origin);
    CHECK(lesions[half + i].fraction == lesions[i].fraction);
    CHECK(lesions[half + i].repeat == lesions[i].repeat);
    CHECK(lesions[half + i].units == lesions[i].units);
  }
}

TEST_CASE("without further wishes a plan has random sets of one size and no keep-only sets") {
  const std::vector<Ranking> rankings{ranking_of({7, 3, 1}, 10)};
  const auto lesions = plan_lesions({"faces"}, rankings, {.fractions = {0.3}, .random_sets = 2}, Rng(1));
  REQUIRE(lesions.size() == 4);
  for (std::size_t i = 2; i < 4; ++i) CHECK((lesions[i].fraction == 0.2 && lesions[i].units.size() == 2));
  CHECK(std::none_of(lesions.begin(), lesions.end(), [](const PlannedLesion& lesion) { return lesion.keep_only; }));
  const auto nested =
      plan_lesions({"faces"}, rankings, {.fractions = {}, .random_sets = 1, .random_fractions = {0, 1}}, Rng(1));
  REQUIRE(nested.size() == 3);
  CHECK(nested[1].units.empty());
  CHECK(nested[2].units.size() == 10);
  CHECK_THROWS_AS(plan_lesions({"faces", "objects"}, rankings, {}, Rng(1)), ShapeError);
  CHECK_THROWS_AS(
      plan_lesions({"faces"}, rankings, {.fractions = {}, .random_sets = 1, .random_fractions = {1.5}}, Rng(1)),
      ConfigError);
}

TEST_CASE("planned lesions are evaluated at each task's head, in the manner asked for") {
  const SmallNet small = small_net("branched");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> faces = small.images<float>(6);
  const LabelledImages<float> objects = small.images<float>(9);
  const LesionSite site = lesion_site(network, "conv1");
  const std::vector<NodeId> heads = network.heads();
  const std::vector<PlannedLesion> planned{{"none", 0, 0, {}}, {"faces", 0.2, 0, {1}}, {"faces", 0.2, 0, {1}, true}};
  const std::vector<TaskImages<float>> tasks{{"faces", heads[0], faces, {.images = &objects}},
                                             {"objects", heads[1], objects}};
  const auto effects = lesion_effects(network, site, planned, tasks, {}, {}, {.kind = LesionKind::mean});
  REQUIRE(effects.size() == 2);
  LesionEvaluator<float> evaluator(network, site, heads[0], faces, {}, {.images = &objects});
  CHECK(effects[0].lesioned[0].losses == evaluate(network, heads[0], faces).losses);
  CHECK(effects[0].lesioned[1].losses == evaluator.evaluate_one(Lesion{{1}, LesionKind::mean}).losses);
  CHECK(effects[0].lesioned[2].losses == evaluator.evaluate_one(Lesion{{1}, LesionKind::mean, 0, true}).losses);
  LesionEvaluator<float> other(network, site, heads[1], objects);
  CHECK(effects[1].lesioned[1].losses == other.evaluate_one(Lesion{{1}, LesionKind::mean}).losses);
  CHECK(lesion_effects(network, site, planned, tasks)[1].lesioned[1].losses == other.evaluate_one({1}).losses);
}
