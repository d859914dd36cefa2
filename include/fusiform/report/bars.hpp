#pragma once
/// Grouped bars with error bars: performance after lesions, accuracies of nets.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/report/curves.hpp>

namespace fusiform {

/// The bars of one colour, one in each group. A value that is not finite leaves its place empty.
struct BarSeries {
  std::string name;
  std::vector<double> values;
  std::vector<double> low = {};  ///< ends of the intervals; empty for none
  std::vector<double> high = {};
  int color = 0;
  std::vector<double> markers = {};  ///< a second measure, a diamond in each bar's column; empty for none
};

struct BarsOptions {
  std::string name;                 ///< of the files
  std::vector<std::string> groups;  ///< names along the x axis
  std::vector<BarSeries> series;
  std::string marker_name = {};  ///< of the second measure, in legend and numbers
  std::string x_label = {};
  std::string y_label = {};
  bool percent = true;  ///< values are shares
  std::optional<ReferenceLine> reference = {};
  std::optional<double> y_low = {};
  std::optional<double> y_high = {};
  double height = 260;  ///< pixels inside the axes
};

/// Throws ShapeError if a series does not have one value per group.
[[nodiscard]] inline Figure bars_figure(const BarsOptions& options) {
  const std::string where = "bars figure '" + options.name + "'";
  require_setting(!options.groups.empty() && !options.series.empty(), where, "at least 1 group and 1 series",
                  options.series.size());
  Figure figure{.name = options.name, .script = {}, .columns = {"group", "series", "value", "low", "high"}, .rows = {}};
  std::vector<gnuplot::LegendEntry> entries;
  gnuplot::Range range{.low = 0, .high = 0};
  for (const BarSeries& series : options.series) {
    require_equal(where, "values, one per group,", options.groups.size(), series.values.size());
    if (!series.low.empty() || !series.high.empty()) {
      require_equal(where, "interval ends, one per group,", options.groups.size(), series.low.size());
      require_equal(where, "interval ends, one per group,", options.groups.size(), series.high.size());
    }
    if (!series.markers.empty())
      require_equal(where, "markers, one per group,", options.groups.size(), series.markers.size());
    const auto place = static_cast<int>(entries.size());
    entries.push_back({series.name, palette::color(series.color), gnuplot::Mark::block, -1, palette::density(place)});
    for (const std::vector<double>* values : {&series.values, &series.low, &series.high, &series.markers})
      for (const double value : *values) range.include(value);
  }
  if (!options.marker_name.empty())
    entries.push_back({options.marker_name, std::string(palette::ink), gnuplot::Mark::point, 3});
  for (std::size_t g = 0; g < options.groups.size(); ++g)
    for (const BarSeries& series : options.series) {
      figure.rows.push_back({options.groups[g], series.name, series.values[g],
                             series.low.empty() ? CsvValue("") : CsvValue(series.low[g]),
                             series.high.empty() ? CsvValue("") : CsvValue(series.high[g])});
      if (!series.markers.empty())
        figure.rows.push_back({options.groups[g], series.name + ", " + options.marker_name, series.markers[g], "", ""});
    }
  if (options.reference) range.include(options.reference->y);
  if (range.low == range.high) range.high = 1;
  range = range.rounded();
  if (options.y_low) range.low = *options.y_low;
  if (options.y_high) range.high = *options.y_high;

  const auto groups = static_cast<double>(options.groups.size());
  const auto bars = static_cast<double>(options.series.size());
  const double left = detail::axis_room(range, options.percent);
  const double group_width = std::clamp(bars * 52 + 44, 110.0, 240.0);
  const double inner = std::clamp(groups * group_width, 300.0, 820.0);
  figure.width =
      std::max(560.0, left + inner + 24 + (options.reference ? gnuplot::text_width(options.reference->label) : 0));
  const bool crowded = detail::crowded_names(options.groups, inner);
  const double legend_height = gnuplot::legend(figure, left, entries).second;
  const gnuplot::Box box{
      .left = left, .top = legend_height + 14, .right = left + inner, .bottom = legend_height + 14 + options.height};
  figure.height = box.bottom + (crowded ? 84 : options.x_label.empty() ? 34 : 52);

  const double scale = options.percent ? 100 : 1;
  const double bar_width = 0.72 / bars;
  const double gap = std::min(0.012, bar_width / 10);
  std::string data;
  std::string blocks;
  std::string whiskers;
  for (std::size_t s = 0; s < options.series.size(); ++s) {
    const BarSeries& series = options.series[s];
    data += text("$series", s, " << EOD\n");
    for (std::size_t g = 0; g < options.groups.size(); ++g) {
      const double center = static_cast<double>(g) + (static_cast<double>(s) - (bars - 1) / 2) * bar_width;
      const bool interval = !series.low.empty();
      data += gnuplot::row({center, series.values[g] * scale, bar_width / 2 - gap,
                            interval ? series.low[g] * scale : undefined_number,
                            interval ? series.high[g] * scale : undefined_number,
                            series.markers.empty() ? undefined_number : series.markers[g] * scale});
    }
    data += "EOD\n";
    blocks +=
        text(blocks.empty() ? "" : ", ", "$series", s,
             " using 1:($2/2):($1-$3):($1+$3):(0):2 with boxxyerror fs solid ", palette::density(static_cast<int>(s)),
             " border lc rgb '", palette::color(series.color), "' lc rgb '", palette::color(series.color), "'");
    if (!series.low.empty())
      whiskers += text(", $series", s, " using 1:4:(0):($5-$4) with vectors nohead lw 1.6 lc rgb '", palette::ink, "'");
  }

  std::string markers;
  for (std::size_t s = 0; s < options.series.size(); ++s)
    if (!options.series[s].markers.empty())
      markers +=
          text(", $series", s, " using 1:6 with points pt ", palette::shape(3), " ps 0.8 lc rgb '", palette::ink, "'");

  std::string& script = figure.script;
  script = gnuplot::style() + gnuplot::legend(figure, left, entries).first + gnuplot::margins(figure, box) +
           gnuplot::axis_labels(figure, box,
                                {.x = options.x_label,
                                 .y = options.y_label,
                                 .x_distance = figure.height - box.bottom - 10,
                                 .y_distance = left - 18}) +
           detail::axis('x', {.low = -0.5, .high = groups - 0.5}, false) + detail::axis('y', range, options.percent) +
           detail::named_tics(options.groups, inner) + "set xtics scale 0\n";
  if (range.low < 0) script += text("set xzeroaxis lt 1 lw 1 lc rgb '", palette::axis, "'\n");
  std::string reference;
  if (options.reference) {
    script += text("set label ", gnuplot::quote(options.reference->label), " at graph 1, first ",
                   format_number(options.reference->y * scale), " left offset 0.7,0 font ',10.5' textcolor rgb '",
                   palette::label, "'\n");
    reference = text(", ", format_number(options.reference->y * scale), " with lines lw 1.2 dt (5,4) lc rgb '",
                     palette::axis, "'");
  }
  script += data + "plot " + blocks + whiskers + markers + reference + "\n";
  return figure;
}

}  // namespace fusiform
