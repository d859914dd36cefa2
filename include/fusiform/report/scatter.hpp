#pragma once
/// Scatter figures: the effect of every unit on one task against its effect on another.

#include <algorithm>
#include <string>
#include <vector>

#include <fusiform/report/curves.hpp>

namespace fusiform {

/// The points of one colour.
struct PointClass {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
  int color = 0;  ///< of the palette; negative for grey
};

struct ScatterOptions {
  std::string name;                 ///< of the files
  std::vector<PointClass> classes;  ///< later ones are drawn over earlier ones
  std::string x_label = {};
  std::string y_label = {};
  bool x_percent = false;
  bool y_percent = false;
  bool same_axes = true;  ///< both axes show the same range, with the diagonal
  double side = 380;      ///< pixels inside the axes
};

/// Throws ShapeError if a class has more x than y values or the other way round.
[[nodiscard]] inline Figure scatter_figure(const ScatterOptions& options) {
  Figure figure{.name = options.name, .script = {}, .columns = {"class", "x", "y"}, .rows = {}};
  std::vector<gnuplot::LegendEntry> entries;
  gnuplot::Range x;
  gnuplot::Range y;
  std::string data;
  std::string plots;
  const double x_scale = options.x_percent ? 100 : 1;
  const double y_scale = options.y_percent ? 100 : 1;
  for (std::size_t c = 0; c < options.classes.size(); ++c) {
    const PointClass& points = options.classes[c];
    require_equal("points '" + points.name + "'", "y values, one per x,", points.x.size(), points.y.size());
    const std::string color = palette::color(points.color);
    entries.push_back({points.name, color, gnuplot::Mark::dot});
    if (points.x.empty()) continue;
    data += text("$class", c, " << EOD\n");
    for (std::size_t i = 0; i < points.x.size(); ++i) {
      figure.rows.push_back({points.name, points.x[i], points.y[i]});
      x.include(points.x[i]);
      y.include(points.y[i]);
      data += gnuplot::row({points.x[i] * x_scale, points.y[i] * y_scale});
    }
    data += "EOD\n";
    // A quarter transparent, so that crowds show.
    plots += text(", $class", c, " using 1:2 with points pt 7 ps 0.62 lc rgb '#40", color.substr(1), "'");
  }
  if (options.same_axes) {
    x.include(y.low);
    x.include(y.high);
    y = x;
  }
  constexpr double pieces = 4;
  x = x.rounded(pieces);
  y = y.rounded(pieces);

  const double left = detail::axis_room(y, options.y_percent);
  figure.width = left + options.side + 24;
  const double legend_height = gnuplot::legend(figure, left, entries).second;
  const gnuplot::Box box{.left = left,
                         .top = legend_height + 10,
                         .right = left + options.side,
                         .bottom = legend_height + 10 + options.side};
  figure.height = box.bottom + 54;
  std::string& script = figure.script;
  script = gnuplot::style() + gnuplot::legend(figure, left, entries).first + gnuplot::margins(figure, box) +
           gnuplot::axis_labels(
               figure, box, {.x = options.x_label, .y = options.y_label, .x_distance = 43, .y_distance = left - 18}) +
           detail::axis('x', x, options.x_percent, pieces) + detail::axis('y', y, options.y_percent, pieces) +
           text("set grid xtics ytics\nset xzeroaxis lt 1 lw 1 lc rgb '", palette::axis,
                "'\nset yzeroaxis lt 1 lw 1 lc rgb '", palette::axis, "'\n");
  script += data + "plot ";
  script += options.same_axes ? text("x with lines lw 1.2 dt (5,4) lc rgb '", palette::axis, "'") : std::string("NaN");
  script += plots + "\n";
  return figure;
}

}  // namespace fusiform
