/// Figures and tables of pairs of units, of snapshots and of audited rankings, from made-up summaries.

#include <cmath>
#include <string>
#include <vector>

#include <fusiform/study/report/emergence.hpp>
#include <fusiform/study/report/pairs.hpp>
#include <fusiform/study/report/rankings.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/report/summary_example.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using fusiform::test::example_summary;
using fusiform::test::interval;
using Json = nlohmann::ordered_json;
using Catch::Matchers::Contains;

namespace {

/// Rows of the numbers behind a figure, as text, after it was drawn without a problem.
std::vector<std::vector<std::string>> drawn_rows(const CaptionedFigure& figure) {
  const ScratchFolder folder;
  const DrawnFigure drawn = write_figure(figure.figure, folder.path());
  CAPTURE(figure.figure.script);
  CHECK(drawn.problem.empty());
  CHECK_THAT(drawn.svg, Contains("<svg"));
  return read_csv(folder / (figure.figure.name + ".csv")).rows;
}

double value_in(const std::vector<std::vector<std::string>>& rows, const std::vector<std::string>& begin) {
  const std::vector<std::string>* found = nullptr;
  for (const auto& row : rows)
    if (std::equal(begin.begin(), begin.end(), row.begin())) found = &row;
  CAPTURE(begin);
  REQUIRE(found != nullptr);
  return parse_number<double>((*found)[begin.size()]).value_or(std::nan(""));
}

/// Three units of conv2, the second in both lists.
Json with_pairs() {
  Json summary = example_summary();
  for (const std::string task : {"faces", "objects"})
    summary["pairs"].push_back(
        {{"net", ""},
         {"seed", 0},
         {"layer", "conv2"},
         {"task", task},
         {"images", 40},
         {"units", {7, 2, 9}},
         {"groups",
          {{{"tasks", {"faces"}}, {"units", 1}},
           {{"tasks", {"faces", "objects"}}, {"units", 1}},
           {{"tasks", {"objects"}}, {"units", 1}}}},
         {"effects", {0.1, 0.2, 0.3}},
         {"synergies", {{0.0, 0.5, -0.25}, {0.5, 0.0, 0.125}, {-0.25, 0.125, 0.0}}},
         {"errors", {{0.0, 0.1, 0.1}, {0.1, 0.0, 0.1}, {0.1, 0.1, 0.0}}},
         {"means",
          {{{"tasks", {"faces", "faces"}}, {"pairs", 1}, {"synergy", interval(task == "faces" ? 0.5 : 0.25, 0.125)}},
           {{"tasks", {"faces", "objects"}}, {"pairs", 1}, {"synergy", interval(-0.25, 0.5)}},
           {{"tasks", {"objects", "objects"}}, {"pairs", 0}, {"synergy", nullptr}}}}});
  return summary;
}

Json point(const std::string& net, int epochs, const Json& index, double top1) {
  return {
      {"net", net},
      {"epochs", epochs},
      {"index", index},
      {"p", 0.5},
      {"top1", {{{"task", "faces"}, {"top1", interval(top1)}}, {{"task", "objects"}, {"top1", interval(top1 / 2)}}}}};
}

}  // namespace

TEST_CASE("synergies are drawn for each task, in colours that part at 0") {
  const Json summary = with_pairs();
  const auto figures = pair_figures("pairs", summary, summary["nets"][0]);
  REQUIRE(figures.size() == 1);
  const auto rows = drawn_rows(figures[0]);
  REQUIRE(rows.size() == 2 * 9);
  CHECK(value_in(rows, {"loss on faces", "7", "2"}) == 0.5);
  CHECK(value_in(rows, {"loss on objects", "9", "7"}) == -0.25);
  CHECK(std::isnan(value_in(rows, {"loss on faces", "2", "2"})));
  const std::string& script = figures[0].figure.script;
  CHECK_THAT(script, Contains("set cbrange [-0.5:0.5]") && Contains("unit of conv2") && Contains("faces + objects"));
  CHECK_THAT(figures[0].caption, Contains("3 units of conv2") && Contains("faces 40, objects 40") && Contains("nats"));
  CHECK(pair_figures("pairs", summary, summary["nets"][1]).empty());  // another seed
  CHECK(pair_figures("pairs", example_summary(), summary["nets"][0]).empty());

  const auto table = detail::pair_table(summary);
  REQUIRE(table.table.rows.size() == 4);  // without the means of no pairs
  CHECK(table.table.rows[0] ==
        std::vector<std::string>{"seed 0", "conv2", "faces", "faces", "1", "0.5000 [0.3750, 0.6250]"});
  CHECK(table.table.rows[1][3] == "faces x objects");
  CHECK_THAT(table.caption, Contains("the pairs, which share units, are fixed"));
  CHECK(detail::pair_table(example_summary()).table.rows.empty());
}

TEST_CASE("more units than can be named are named by their groups") {
  Json summary = with_pairs();
  summary["pairs"].erase(1);
  Json& entry = summary["pairs"][0];
  entry["units"] = Json::array();
  for (int unit = 0; unit < 60; ++unit) entry["units"].push_back(unit);
  entry["synergies"] = std::vector<std::vector<double>>(60, std::vector<double>(60, 0.25));
  entry["groups"] = {{{"tasks", {"faces"}}, {"units", 30}}, {{"tasks", {"objects"}}, {"units", 30}}};
  const auto figures = pair_figures("pairs", summary, summary["nets"][0]);
  REQUIRE(figures.size() == 1);
  CHECK(drawn_rows(figures[0]).size() == 3600);
  CHECK_THAT(figures[0].figure.script, Contains("'objects' 44.5"));
}

TEST_CASE("the index over training has a curve per seed, their mean, and the accuracies") {
  Json summary = example_summary();
  for (int seed = 0; seed < 2; ++seed)
    summary["emergence"].push_back(
        {{"layer", "conv2"},
         {"seed", seed},
         {"points",
          {point("after epoch 0", 0, nullptr, 0.1), point("after epoch 2", 2, interval(0.2 + 0.2 * seed), 0.4),
           point("", 5, interval(0.5), 0.6)}}});
  const auto figures = emergence_figures(summary);
  REQUIRE(figures.size() == 1);
  const auto rows = drawn_rows(figures[0]);
  const std::string mean = "segregation index, mean over seeds";
  CHECK(value_in(rows, {"conv2", mean, "2"}) == Approx(0.3));
  CHECK(std::isnan(value_in(rows, {"conv2", mean, "0"})));
  CHECK(value_in(rows, {"conv2", mean, "5"}) == Approx(0.5));
  CHECK(value_in(rows, {"accuracy", "top-1, objects", "0"}) == Approx(0.05));
  std::size_t singles = 0;
  for (const auto& row : rows) singles += row[1] == "one seed" ? 1 : 0;
  CHECK(singles == 6);
  CHECK_THAT(figures[0].caption, Contains("2 seed(s)") && Contains("0 epochs: before training"));

  summary["emergence"].erase(1);
  const auto one = drawn_rows(emergence_figures(summary)[0]);
  CHECK(value_in(one, {"conv2", "segregation index", "2"}) == Approx(0.2));
  CHECK(one.size() == 3 * 3);
  summary["emergence"] = Json::array();
  CHECK(emergence_figures(summary).empty());
  CHECK(emergence_figures(example_summary()).empty());
}

TEST_CASE("the table of rankings shows audits where there are any, and warnings what is no rounding") {
  Json summary = example_summary();
  CHECK(detail::ranking_table(summary).table.header.size() == 8);
  CHECK(detail::audit_warnings(summary).empty());
  Json& ranking = summary["layers"][1]["rankings"][0];
  ranking["iterations"] = 3;
  ranking["audit"] = {{"iterations", 3}, {"pairs", 64},           {"off_by_more_than_rounding", 0}, {"largest", 1.5e-7},
                      {"mean", 2e-8},    {"worst_units", {4, 1}}, {"worst_image", "a/b.png"}};
  const auto table = detail::ranking_table(summary).table;
  REQUIRE(table.header.size() == 12);
  const std::vector<std::string>& row = table.rows[2];  // two tasks in each layer
  CHECK(row[1] == "conv2");
  CHECK(row[5] == "3");
  CHECK(std::vector<std::string>(row.begin() + 8, row.end()) ==
        std::vector<std::string>{"64", "1.5e-07", "2.0e-08", "0"});
  CHECK(table.rows[3].back() == no_value);
  CHECK(detail::audit_warnings(summary).empty());
  ranking["audit"]["off_by_more_than_rounding"] = 2;
  ranking["audit"]["largest"] = nullptr;
  const auto warnings = detail::audit_warnings(summary);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Contains("seed 0, ranking of conv2 for faces: 2 of 64") && Contains("infinite") &&
                              Contains("[4,1]") && Contains("a/b.png"));
}
