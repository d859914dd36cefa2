#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <fusiform/report/bars.hpp>
#include <fusiform/report/curves.hpp>
#include <fusiform/report/scatter.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

const double missing = std::numeric_limits<double>::quiet_NaN();

CurvesOptions lesion_curves() {
  CurvesOptions options{.name = "lesion_curves", .panels = {}};
  for (const std::string layer : {"conv1_1", "it's 50%_{x} \"y\" $z & <b>"})
    options.panels.push_back({.title = layer,
                              .curves = {{.name = "faces",
                                          .x = {0, 0.1, 0.2},
                                          .y = {1, 0.5, missing},
                                          .low = {1, 0.25, missing},
                                          .high = {1, 0.75, missing}},
                                         {.name = "objects",
                                          .x = {0, 0.1},
                                          .y = {1, 0.875},
                                          .low = {0.9, 0.8},
                                          .high = {1, 0.9},
                                          .color = 1,
                                          .style = LineStyle::dashed,
                                          .uncertainty = Uncertainty::bars}},
                              .x_label = "lesioned",
                              .y_label = "accuracy",
                              .x_percent = true,
                              .y_percent = true,
                              .reference = ReferenceLine{0.1, "chance"}});
  return options;
}

void check_drawn(const Figure& figure, const ScratchFolder& folder) {
  const DrawnFigure drawn = write_figure(figure, folder / "figures");
  CAPTURE(figure.name, figure.script);
  CHECK(drawn.problem.empty());
  CHECK(drawn.svg.find("<svg") != std::string::npos);
  CHECK(drawn.svg.find("</svg>") != std::string::npos);
  CHECK(read_file(folder / ("figures/" + figure.name + ".svg")) == drawn.svg);
  CHECK(read_file(folder / ("figures/" + figure.name + ".pdf")).substr(0, 5) == "%PDF-");
}

bool shows(const DrawnFigure& drawn, const std::string& words) {
  return drawn.svg.find(">" + words + "<") != std::string::npos;
}

}  // namespace

TEST_CASE("curves are drawn, with the numbers beside them") {
  const ScratchFolder folder;
  const Figure figure = curves_figure(lesion_curves());
  check_drawn(figure, folder);
  CHECK(read_file(folder / "figures/lesion_curves.csv") ==
        "panel,curve,x,y,low,high\n"
        "conv1_1,faces,0,1,1,1\nconv1_1,faces,0.1,0.5,0.25,0.75\nconv1_1,faces,0.2,nan,nan,nan\n"
        "conv1_1,objects,0,1,0.9,1\nconv1_1,objects,0.1,0.875,0.8,0.9\n"
        "\"it's 50%_{x} \"\"y\"\" $z & <b>\",faces,0,1,1,1\n"
        "\"it's 50%_{x} \"\"y\"\" $z & <b>\",faces,0.1,0.5,0.25,0.75\n"
        "\"it's 50%_{x} \"\"y\"\" $z & <b>\",faces,0.2,nan,nan,nan\n"
        "\"it's 50%_{x} \"\"y\"\" $z & <b>\",objects,0,1,0.9,1\n"
        "\"it's 50%_{x} \"\"y\"\" $z & <b>\",objects,0.1,0.875,0.8,0.9\n");
  const DrawnFigure drawn = write_figure(figure, folder / "figures");
  for (const std::string words : {"faces", "objects", "conv1_1", "it's 50%_{x} \"y\" $z &amp; &lt;b>", "chance",
                                  "lesioned", "accuracy", "100%", "20%"}) {
    CAPTURE(words);
    CHECK(shows(drawn, words));
  }
  // The same numbers give the same drawing.
  CHECK(write_figure(curves_figure(lesion_curves()), folder / "figures").svg == drawn.svg);
}

TEST_CASE("layer profiles name the layers") {
  const ScratchFolder folder;
  CurvePanel panel{.title = "", .curves = {{.name = "index", .x = {0, 1, 2}, .y = {-0.1, 0.2, 0.4}}}};
  panel.x_names = {"conv1_1", "50%", "a layer with a name so long that it must be turned"};
  const Figure figure = curves_figure({.name = "profile", .panels = {panel}, .panel_width = 300});
  check_drawn(figure, folder);
  const DrawnFigure drawn = write_figure(figure, folder / "figures");
  for (const std::string& name : panel.x_names) CHECK(shows(drawn, name));
  const CsvTable table = read_csv(folder / "figures/profile.csv");
  CHECK(table.rows[1][table.column("x")] == "50%");
  CHECK(table.rows[1][table.column("low")].empty());
}

TEST_CASE("bars and points are drawn") {
  const ScratchFolder folder;
  check_drawn(bars_figure({.name = "bars",
                           .groups = {"face filters", "object filters"},
                           .series = {{.name = "faces", .values = {0.4, 0.8}, .low = {0.3, 0.7}, .high = {0.5, 0.9}},
                                      {.name = "objects", .values = {missing, -0.1}, .color = 1}},
                           .y_label = "drop",
                           .reference = ReferenceLine{0.5, "half"}}),
              folder);
  CHECK(read_file(folder / "figures/bars.csv") ==
        "group,series,value,low,high\nface filters,faces,0.4,0.3,0.5\nface filters,objects,nan,,\n"
        "object filters,faces,0.8,0.7,0.9\nobject filters,objects,-0.1,,\n");
  check_drawn(scatter_figure({.name = "units",
                              .classes = {{.name = "others", .x = {0.1, -0.001}, .y = {0.02, 0}, .color = -1},
                                          {.name = "faces", .x = {}, .y = {}, .color = 0}},
                              .x_label = "effect on faces",
                              .y_label = "effect on objects"}),
              folder);
  CHECK(read_file(folder / "figures/units.csv") == "class,x,y\nothers,0.1,0.02\nothers,-0.001,0\n");
}

TEST_CASE("figures with nothing to show are drawn all the same") {
  const ScratchFolder folder;
  check_drawn(curves_figure({.name = "none", .panels = {CurvePanel{.title = "empty", .curves = {}}}}), folder);
  check_drawn(curves_figure({.name = "undefined",
                             .panels = {CurvePanel{.title = "",
                                                   .curves = {{.name = "a", .x = {1, 2}, .y = {missing, missing}}}}}}),
              folder);
  check_drawn(curves_figure({.name = "one_point",
                             .panels = {CurvePanel{.title = "", .curves = {{.name = "a", .x = {3}, .y = {0.5}}}}}}),
              folder);
  check_drawn(bars_figure({.name = "zero", .groups = {"g"}, .series = {{.name = "s", .values = {0}}}}), folder);
  check_drawn(scatter_figure({.name = "no_points", .classes = {}, .same_axes = false}), folder);
  check_drawn(scatter_figure({.name = "equal", .classes = {{.name = "c", .x = {0, 0}, .y = {0, 0}}}}), folder);
}

TEST_CASE("without gnuplot the numbers are written and the problem is named") {
  const ScratchFolder folder;
  const DrawnFigure drawn =
      write_figure(curves_figure(lesion_curves()), folder.path(), {.program = "gnuplot-that-is-not-there"});
  CHECK(drawn.svg.empty());
  CHECK_THAT(drawn.problem, Catch::Contains("'gnuplot-that-is-not-there' is not installed"));
  CHECK(std::filesystem::exists(folder / "lesion_curves.csv"));
  CHECK_FALSE(std::filesystem::exists(folder / "lesion_curves.svg"));
}

TEST_CASE("a script that fails is a problem with gnuplot's own words") {
  CHECK_THAT(run_gnuplot("set terminal svg\nplot [\n").problem, Catch::Contains("'gnuplot' failed:"));
  CHECK_THAT(run_gnuplot("a = 1\n").problem, Catch::Contains("drew nothing"));
  CHECK(run_gnuplot("set terminal svg\nplot x\n").succeeded());
  const std::string large(2'000'000, '#');  // more than a pipe holds
  CHECK(run_gnuplot("set terminal svg\nplot x\n" + large + "\n").succeeded());
}

TEST_CASE("a folder that cannot be written") {
  CHECK_THROWS_AS(write_figure(curves_figure(lesion_curves()), "/dev/null/figures"), FileError);
}

TEST_CASE("parts of a figure must fit") {
  CurvesOptions curves = lesion_curves();
  curves.panels[0].curves[0].y.pop_back();
  CHECK_THROWS_WITH(curves_figure(curves), Catch::Contains("curve 'faces': expected 3 y values"));
  CHECK_THROWS_AS(curves_figure({.name = "none", .panels = {}}), ConfigError);
  CHECK_THROWS_AS(bars_figure({.name = "b", .groups = {"g", "h"}, .series = {{.name = "s", .values = {1}}}}),
                  ShapeError);
  CHECK_THROWS_AS(scatter_figure({.name = "s", .classes = {{.name = "c", .x = {1}, .y = {}}}}), ShapeError);
}

TEST_CASE("ranges end on round numbers") {
  const auto rounded = [](double low, double high) {
    const gnuplot::Range range = gnuplot::Range{.low = low, .high = high}.rounded();
    return std::pair(range.low, range.high);
  };
  CHECK(rounded(0, 1) == std::pair(0.0, 1.0));
  CHECK(rounded(0.03, 0.97) == std::pair(0.0, 1.0));
  CHECK(rounded(-3, 41) == std::pair(-10.0, 50.0));
  CHECK(gnuplot::Range{}.rounded().high == 1);
  CHECK(rounded(5, 5) == std::pair(2.0, 8.0));
}
