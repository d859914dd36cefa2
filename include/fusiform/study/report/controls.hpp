#pragma once
/// Figures: the segregation index beside random classes, and ranked lesions beside random ones.

#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/dots.hpp>
#include <fusiform/study/report/lesions.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// The index of a layer as stored; undefined if it has none.
[[nodiscard]] inline DotMark index_mark(const Json& layer) {
  return mark_of(member(member(layer, "segregation"), "index"));
}

[[nodiscard]] inline std::vector<double> numbers_at(const Json& object, const char* key) {
  std::vector<double> values;
  for (const Json& value : member(object, key))
    if (value.is_number()) values.push_back(value.get<double>());
  return values;
}

/// A layer's index with its random-class null.
[[nodiscard]] inline DotCell index_cell(const Json& layer) {
  DotCell cell{.marks = {index_mark(layer)}};
  const Json& null = member(layer, "random_classes");
  if (!null.is_object()) return cell;
  cell.cloud = numbers_at(null, "indices");
  cell.band_low = number_or_nan(member(null, "low"));
  cell.band_high = number_or_nan(member(null, "high"));
  const double p = number_or_nan(member(null, "p"));
  if (std::isfinite(p)) cell.note = p_text(p);
  return cell;
}

/// Drops of one task by one layer's lesions: units of its own and of the other tasks, beside random units.
[[nodiscard]] inline DotCell drop_cell(const Json& layer, const std::string& task, double fraction) {
  DotCell cell{.marks = {{}, {}}};
  for (const Json& effect : layer.at("effects")) {
    if (effect.at("task") != task) continue;
    if (const Json* const own = find_lesion(effect, task, fraction)) cell.marks[0] = mark_of(own->at("drop"));
    for (const std::string& other : names_of(layer.at("rankings"), "task")) {
      const Json* const lesion = other == task ? nullptr : find_lesion(effect, other, fraction);
      if (lesion == nullptr) continue;
      const DotMark mark = mark_of(lesion->at("drop"));
      // Of several other tasks the one whose units cost most.
      if (!(mark.value <= cell.marks[1].value)) cell.marks[1] = mark;
    }
    const Json& random = member(effect, "random_lesions");
    cell.cloud = numbers_at(random, "drops");
    cell.band_low = number_or_nan(member(random, "low"));
    cell.band_high = number_or_nan(member(random, "high"));
  }
  return cell;
}

}  // namespace detail

/// Index of each layer against the indices of random classes. Nothing if no layer has such controls.
[[nodiscard]] inline std::vector<CaptionedFigure> random_class_figures(
    const std::string& name, const nlohmann::ordered_json& summary, const std::vector<nlohmann::ordered_json>& layers) {
  const std::string p_values = random_class_words(layers);
  if (p_values.empty()) return {};
  DotsOptions options{.name = name,
                      .rows = {},
                      .series = {{"index", 6}},
                      .panels = {{}},
                      .x_label = "segregation index",
                      .cloud_name = "index of random classes",
                      .band_name = detail::level_text(summary) + " of them"};
  std::size_t undefined_count = 0;
  for (const detail::Json& layer : layers) {
    options.rows.push_back(layer.at("layer").get<std::string>());
    options.panels[0].cells.push_back(detail::index_cell(layer));
    const detail::Json& undefined_ones = detail::member(detail::member(layer, "random_classes"), "undefined");
    if (undefined_ones.is_number()) undefined_count += undefined_ones.get<std::size_t>();
  }
  return {{dots_figure(options),
           "Control: the index of the real tasks against that of classes divided at random, ranked and lesioned in the "
           "same way." +
               p_values + " Bars: " + detail::level_text(summary) + " intervals, " + detail::bootstrap_words(summary) +
               "." +
               (undefined_count > 0 ? text(" ", undefined_count, " draws without a defined index are left out.")
                                    : std::string())}};
}

/// Drops after lesions of ranked units against random sets of as many units. Nothing without random lesions.
[[nodiscard]] inline std::vector<CaptionedFigure> random_lesion_figures(
    const std::string& name, const nlohmann::ordered_json& summary, const std::vector<nlohmann::ordered_json>& layers) {
  const double fraction = summary.at("headline_fraction").get<double>();
  const std::vector<std::string> tasks = detail::names_of(layers.front().at("rankings"), "task");
  const std::string other = tasks.size() > 2 ? "units of the worst other task" : "units of the other task";
  DotsOptions options{.name = name,
                      .rows = {},
                      .series = {{"units of the task", 0}, {other, 1}},
                      .panels = {},
                      .x_label = "drop of performance",
                      .cloud_name = "random units",
                      .band_name = detail::level_text(summary) + " of the random sets",
                      .percent = true};
  std::vector<std::size_t> sets;
  for (const detail::Json& layer : layers) {
    options.rows.push_back(layer.at("layer").get<std::string>());
    for (const detail::Json& effect : layer.at("effects"))
      if (const detail::Json& random = detail::member(effect, "random_lesions"); random.is_object())
        sets.push_back(random.at("sets").get<std::size_t>());
  }
  if (sets.empty()) return {};
  for (const std::string& task : tasks) {
    DotPanel panel{.title = "tested on " + task, .cells = {}};
    for (const detail::Json& layer : layers) panel.cells.push_back(detail::drop_cell(layer, task, fraction));
    options.panels.push_back(std::move(panel));
  }
  return {{dots_figure(options), "Control: drop of performance after lesions of " + percent_text(fraction, 0) +
                                     " of the units, ranked or drawn at random (" + detail::range_words(sets) +
                                     " sets). Bars: " + detail::level_text(summary) + " intervals, " +
                                     detail::bootstrap_words(summary) + "."}};
}

}  // namespace fusiform
