#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/analysis/selection.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("the schedule is that of the published scripts at their defaults") {
  struct Row {
    Index units, group, limit, selected, iterations, evaluations;
  };
  // Counted in the original code at greedy_p = 0.2, group_p = 0.016.
  for (const Row& row : {Row{64, 1, 13, 14, 14, 805}, Row{128, 2, 26, 28, 14, 1610}, Row{256, 4, 51, 52, 13, 3016},
                         Row{512, 8, 102, 104, 13, 6032}, Row{4096, 65, 819, 845, 13, 48178}}) {
    CAPTURE(row.units);
    const SelectionSchedule schedule = selection_schedule(row.units, 0.2, 0.016);
    CHECK(schedule.group == row.group);
    CHECK(schedule.limit == row.limit);
    CHECK(selection_cost(row.units, schedule) ==
          SelectionCost{.iterations = row.iterations, .selected = row.selected, .evaluations = row.evaluations});
  }
}

TEST_CASE("special schedules") {
  SECTION("fraction 0 is one pass that selects all units") {
    CHECK(selection_cost(37, selection_schedule(37, 0, 0.016)) ==
          SelectionCost{.iterations = 1, .selected = 37, .evaluations = 37});
  }
  SECTION("group 0 selects one unit at a time") {
    CHECK(selection_schedule(5'000'000, 0.2, 0).group == 1);
    CHECK(selection_schedule(512, 0.2, 0).group == 1);
  }
  SECTION("a group of exactly one unit's share is one unit") { CHECK(selection_schedule(3, 1, 1.0 / 3).group == 1); }
  SECTION("the limit rounds half to even") {
    CHECK(selection_schedule(10, 0.25, 0).limit == 2);  // 2.5
    CHECK(selection_schedule(10, 0.35, 0).limit == 4);  // 3.5
    CHECK(lesioned_units(10, 0.45) == 4);               // 4.5
    CHECK(lesioned_units(512, 0.2) == 102);             // 102.4
  }
  SECTION("everything selected, nothing beyond it") {
    CHECK(selection_cost(10, selection_schedule(10, 1, 0.3)) ==
          SelectionCost{.iterations = 4, .selected = 10, .evaluations = 10 + 7 + 4 + 1});
  }
  SECTION("out of range") {
    CHECK_THROWS_AS(selection_schedule(0, 0.2, 0), ConfigError);
    CHECK_THROWS_AS(selection_schedule(8, -0.1, 0), ConfigError);
    CHECK_THROWS_AS(selection_schedule(8, 0.2, 1.5), ConfigError);
    CHECK_THROWS_AS(selection_schedule(8, std::numeric_limits<double>::quiet_NaN(), 0), ConfigError);
    CHECK_THROWS_AS(lesioned_units(8, 1.01), ConfigError);
  }
}

TEST_CASE("a group is selected by descending loss, ties by unit") {
  const std::vector<Index> units{3, 5, 8, 9, 12};
  SECTION("clear cut") {
    const Selection selection = select_group(units, std::vector<double>{0.5, 2, 1, 2, 0.25}, 3);
    CHECK(selection.units == std::vector<Index>{5, 9, 8});
    CHECK(selection.tied_at_cut.empty());
    CHECK(selection.gap == 0.5);
  }
  SECTION("a tie across the cut is reported, with all its units") {
    const Selection selection = select_group(units, std::vector<double>{1, 1, 2, 1, 0}, 2);
    CHECK(selection.units == std::vector<Index>{8, 3});
    CHECK(selection.tied_at_cut == std::vector<Index>{3, 5, 9});
    CHECK(selection.gap == 0);
  }
  SECTION("units in any order") {
    const Selection selection = select_group(std::vector<Index>{7, 2, 4}, std::vector<double>{1, 1, 1}, 2);
    CHECK(selection.units == std::vector<Index>{2, 4});
  }
  SECTION("fewer candidates than the group") {
    const Selection selection = select_group(units, std::vector<double>{1, 2, 3, 4, 5}, 8);
    CHECK(selection.units == std::vector<Index>{12, 9, 8, 5, 3});
    CHECK(std::isnan(selection.gap));
  }
  SECTION("infinite losses are the largest") {
    const double infinity = std::numeric_limits<double>::infinity();
    const Selection selection = select_group(units, std::vector<double>{0, infinity, 1, infinity, 2}, 1);
    CHECK(selection.units == std::vector<Index>{5});
    CHECK(selection.gap == 0);
  }
  SECTION("not-a-number is refused by the unit's name") {
    CHECK_THROWS_WITH(select_group(units, std::vector<double>{1, 2, std::nan(""), 4, 5}, 1), Catch::Contains("unit 8"));
    CHECK_THROWS_AS(select_group(units, std::vector<double>{1, 2, std::nan(""), 4, 5}, 1), NumericError);
  }
  SECTION("lengths must agree") { CHECK_THROWS_AS(select_group(units, std::vector<double>{1, 2}, 1), ShapeError); }
}

TEST_CASE("the rule reproduces a recorded run: 17 iterations, 136 units, order included") {
  std::ifstream file(std::string(FUSIFORM_GOLDENS) + "/ore_lesion.json");
  const nlohmann::json run = nlohmann::json::parse(file).at("greedy").at("data_AFD_matched");
  const auto recorded = run.at("selected_units").get<std::vector<Index>>();
  const SelectionSchedule schedule = selection_schedule(512, 0.25, 0.016);
  REQUIRE(schedule.limit == 128);

  std::vector<Index> selected;
  Index duplicates = 0;
  std::size_t iteration = 0;
  for (; schedule.goes_on(static_cast<Index>(selected.size())); ++iteration) {
    CAPTURE(iteration);
    const auto& record = run.at("iterations").at(iteration);
    const auto units = record.at("units").get<std::vector<Index>>();
    auto losses = record.at("losses").get<std::vector<double>>();
    const Selection selection = select_group(units, losses, schedule.group);
    const std::size_t first = selected.size();
    for (std::size_t i = 0; i < selection.units.size(); ++i) CHECK(selection.units[i] == recorded.at(first + i));
    CHECK(selection.tied_at_cut.empty());
    CHECK(selection.gap > 0);
    selected.insert(selected.end(), selection.units.begin(), selection.units.end());
    std::sort(losses.begin(), losses.end());
    for (std::size_t i = 1; i < losses.size(); ++i) duplicates += losses[i] == losses[i - 1] ? 1 : 0;
  }
  CHECK(iteration == run.at("iterations").size());
  CHECK(selected.size() == 136);
  CHECK(duplicates == 44);  // the ties that the recorded float32 losses hold
}
