#pragma once
/// Figures: how single classes and named groups of classes fare under a layer's lesions.

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/io/csv.hpp>
#include <fusiform/report/curves.hpp>
#include <fusiform/report/dots.hpp>
#include <fusiform/study/report/lesions.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// Defined drops of one task's classes under the lesion of one task's units, the largest first.
[[nodiscard]] inline std::vector<double> sorted_class_drops(const CsvTable& table, const std::string& layer,
                                                            const std::string& task, const std::string& sort_task) {
  std::vector<double> drops;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto is = [&](const char* column, const std::string& value) {
      return table.rows[row][table.column(column)] == value;
    };
    if (!is("layer", layer) || !is("task", task) || !is("sort_task", sort_task)) continue;
    const double drop = table.number(row, "drop");
    if (std::isfinite(drop)) drops.push_back(drop);
  }
  std::sort(drops.begin(), drops.end(), std::greater<>());
  return drops;
}

/// Drops over the share of classes that lose as much or more.
[[nodiscard]] inline Curve class_curve(Curve curve, const std::vector<double>& drops) {
  const auto last = static_cast<double>(drops.size()) - 1;
  for (std::size_t i = 0; i < drops.size(); ++i) {
    curve.x.push_back(last > 0 ? static_cast<double>(i) / last : 0);
    curve.y.push_back(drops[i]);
  }
  curve.points = drops.size() <= 60;  // of more only the line is seen
  return curve;
}

/// "faces 3 to 10 images"
[[nodiscard]] inline std::string class_images_words(const CsvTable& table, const std::string& layer,
                                                    const std::string& task) {
  std::vector<std::size_t> images;
  for (std::size_t row = 0; row < table.rows.size(); ++row)
    if (table.rows[row][table.column("layer")] == layer && table.rows[row][table.column("task")] == task)
      images.push_back(static_cast<std::size_t>(table.number(row, "images")));
  return task + " " + range_words(images);
}

/// The rows of one layer.
inline void keep_layer(const CsvTable& table, const std::string& layer, Figure& figure) {
  figure.columns = table.header;
  figure.rows.clear();
  for (const std::vector<std::string>& row : table.rows)
    if (row[table.column("layer")] == layer) figure.rows.emplace_back(row.begin(), row.end());
}

/// What the lesions of one layer do to the classes of task `t`.
[[nodiscard]] inline CurvePanel class_panel(const CsvTable& table, const Json& layer, std::size_t t) {
  const std::vector<std::string> tasks = names_of(layer.at("effects"), "task");
  CurvePanel panel{.title = "tested on " + tasks[t],
                   .curves = {},
                   .x_label = "classes, the most hurt first",
                   .y_label = "drop",
                   .x_percent = true,
                   .y_percent = true,
                   .reference = ReferenceLine{.y = 0, .label = "intact"},
                   .y_high = 1};
  for (const std::string& sort_task : names_of(layer.at("rankings"), "task")) {
    const std::vector<double> drops = sorted_class_drops(table, string_at(layer, "layer"), tasks[t], sort_task);
    if (drops.empty()) continue;
    if (drops.back() < -1) panel.y_low = -1;
    panel.curves.push_back(class_curve(lesion_curve(tasks, t, sort_task), drops));
  }
  return panel;
}

}  // namespace detail

/// Drops of the single classes of one layer, sorted: a panel per tested task, a curve per lesion. `table` is the
/// study's `class_effects_*.csv`; the figure's own numbers are its rows of this layer. Nothing if it has none.
[[nodiscard]] inline std::vector<CaptionedFigure> class_effect_figures(const std::string& name, const CsvTable& table,
                                                                       const nlohmann::ordered_json& layer) {
  const auto layer_name = layer.at("layer").get<std::string>();
  const std::vector<std::string> tasks = detail::names_of(layer.at("effects"), "task");
  std::vector<CurvePanel> panels;
  std::vector<std::string> images;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    CurvePanel panel = detail::class_panel(table, layer, t);
    if (panel.curves.empty()) continue;
    panels.push_back(std::move(panel));
    images.push_back(detail::class_images_words(table, layer_name, tasks[t]));
  }
  if (panels.empty()) return {};
  const bool cut = std::any_of(panels.begin(), panels.end(), [](const CurvePanel& p) { return p.y_low.has_value(); });
  Figure figure = curves_figure(
      {.name = name, .panels = std::move(panels), .columns = 2, .panel_height = 220, .shared_y_axis = false});
  detail::keep_layer(table, layer_name, figure);
  return {{std::move(figure), "Drops of single classes after lesions of " + layer_name +
                                  ", each lesion's classes sorted by themselves. Test images per class: " +
                                  detail::joined(images) + ". Classes that the intact net never finds are left out." +
                                  (cut ? " What lies below -100 % is cut off." : "")}};
}

namespace detail {

/// What one task's groups lose, a row per group; a panel per lesion.
[[nodiscard]] inline DotPanel group_panel(const Json& entry) {
  DotPanel panel{
      .title = "tested on " + string_at(entry, "task") + ", units ranked for " + string_at(entry, "sort_task"),
      .cells = {}};
  for (const Json& group : entry.at("groups")) panel.cells.push_back({.marks = {mark_of(group.at("drop"))}});
  return panel;
}

[[nodiscard]] inline std::string group_words(const Json& entry) {
  std::vector<std::string> words;
  for (const Json& group : entry.at("groups"))
    words.push_back(string_at(group, "group") + " " + group.at("images").dump() + " images of " +
                    group.at("classes").dump() + " classes");
  return joined(words);
}

}  // namespace detail

/// Drops of the groups of classes in one layer, a figure per task with groups. Nothing without.
[[nodiscard]] inline std::vector<CaptionedFigure> group_figures(const std::string& name,
                                                                const nlohmann::ordered_json& summary,
                                                                const nlohmann::ordered_json& layer) {
  std::vector<CaptionedFigure> figures;
  const detail::Json& groups = detail::member(layer, "groups");
  for (const std::string& task : detail::distinct(groups, "task")) {
    DotsOptions options{.name = name + (figures.empty() ? std::string() : text("_", figures.size() + 1)),
                        .rows = {},
                        .series = {{"", 0}},
                        .panels = {},
                        .x_label = "drop of performance",
                        .percent = true,
                        .columns = 1};
    std::string images;
    for (const detail::Json& entry : groups) {
      if (detail::string_at(entry, "task") != task) continue;
      options.rows = detail::names_of(entry.at("groups"), "group");
      options.panels.push_back(detail::group_panel(entry));
      images = detail::group_words(entry);
    }
    figures.push_back({dots_figure(options), "Drops of groups of classes of " + task + " after lesions of " +
                                                 layer.at("layer").get<std::string>() + ": " + images + ". " +
                                                 detail::level_text(summary) + " intervals, " +
                                                 detail::bootstrap_words(summary) + ", each group by itself."});
  }
  return figures;
}

}  // namespace fusiform
