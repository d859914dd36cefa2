#pragma once
/// Dot figures: estimates with intervals in named rows, beside a null distribution or a ceiling. For indices of several
/// nets, controls, correlations of measures.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/report/curves.hpp>

namespace fusiform {

/// One estimate. Not finite: nothing is drawn.
struct DotMark {
  double value = undefined_number;
  double low = undefined_number;
  double high = undefined_number;
};

/// What one panel shows in one row.
struct DotCell {
  std::vector<DotMark> marks;      ///< one per series
  std::vector<double> cloud = {};  ///< draws of a null distribution, small grey dots
  double band_low = undefined_number;
  double band_high = undefined_number;  ///< where most of the null distribution lies
  std::string note = {};                ///< at the right end, such as "p = 0.02"
};

/// A vertical line or stretch through all rows, such as a ceiling.
struct DotReference {
  std::string label;
  double value = undefined_number;
  double low = undefined_number;
  double high = undefined_number;
};

struct DotPanel {
  std::string title;
  std::vector<DotCell> cells;  ///< one per row
  std::optional<DotReference> reference = {};
};

struct DotSeries {
  std::string name;
  int color = 0;
};

struct DotsOptions {
  std::string name;               ///< of the files
  std::vector<std::string> rows;  ///< names, from top to bottom
  std::vector<DotSeries> series;  ///< several share a row, one below the other
  std::vector<DotPanel> panels;
  std::string x_label = {};
  std::string cloud_name = {};  ///< in the legend
  std::string band_name = {};
  bool percent = false;
  int columns = 2;  ///< panels side by side, at most
};

namespace detail {

inline void check_dots(const DotsOptions& options) {
  const std::string where = "dots figure '" + options.name + "'";
  require_setting(!options.rows.empty() && !options.panels.empty() && options.columns >= 1, where,
                  "at least 1 row, 1 panel and 1 column", options.rows.size());
  for (const DotPanel& panel : options.panels) {
    require_equal(where, "cells, one per row,", options.rows.size(), panel.cells.size());
    for (const DotCell& cell : panel.cells)
      require_equal(where, "marks, one per series,", options.series.size(), cell.marks.size());
  }
}

[[nodiscard]] inline gnuplot::Range dots_range(const DotsOptions& options) {
  gnuplot::Range range;
  const auto include = [&](double a, double b, double c) {
    for (const double value : {a, b, c}) range.include(value);
  };
  for (const DotPanel& panel : options.panels) {
    if (panel.reference) include(panel.reference->value, panel.reference->low, panel.reference->high);
    for (const DotCell& cell : panel.cells) {
      for (const DotMark& mark : cell.marks) include(mark.value, mark.low, mark.high);
      for (const double value : cell.cloud) range.include(value);
      include(cell.band_low, cell.band_high, undefined_number);
    }
  }
  range.include(0);
  return range;
}

inline void add_dot_rows(Figure& figure, const DotsOptions& options) {
  for (const DotPanel& panel : options.panels) {
    if (panel.reference)
      figure.rows.push_back({panel.title, "", panel.reference->label, panel.reference->value, panel.reference->low,
                             panel.reference->high, ""});
    for (std::size_t r = 0; r < options.rows.size(); ++r) {
      const DotCell& cell = panel.cells[r];
      for (std::size_t s = 0; s < options.series.size(); ++s)
        if (std::isfinite(cell.marks[s].value))
          figure.rows.push_back({panel.title, options.rows[r], options.series[s].name, cell.marks[s].value,
                                 cell.marks[s].low, cell.marks[s].high, s == 0 ? cell.note : ""});
      if (std::isfinite(cell.band_low))
        figure.rows.push_back(
            {panel.title, options.rows[r], options.band_name, undefined_number, cell.band_low, cell.band_high, ""});
      for (const double value : cell.cloud)
        figure.rows.push_back(
            {panel.title, options.rows[r], options.cloud_name, value, undefined_number, undefined_number, ""});
    }
  }
}

/// Data and plot clauses of one panel. Row r lies at y = -r.
[[nodiscard]] inline std::string plot_dots(const DotsOptions& options, const DotPanel& panel, std::size_t number) {
  const double scale = options.percent ? 100 : 1;
  const auto series = static_cast<double>(options.series.size());
  std::string data = text("$cloud", number, " << EOD\n");
  std::string bands;
  std::string script;
  for (std::size_t r = 0; r < options.rows.size(); ++r) {
    const DotCell& cell = panel.cells[r];
    const double y = -static_cast<double>(r);
    // The draws lie in three lanes, so that neighbours show.
    for (std::size_t i = 0; i < cell.cloud.size(); ++i)
      data += gnuplot::row({cell.cloud[i] * scale, y + 0.14 * (static_cast<double>(i % 3) - 1)});
    if (std::isfinite(cell.band_low) && std::isfinite(cell.band_high))
      bands += text("set object rect from first ", format_number(cell.band_low * scale), ", first ", y - 0.32,
                    " to first ", format_number(cell.band_high * scale), ", first ", y + 0.32,
                    " behind fs solid 0.3 noborder fc rgb '", palette::neutral, "'\n");
    if (!cell.note.empty())
      script += text("set label ", gnuplot::quote(cell.note), " at graph 1, first ", y,
                     " left offset 0.7,0 font ',10.5' textcolor rgb '", palette::label, "'\n");
  }
  data += "NaN NaN\nEOD\n";
  std::string clauses = text("$cloud", number, " using 1:2 with points pt 6 ps 0.38 lc rgb '", palette::label, "'");
  for (std::size_t s = 0; s < options.series.size(); ++s) {
    data += text("$dots", number, "series", s, " << EOD\n");
    for (std::size_t r = 0; r < options.rows.size(); ++r) {
      const DotMark& mark = panel.cells[r].marks[s];
      const double y = -static_cast<double>(r) - (static_cast<double>(s) - (series - 1) / 2) * 0.7 / series;
      data += gnuplot::row({mark.value * scale, y, mark.low * scale, mark.high * scale});
    }
    data += "EOD\n";
    const std::string block = text(", $dots", number, "series", s);
    const std::string color = text(" lc rgb '", palette::color(options.series[s].color), "'");
    clauses += block + " using 3:2:($4-$3):(0) with vectors nohead lw 2" + color;
    clauses += text(block, " using 1:2 with points pt ", palette::shape(static_cast<int>(s)), " ps 0.8", color);
  }
  if (panel.reference) {
    const DotReference& reference = *panel.reference;
    if (std::isfinite(reference.low) && std::isfinite(reference.high))
      bands += text("set object rect from first ", format_number(reference.low * scale), ", graph 0 to first ",
                    format_number(reference.high * scale), ", graph 1 behind fs solid 0.14 noborder fc rgb '",
                    palette::ink, "'\n");
    if (std::isfinite(reference.value))
      script += text("set arrow from first ", format_number(reference.value * scale), ", graph 0 to first ",
                     format_number(reference.value * scale), ", graph 1 nohead lw 1.2 dt (5,4) lc rgb '", palette::ink,
                     "'\n");
  }
  return script + bands + data + "plot " + clauses + "\n";
}

[[nodiscard]] inline std::string row_tics(const std::vector<std::string>& rows, bool named) {
  std::string tics;
  for (std::size_t r = 0; r < rows.size(); ++r)
    tics += text(r > 0 ? ", " : "", gnuplot::quote(named ? gnuplot::literal_percents(rows[r]) : ""), " ",
                 -static_cast<double>(r));
  return text("set yrange [", -static_cast<double>(rows.size()) + 0.4, ":0.6]\nset ytics nomirror scale 0 (", tics,
              ")\n");
}

[[nodiscard]] inline std::vector<gnuplot::LegendEntry> dots_legend(const DotsOptions& options) {
  std::vector<gnuplot::LegendEntry> entries;
  for (std::size_t s = 0; s < options.series.size(); ++s)
    if (!options.series[s].name.empty())
      entries.push_back(
          {options.series[s].name, palette::color(options.series[s].color), gnuplot::Mark::line, static_cast<int>(s)});
  if (!options.cloud_name.empty())
    entries.push_back({options.cloud_name, std::string(palette::label), gnuplot::Mark::point, 5});
  if (!options.band_name.empty())
    entries.push_back({options.band_name, std::string(palette::neutral), gnuplot::Mark::block, -1, 0.3});
  for (const DotPanel& panel : options.panels) {
    const auto same = [&](const gnuplot::LegendEntry& entry) { return entry.name == panel.reference->label; };
    if (panel.reference && std::none_of(entries.begin(), entries.end(), same))
      entries.push_back({panel.reference->label, std::string(palette::ink), gnuplot::Mark::dashed_line});
  }
  return entries;
}

}  // namespace detail

/// Throws ConfigError without rows or panels, ShapeError unless each panel has a cell per row and each cell a mark per
/// series.
[[nodiscard]] inline Figure dots_figure(const DotsOptions& options) {
  detail::check_dots(options);
  const std::size_t columns = std::min(static_cast<std::size_t>(options.columns), options.panels.size());
  const std::size_t panel_rows = (options.panels.size() + columns - 1) / columns;
  Figure figure{.name = options.name,
                .script = {},
                .columns = {"panel", "row", "series", "value", "low", "high", "note"},
                .rows = {}};
  detail::add_dot_rows(figure, options);
  double left = 60;
  double right = 18;
  for (const std::string& row : options.rows) left = std::max(left, gnuplot::text_width(row, 11) + 24);
  for (const DotPanel& panel : options.panels)
    for (const DotCell& cell : panel.cells) right = std::max(right, gnuplot::text_width(cell.note, 10.5) + 16);
  const auto gaps = static_cast<double>(columns - 1);
  const double gap = std::max(right + 10, 48.0);  // the last number of one axis and the first of the next fit in
  const double panel_width = std::clamp((900 - left - right - gaps * gap) / static_cast<double>(columns), 150.0, 460.0);
  const double row_height = std::max(22.0, 11.0 * static_cast<double>(options.series.size()) + 8);
  const double panel_height = row_height * static_cast<double>(options.rows.size());
  figure.width = left + panel_width * static_cast<double>(columns) + gap * gaps + right;
  const std::vector<gnuplot::LegendEntry> entries = detail::dots_legend(options);
  const double legend_height = gnuplot::legend(figure, left, entries).second;
  constexpr double above = 34;
  constexpr double below = 56;
  figure.height = legend_height + static_cast<double>(panel_rows) * (above + panel_height + below);

  std::string& script = figure.script;
  script = gnuplot::style() + "set multiplot\n" + gnuplot::legend(figure, left, entries).first;
  const double pieces = std::max(2.0, panel_width / 70);
  const gnuplot::Range x = detail::dots_range(options).rounded(pieces);
  for (std::size_t p = 0; p < options.panels.size(); ++p) {
    const auto column = static_cast<double>(p % columns);
    const std::size_t row_number = p / columns;
    const auto row = static_cast<double>(row_number);
    gnuplot::Box box;
    box.left = left + column * (panel_width + gap);
    box.right = box.left + panel_width;
    box.top = legend_height + row * (above + panel_height + below) + above;
    box.bottom = box.top + panel_height;
    script += gnuplot::margins(figure, box) + gnuplot::panel_title(figure, box, options.panels[p].title) +
              gnuplot::axis_labels(figure, box, {.x = options.x_label, .y = {}, .x_distance = 42}) +
              detail::axis('x', x, options.percent, pieces) + detail::row_tics(options.rows, p % columns == 0) +
              text("set grid xtics noytics\nset yzeroaxis lt 1 lw 1 lc rgb '", palette::axis, "'\n") +
              detail::plot_dots(options, options.panels[p], p) + "unset label\nunset object\nunset arrow\n";
  }
  script += "unset multiplot\n";
  return figure;
}

}  // namespace fusiform
