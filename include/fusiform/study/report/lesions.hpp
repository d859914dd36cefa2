#pragma once
/// Figures: what lesions cost, by their size, for the last layer, and from layer to layer.

#include <algorithm>
#include <string>
#include <vector>

#include <fusiform/report/bars.hpp>
#include <fusiform/report/curves.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// Appends a point; `interval` has estimate, low and high. What performance is left is 1 - drop: the ends change place.
inline void add_point(Curve& curve, double x, const Json& interval, bool as_remainder = false) {
  const double estimate = number_or_nan(interval.at("estimate"));
  const double low = number_or_nan(interval.at("low"));
  const double high = number_or_nan(interval.at("high"));
  curve.x.push_back(x);
  curve.y.push_back(as_remainder ? 1 - estimate : estimate);
  curve.low.push_back(as_remainder ? 1 - high : low);
  curve.high.push_back(as_remainder ? 1 - low : high);
}

[[nodiscard]] inline const Json* find_lesion(const Json& effect, const std::string& sort_task, double fraction) {
  for (const Json& lesion : effect.at("lesions"))
    if (lesion.at("sort_task") == sort_task && lesion.at("fraction") == fraction) return &lesion;
  return nullptr;
}

/// The curve, still empty, of what lesions of units ranked for `sort_task` do to the task of index `t`. The other
/// tasks' units have dashes of their own; of more than two tasks only the own units' intervals are drawn.
[[nodiscard]] inline Curve lesion_curve(const std::vector<std::string>& tasks, std::size_t t,
                                        const std::string& sort_task) {
  const bool own = sort_task == tasks[t];
  const auto place = static_cast<std::size_t>(std::find(tasks.begin(), tasks.end(), sort_task) - tasks.begin());
  const std::size_t other = place < t ? place : place - 1;
  return {.name = tasks[t] + (own ? ", own units" : ", units ranked for " + sort_task),
          .x = {},
          .y = {},
          .color = static_cast<int>(t),
          .style = own              ? LineStyle::solid
                   : other % 2 == 0 ? LineStyle::dashed
                                    : LineStyle::dotted,
          .uncertainty = own || tasks.size() < 3 ? Uncertainty::band : Uncertainty::numbers};
}

}  // namespace detail

/// One panel per layer: performance left of each task (colour) by share of units lesioned, ranked for each task (line).
[[nodiscard]] inline Figure lesion_curves_figure(const std::string& name,
                                                 const std::vector<nlohmann::ordered_json>& layers) {
  std::vector<CurvePanel> panels;
  for (const detail::Json& layer : layers) {
    CurvePanel panel{.title = layer.at("layer").get<std::string>(),
                     .curves = {},
                     .x_label = "units lesioned",
                     .y_label = "performance left",
                     .x_names = {},
                     .x_percent = true,
                     .y_percent = true};
    const std::vector<std::string> tasks = detail::names_of(layer.at("rankings"), "task");
    for (std::size_t t = 0; t < tasks.size(); ++t)
      for (const std::string& sort_task : tasks) {
        Curve curve = detail::lesion_curve(tasks, t, sort_task);
        for (const detail::Json& lesion : layer.at("effects")[t].at("lesions"))
          if (lesion.at("sort_task") == sort_task)
            detail::add_point(curve, lesion.at("fraction").get<double>(), lesion.at("drop"), true);
        panel.curves.push_back(std::move(curve));
      }
    panels.push_back(std::move(panel));
  }
  return curves_figure({.name = name, .panels = std::move(panels)});
}

/// Performance left of each task after lesions of `fraction` of one layer's units.
[[nodiscard]] inline Figure lesion_bars_figure(const std::string& name, const nlohmann::ordered_json& layer,
                                               double fraction) {
  const std::vector<std::string> tasks = detail::names_of(layer.at("rankings"), "task");
  BarsOptions options{.name = name, .groups = {}, .series = {}, .y_label = "performance left"};
  for (const std::string& task : tasks) options.groups.push_back("units of " + task);
  options.groups.emplace_back("random units");
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    BarSeries series{.name = tasks[t], .values = {}, .color = static_cast<int>(t)};
    const detail::Json& effect = layer.at("effects")[t];
    for (const std::string& sort_task : tasks) {
      const detail::Json* lesion = detail::find_lesion(effect, sort_task, fraction);
      Curve point{.name = {}, .x = {}, .y = {}};
      if (lesion != nullptr) detail::add_point(point, 0, lesion->at("drop"), true);
      series.values.push_back(point.y.empty() ? undefined : point.y[0]);
      series.low.push_back(point.y.empty() ? undefined : point.low[0]);
      series.high.push_back(point.y.empty() ? undefined : point.high[0]);
    }
    const bool has_random = effect.contains("random_lesions");
    series.values.push_back(has_random ? 1 - effect["random_lesions"]["mean_drop"].get<double>() : undefined);
    series.low.push_back(has_random ? 1 - effect["random_lesions"]["high"].get<double>() : undefined);
    series.high.push_back(has_random ? 1 - effect["random_lesions"]["low"].get<double>() : undefined);
    options.series.push_back(std::move(series));
  }
  options.reference = ReferenceLine{.y = 1, .label = "intact"};
  options.y_low = 0;
  return bars_figure(options);
}

/// Drops on the own and on the other tasks, and the segregation index, from layer to layer.
[[nodiscard]] inline Figure layer_profile_figure(const std::string& name,
                                                 const std::vector<nlohmann::ordered_json>& layers, double fraction) {
  CurvePanel drops{.title = "Drop of performance", .curves = {}, .y_label = "drop", .y_percent = true};
  CurvePanel index{.title = "Segregation index", .curves = {}, .y_label = "index"};
  const std::vector<std::string> tasks = detail::names_of(layers.front().at("rankings"), "task");
  for (std::size_t t = 0; t < tasks.size(); ++t)
    for (const std::string& sort_task : tasks) {
      Curve curve = detail::lesion_curve(tasks, t, sort_task);
      for (std::size_t l = 0; l < layers.size(); ++l)
        if (const auto* lesion = detail::find_lesion(layers[l].at("effects")[t], sort_task, fraction))
          detail::add_point(curve, static_cast<double>(l), lesion->at("drop"));
      drops.curves.push_back(std::move(curve));
    }
  Curve segregation{.name = "index", .x = {}, .y = {}, .color = 6};
  Curve null{.name = "random classes", .x = {}, .y = {}, .color = -1, .style = LineStyle::dotted, .points = false};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const detail::Json& result = layers[l].at("segregation");
    if (!result.is_null() && !result.at("index").is_null())
      detail::add_point(segregation, static_cast<double>(l), result.at("index"));
    if (const detail::Json& draws = detail::member(layers[l], "random_classes"); draws.is_object())
      detail::add_mark(
          null, static_cast<double>(l),
          {detail::number_or_nan(detail::member(draws, "mean")), detail::number_or_nan(detail::member(draws, "low")),
           detail::number_or_nan(detail::member(draws, "high"))});
    for (CurvePanel* panel : {&drops, &index}) panel->x_names.push_back(layers[l].at("layer").get<std::string>());
  }
  index.reference = ReferenceLine{.y = 0, .label = "shared"};
  if (!null.x.empty()) index.curves.push_back(std::move(null));
  index.curves.push_back(std::move(segregation));
  return curves_figure({.name = name, .panels = {drops, index}, .columns = 2, .shared_y_axis = false});
}

/// p-values of the index against random classes, layer by layer; empty without such controls.
[[nodiscard]] inline std::string random_class_words(const std::vector<nlohmann::ordered_json>& layers) {
  std::vector<std::string> values;
  std::vector<std::size_t> draws;
  for (const detail::Json& layer : layers) {
    const detail::Json& null = detail::member(layer, "random_classes");
    if (!null.is_object()) continue;
    draws.push_back(detail::member(null, "indices").size());
    values.push_back(layer.at("layer").get<std::string>() + " " +
                     p_text(detail::number_or_nan(detail::member(null, "p"))));
  }
  if (values.empty()) return {};
  return " Against " + detail::range_words(draws) +
         " random divisions of the classes, one-sided permutation test: " + detail::joined(values) + ".";
}

}  // namespace fusiform
