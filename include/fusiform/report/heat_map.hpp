#pragma once
/// Heat maps of square matrices: dissimilarities of classes, similarities of layers and nets, synergies of units.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/report/curves.hpp>

namespace fusiform {

/// Neighbouring rows that belong together, such as the classes of a task. Borders are drawn between groups.
struct HeatMapGroup {
  std::string name;
  std::size_t size = 0;
};

/// Row and column i are the same thing. Values that are not finite stay grey.
struct HeatMapPanel {
  std::string title;
  std::vector<std::vector<double>> values;
  std::vector<HeatMapGroup> groups;
};

struct HeatMapOptions {
  std::string name;  ///< of the files
  std::vector<HeatMapPanel> panels;
  std::vector<std::string> names;  ///< of rows and columns, the same in all panels
  bool show_names = false;         ///< at each row and column; else only the groups'
  std::string axis_label = {};     ///< what rows and columns are
  std::string color_label = {};    ///< what the colours mean, with unit
  bool diverging = false;          ///< colours that part at 0, with ends as far below it as above
  std::optional<double> low = {};  ///< ends of the colour scale
  std::optional<double> high = {};
  int columns = 3;  ///< panels side by side, at most
};

namespace detail {

inline void check_heat_map(const HeatMapOptions& options) {
  const std::string where = "heat map '" + options.name + "'";
  require_setting(!options.panels.empty() && !options.names.empty() && options.columns >= 1, where,
                  "at least 1 panel, 1 row and 1 column", options.panels.size());
  for (const HeatMapPanel& panel : options.panels) {
    require_equal(where, "rows, one per name,", options.names.size(), panel.values.size());
    for (const auto& row : panel.values)
      require_equal(where, "columns, one per name,", options.names.size(), row.size());
    std::size_t grouped = 0;
    for (const HeatMapGroup& group : panel.groups) grouped += group.size;
    if (!panel.groups.empty()) require_equal(where, "rows in groups", options.names.size(), grouped);
  }
}

[[nodiscard]] inline gnuplot::Range color_range(const HeatMapOptions& options) {
  gnuplot::Range range;
  for (const HeatMapPanel& panel : options.panels)
    for (const auto& row : panel.values)
      for (const double value : row) range.include(value);
  range = range.rounded();
  if (options.diverging) {
    range.high = std::max(std::abs(range.low), std::abs(range.high));
    range.low = -range.high;
  }
  if (options.low) range.low = *options.low;
  if (options.high) range.high = *options.high;
  return range;
}

/// Where the widest name of the groups and, if shown, of the rows begins.
[[nodiscard]] inline double heat_map_names_width(const HeatMapOptions& options) {
  double widest = 0;
  for (const HeatMapPanel& panel : options.panels)
    for (const HeatMapGroup& group : panel.groups)
      widest = std::max(widest, options.show_names ? 0 : gnuplot::text_width(group.name, 11));
  for (const std::string& name : options.names)
    widest = std::max(widest, options.show_names ? gnuplot::text_width(name, 11) : 0);
  return widest;
}

/// Tics: names at each row, or names in the middle of each group. Borders of the groups as arrows.
[[nodiscard]] inline std::string heat_map_frame(const HeatMapOptions& options, const HeatMapPanel& panel, bool turned,
                                                bool left_names) {
  const std::string_view border = options.diverging ? palette::ink : std::string_view("white");
  const double n = static_cast<double>(options.names.size());
  std::string tics;
  std::string script;
  const auto tic = [&](const std::string& name, double place) {
    tics += text(tics.empty() ? "" : ", ", gnuplot::quote(gnuplot::literal_percents(name)), " ", place);
  };
  if (options.show_names)
    for (std::size_t i = 0; i < options.names.size(); ++i) tic(options.names[i], static_cast<double>(i));
  double first = 0;
  for (const HeatMapGroup& group : panel.groups) {
    const auto size = static_cast<double>(group.size);
    const double middle = first + size / 2 - 0.5;
    if (!options.show_names) tic(group.name, middle);
    if (options.show_names && panel.groups.size() > 1)
      script += text("set label ", gnuplot::quote(group.name), " at first ", middle,
                     ", graph 1 left rotate by 30 offset 0,0.5 font ',11' textcolor rgb '", palette::ink, "'\n");
    first += size;
    const std::string edge = format_number(first - 0.5);
    if (first < n)
      for (const char axis : {'x', 'y'})
        script += axis == 'x' ? text("set arrow from first ", edge, ", graph 0 to first ", edge,
                                     ", graph 1 nohead front lw 1.4 lc rgb '", border, "'\n")
                              : text("set arrow from graph 0, first ", edge, " to graph 1, first ", edge,
                                     " nohead front lw 1.4 lc rgb '", border, "'\n");
  }
  const std::string range = text("[-0.5:", n - 0.5, "]\n");
  script += "set xrange " + range + "set yrange " + text("[", n - 0.5, ":-0.5]\n");
  script += text("set xtics nomirror scale 0 ", turned ? "rotate by 90 right" : "norotate", " (", tics, ")\n");
  script += left_names ? text("set ytics nomirror scale 0 (", tics, ")\n") : std::string("set ytics scale 0 ('' 0)\n");
  return script;
}

[[nodiscard]] inline std::string heat_map_data(const HeatMapPanel& panel, std::size_t number) {
  std::string data = text("$heat", number, " << EOD\n");
  for (std::size_t i = 0; i < panel.values.size(); ++i)
    for (std::size_t j = 0; j < panel.values.size(); ++j)
      data += gnuplot::row({static_cast<double>(j), static_cast<double>(i), panel.values[i][j]});
  return data + "EOD\n";
}

}  // namespace detail

/// Throws ConfigError without panels or names, ShapeError unless all matrices are square with one row per name and
/// groups cover them.
[[nodiscard]] inline Figure heat_map_figure(const HeatMapOptions& options) {
  detail::check_heat_map(options);
  const std::size_t columns = std::min(static_cast<std::size_t>(options.columns), options.panels.size());
  const std::size_t panel_rows = (options.panels.size() + columns - 1) / columns;
  Figure figure{.name = options.name, .script = {}, .columns = {"panel", "row", "column", "value"}, .rows = {}};
  for (const HeatMapPanel& panel : options.panels)
    for (std::size_t i = 0; i < options.names.size(); ++i)
      for (std::size_t j = 0; j < options.names.size(); ++j)
        figure.rows.push_back({panel.title, options.names[i], options.names[j], panel.values[i][j]});

  const double names_width = detail::heat_map_names_width(options);
  const double label_room = options.axis_label.empty() ? 0 : 20;
  const double left = std::max(24.0, names_width + 18) + label_room;
  constexpr double scale_width = 84;  // the colour scale with its numbers
  constexpr double gap = 26;
  const auto gaps = static_cast<double>(columns - 1);
  const double room = (900 - left - scale_width - gap * gaps) / static_cast<double>(columns);
  const double n = static_cast<double>(options.names.size());
  const double side = options.show_names ? std::max({n * 13.5, std::min(n * 24, room), 240.0}) : std::min(260.0, room);
  double narrowest = side;
  bool has_groups = false;
  for (const HeatMapPanel& panel : options.panels)
    for (const HeatMapGroup& group : panel.groups) {
      narrowest = std::min(narrowest, side * static_cast<double>(group.size) / n);
      has_groups = has_groups || panel.groups.size() > 1;
    }
  const bool turned = names_width + 6 > (options.show_names ? side / n : narrowest);
  const double below = (turned ? names_width + 24 : 34) + label_room;
  double group_width = 0;
  for (const HeatMapPanel& panel : options.panels)
    for (const HeatMapGroup& group : panel.groups)
      group_width = std::max(group_width, gnuplot::text_width(group.name, 11));
  // Names of groups stand slanted above the panels.
  const double above = options.show_names && has_groups ? 56 + group_width / 2 : 34;
  figure.width = left + side * static_cast<double>(columns) + gap * gaps + scale_width;
  figure.height = static_cast<double>(panel_rows) * (above + side + below);

  const gnuplot::Range range = detail::color_range(options);
  std::string& script = figure.script;
  script = gnuplot::style() + std::string(options.diverging ? palette::diverging : palette::sequential) +
           text("unset grid\nunset border\nset style fill solid 1 noborder\nset multiplot\nset cbrange [",
                format_number(range.low), ":", format_number(range.high), "]\nset cbtics nomirror scale 0 ",
                format_number(range.step()), " font ',11' textcolor rgb '", palette::label, "'\nset format cb '%g'\n");
  for (std::size_t p = 0; p < options.panels.size(); ++p) {
    gnuplot::Box box;
    box.left = left + static_cast<double>(p % columns) * (side + gap);
    box.right = box.left + side;
    const std::size_t row = p / columns;
    box.top = static_cast<double>(row) * (above + side + below) + above;
    box.bottom = box.top + side;
    gnuplot::Box title = box;
    title.top -= above - 34;
    const double scale_height = std::min(side, 200.0);
    const double scale_left = figure.width - scale_width + 14;
    if (p == 0) {
      script += text("set colorbox vertical user origin screen ", scale_left / figure.width, ", screen ",
                     1 - (box.top + scale_height) / figure.height, " size screen ", 12 / figure.width, ", screen ",
                     scale_height / figure.height, " noborder\nset label ", gnuplot::quote(options.color_label), " at ",
                     gnuplot::screen(figure, figure.width - 12, box.top + scale_height / 2),
                     " center rotate by 90 font ',12' textcolor rgb '", palette::label, "'\n");
    } else {
      script += "unset colorbox\n";
    }
    script += gnuplot::margins(figure, box) + gnuplot::panel_title(figure, title, options.panels[p].title) +
              gnuplot::axis_labels(figure, box,
                                   {.x = options.axis_label,
                                    .y = p % columns == 0 ? options.axis_label : "",
                                    .x_distance = below - 14,
                                    .y_distance = left - 12}) +
              detail::heat_map_frame(options, options.panels[p], turned, p % columns == 0) +
              text("set object rect from graph 0, graph 0 to graph 1, graph 1 behind fs solid 1 noborder fc rgb '",
                   palette::grid, "'\n") +
              detail::heat_map_data(options.panels[p], p) + text("plot $heat", p, " using 1:2:3 with image\n") +
              "unset label\nunset object\nunset arrow\n";
  }
  script += "unset multiplot\n";
  return figure;
}

}  // namespace fusiform
