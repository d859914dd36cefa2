#pragma once
/// Line figures: training curves, lesion curves (one panel per layer), layer profiles with a band.

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/figure_style.hpp>

namespace fusiform {

enum class LineStyle { solid, dashed, dotted };
enum class Uncertainty { band, bars, numbers };  ///< `numbers`: in the CSV file, not drawn

/// One line. Points that are not finite leave a gap.
struct Curve {
  std::string name;  ///< in the legend; curves of one name share it
  std::vector<double> x;
  std::vector<double> y;
  std::vector<double> low = {};  ///< ends of the intervals; empty for none
  std::vector<double> high = {};
  int color = 0;  ///< of the palette; negative for grey
  LineStyle style = LineStyle::solid;
  Uncertainty uncertainty = Uncertainty::band;
  bool points = true;
  int shape = 0;       ///< of the points: see palette::shape
  double width = 2.2;  ///< of the line, pixels
  double dodge = 0;    ///< added to x in the drawing only, so that intervals do not hide each other
};

/// A horizontal line that means something, such as chance.
struct ReferenceLine {
  double y = 0;
  std::string label;
};

struct CurvePanel {
  std::string title;
  std::vector<Curve> curves;
  std::string x_label = {};
  std::string y_label = {};
  std::vector<std::string> x_names = {};  ///< names at x = 0, 1, ... instead of numbers (layers)
  bool x_percent = false;                 ///< x is a share, shown as a percentage
  bool y_percent = false;
  std::optional<ReferenceLine> reference = {};
  std::optional<double> y_low = {};  ///< fixed ends of the y axis
  std::optional<double> y_high = {};
};

struct CurvesOptions {
  std::string name;  ///< of the files
  std::vector<CurvePanel> panels;
  int columns = 3;         ///< panels side by side, at most
  double panel_width = 0;  ///< pixels inside the axes; 0: what fills 900 pixels
  double panel_height = 190;
  bool shared_y_axis = true;  ///< all panels show the same range
};

namespace detail {

inline void check_curve(const Curve& curve) {
  const std::string where = "curve '" + curve.name + "'";
  require_equal(where, "y values, one per x,", curve.x.size(), curve.y.size());
  require_equal(where, "interval ends on both sides", curve.low.size(), curve.high.size());
  if (!curve.low.empty()) require_equal(where, "interval ends, one per x,", curve.x.size(), curve.low.size());
}

[[nodiscard]] inline gnuplot::Range y_range(const CurvePanel& panel) {
  gnuplot::Range range;
  for (const Curve& curve : panel.curves)
    for (const std::vector<double>* values : {&curve.y, &curve.low, &curve.high})
      if (values == &curve.y || curve.uncertainty != Uncertainty::numbers)
        for (const double value : *values) range.include(value);
  if (panel.reference) range.include(panel.reference->y);
  return range;
}

[[nodiscard]] inline std::string axis(char name, gnuplot::Range range, bool percent, double pieces = 5) {
  const double scale = percent ? 100 : 1;
  return text("set ", name, "range [", format_number(range.low * scale), ":", format_number(range.high * scale),
              "]\nset ", name, "tics ", format_number(range.step(pieces) * scale), "\nset format ", name, " '",
              percent ? "%g%%" : "%g", "'\n");
}

// Room for the numbers and the label of a y axis.
[[nodiscard]] inline double axis_room(gnuplot::Range range, bool percent) {
  const double scale = percent ? 100 : 1;
  double widest = 0;
  for (double tic = range.low; tic <= range.high + range.step() / 2; tic += range.step()) {
    std::ostringstream label;
    label << std::setprecision(6) << (std::abs(tic) < range.step() / 1e6 ? 0 : tic * scale) << (percent ? "%" : "");
    widest = std::max(widest, gnuplot::text_width(label.str(), 11));
  }
  return std::max(60.0, widest + 46);
}

// Whether names side by side would touch.
[[nodiscard]] inline bool crowded_names(const std::vector<std::string>& names, double panel_width) {
  double widest = 0;
  for (const std::string& name : names) widest = std::max(widest, gnuplot::text_width(name, 11));
  return widest + 8 > panel_width / static_cast<double>(std::max<std::size_t>(1, names.size()));
}

[[nodiscard]] inline std::string named_tics(const std::vector<std::string>& names, double panel_width) {
  std::string tics;
  for (std::size_t i = 0; i < names.size(); ++i)
    tics += text(i > 0 ? ", " : "", gnuplot::quote(gnuplot::literal_percents(names[i])), " ", i);
  return text("set xtics nomirror scale 0.5 ", crowded_names(names, panel_width) ? "rotate by 40 right" : "norotate",
              " (", tics, ")\n");
}

[[nodiscard]] inline std::string_view dash(LineStyle style) {
  return style == LineStyle::solid ? "solid" : style == LineStyle::dashed ? "(7,4)" : "(1.5,3)";
}

// Data blocks and plot clauses of one panel: bands below, reference line, lines on top.
[[nodiscard]] inline std::string plot_curves(const CurvePanel& panel, std::size_t number) {
  const double x_scale = panel.x_percent ? 100 : 1;
  const double y_scale = panel.y_percent ? 100 : 1;
  std::string data;
  std::string below;
  std::string above;
  for (std::size_t c = 0; c < panel.curves.size(); ++c) {
    const Curve& curve = panel.curves[c];
    const std::string block = text("$panel", number, "curve", c);
    const std::string color = text("lc rgb '", palette::color(curve.color), "', ");
    data += block + " << EOD\n";
    for (std::size_t i = 0; i < curve.x.size(); ++i)
      data += gnuplot::row({(curve.x[i] + curve.dodge) * x_scale, curve.y[i] * y_scale,
                            curve.low.empty() ? undefined_number : curve.low[i] * y_scale,
                            curve.high.empty() ? undefined_number : curve.high[i] * y_scale});
    data += "EOD\n";
    if (curve.x.empty()) continue;
    if (!curve.low.empty() && curve.uncertainty == Uncertainty::band)
      below += text(block, " using 1:3:4 with filledcurves ", color);
    if (!curve.low.empty() && curve.uncertainty == Uncertainty::bars)
      below += text(block, " using 1:3:(0):($4-$3) with vectors nohead lw 1.5 dt solid ", color);
    above += text(block, " using 1:2 with lines lw ", curve.width, " dt ", dash(curve.style), " ", color);
    if (curve.points)
      above += text(block, " using 1:2 with points pt ", palette::shape(curve.shape), " ps ",
                    curve.shape == 0 ? 0.42 : 0.55, " ", color);
  }
  if (panel.reference)
    below +=
        text(format_number(panel.reference->y * y_scale), " with lines lw 1.2 dt (5,4) lc rgb '", palette::axis, "', ");
  std::string clauses = below + above;
  if (clauses.empty()) return data + "plot NaN\n";
  clauses.resize(clauses.size() - 2);
  return data + "plot " + clauses + "\n";
}

}  // namespace detail

/// Throws ShapeError if a curve's parts differ in length.
[[nodiscard]] inline Figure curves_figure(const CurvesOptions& options) {
  const auto panels = static_cast<int>(options.panels.size());
  require_setting(panels >= 1 && options.columns >= 1, "curves figure '" + options.name + "'",
                  "at least 1 panel and 1 column", panels);
  const int columns = std::min(options.columns, panels);
  const int rows = (panels + columns - 1) / columns;

  std::vector<gnuplot::LegendEntry> entries;
  gnuplot::Range shared;
  bool crowded = false;
  Figure figure{.name = options.name, .script = {}, .columns = {"panel", "curve", "x", "y", "low", "high"}, .rows = {}};
  for (const CurvePanel& panel : options.panels) {
    const gnuplot::Range range = detail::y_range(panel);
    shared.include(range.low);
    shared.include(range.high);
    for (const Curve& curve : panel.curves) {
      detail::check_curve(curve);
      const auto same = [&](const gnuplot::LegendEntry& entry) { return entry.name == curve.name; };
      if (!curve.name.empty() && std::none_of(entries.begin(), entries.end(), same))
        entries.push_back({curve.name, palette::color(curve.color),
                           curve.style == LineStyle::solid    ? gnuplot::Mark::line
                           : curve.style == LineStyle::dashed ? gnuplot::Mark::dashed_line
                                                              : gnuplot::Mark::dotted_line,
                           curve.points && curve.shape > 0 ? curve.shape : -1});
      for (std::size_t i = 0; i < curve.x.size(); ++i) {
        const auto place = static_cast<std::size_t>(std::max(0.0, curve.x[i]));
        const CsvValue x = place < panel.x_names.size() ? CsvValue(panel.x_names[place]) : CsvValue(curve.x[i]);
        const bool interval = !curve.low.empty();
        figure.rows.push_back({panel.title, curve.name, x, curve.y[i], interval ? CsvValue(curve.low[i]) : "",
                               interval ? CsvValue(curve.high[i]) : ""});
      }
    }
  }

  constexpr double full_width = 900;
  double left = 0;
  double right = 18;
  for (const CurvePanel& panel : options.panels) {
    left = std::max(
        left, detail::axis_room((options.shared_y_axis ? shared : detail::y_range(panel)).rounded(), panel.y_percent));
    if (panel.reference) right = std::max(right, gnuplot::text_width(panel.reference->label, 10.5) + 16);
  }
  const double gap = (options.shared_y_axis ? left - 14 : left + 4) + right - 18;
  const double free_width = full_width - left - right - gap * (columns - 1);
  const double panel_width = options.panel_width > 0 ? options.panel_width : std::min(560.0, free_width / columns);
  for (const CurvePanel& panel : options.panels) crowded = crowded || detail::crowded_names(panel.x_names, panel_width);
  figure.width = left + right + panel_width * columns + gap * (columns - 1);
  const double below = crowded ? 84 : 52;
  const bool titled = std::any_of(options.panels.begin(), options.panels.end(),
                                  [](const CurvePanel& panel) { return !panel.title.empty(); });
  const double above = titled ? 34 : 12;
  // The height of the legend depends on the width only, its place in the script on the height.
  const double legend_height = gnuplot::legend(figure, left, entries).second;
  figure.height = legend_height + rows * (above + options.panel_height + below);

  std::string& script = figure.script;
  script = gnuplot::style() + "set multiplot\n" + gnuplot::legend(figure, left, entries).first;
  for (int p = 0; p < panels; ++p) {
    const CurvePanel& panel = options.panels[static_cast<std::size_t>(p)];
    gnuplot::Box box;
    box.left = left + (p % columns) * (panel_width + gap);
    box.right = box.left + panel_width;
    const int row = p / columns;
    box.top = legend_height + row * (above + options.panel_height + below) + above;
    box.bottom = box.top + options.panel_height;
    gnuplot::Range y = (options.shared_y_axis ? shared : detail::y_range(panel)).rounded();
    if (panel.y_low) y.low = *panel.y_low;
    if (panel.y_high) y.high = *panel.y_high;
    gnuplot::Range x;
    for (const Curve& curve : panel.curves)
      for (const double value : curve.x) x.include(value + curve.dodge);
    if (!panel.x_names.empty()) {
      x = {.low = -0.4, .high = static_cast<double>(panel.x_names.size()) - 0.6};
    } else if (!(x.low < x.high)) {
      x = x.rounded();
    }
    script += gnuplot::margins(figure, box) + gnuplot::panel_title(figure, box, panel.title);
    script += gnuplot::axis_labels(figure, box,
                                   {.x = panel.x_label,
                                    .y = p % columns == 0 || !options.shared_y_axis ? panel.y_label : "",
                                    .x_distance = below - 10,
                                    .y_distance = left - 18});
    script += detail::axis('x', x, panel.x_percent, panel_width / 65) + detail::axis('y', y, panel.y_percent);
    script += panel.x_names.empty() ? "set xtics norotate\n" : detail::named_tics(panel.x_names, panel_width);
    if (panel.reference)
      script += text("set label ", gnuplot::quote(panel.reference->label), " at graph 1, first ",
                     format_number(panel.reference->y * (panel.y_percent ? 100 : 1)),
                     " left offset 0.7,0 font ',10.5' textcolor rgb '", palette::label, "'\n");
    script += detail::plot_curves(panel, static_cast<std::size_t>(p));
    script += "unset label\nunset object\nunset arrow\n";
  }
  script += "unset multiplot\n";
  return figure;
}

}  // namespace fusiform
