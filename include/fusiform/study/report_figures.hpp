#pragma once
/// The figures of a study's report, drawn from its summary.

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include <fusiform/analysis/statistics.hpp>
#include <fusiform/io/csv.hpp>
#include <fusiform/report/bars.hpp>
#include <fusiform/report/curves.hpp>
#include <fusiform/report/scatter.hpp>
#include <fusiform/study/context.hpp>

namespace fusiform {

namespace detail {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline double number_or_nan(const Json& value) {
  return value.is_number() ? value.get<double>() : undefined;
}

[[nodiscard]] inline std::vector<std::string> names_of(const Json& list, const char* key) {
  std::vector<std::string> names;
  for (const Json& entry : list) names.push_back(entry.at(key).get<std::string>());
  return names;
}

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

/// The curve, still empty, of what lesions of units ranked for `sort_task` do to the task of index `t`.
[[nodiscard]] inline Curve lesion_curve(const std::vector<std::string>& tasks, std::size_t t,
                                        const std::string& sort_task) {
  const bool own = sort_task == tasks[t];
  return {.name = tasks[t] + (own ? ", own units" : ", units ranked for " + sort_task),
          .x = {},
          .y = {},
          .color = static_cast<int>(t),
          .style = own ? LineStyle::solid : LineStyle::dashed};
}

}  // namespace detail

/// Loss in training and accuracy of each task by epoch, for one seed's training log.
[[nodiscard]] inline Figure training_figure(const std::string& name, const CsvTable& log,
                                            const std::vector<std::string>& tasks) {
  const auto column = [&](const std::string& title) {
    std::vector<double> values;
    const std::size_t position = log.column(title);
    for (const auto& row : log.rows) values.push_back(parse_number<double>(row[position]).value_or(undefined));
    return values;
  };
  const std::vector<double> epochs = column("epoch");
  CurvePanel loss{.title = "Loss", .curves = {}, .x_label = "epoch", .y_label = "cross-entropy (nats)"};
  CurvePanel accuracy{.title = "Top-1 accuracy on test images",
                      .curves = {},
                      .x_label = "epoch",
                      .y_label = "correct",
                      .x_names = {},
                      .x_percent = false,
                      .y_percent = true};
  loss.curves.push_back({.name = "training", .x = epochs, .y = column("train_loss"), .color = -1, .points = false});
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    loss.curves.push_back({.name = tasks[t],
                           .x = epochs,
                           .y = column(tasks[t] + "_loss"),
                           .color = static_cast<int>(t),
                           .points = false});
    accuracy.curves.push_back({.name = tasks[t],
                               .x = epochs,
                               .y = column(tasks[t] + "_top1"),
                               .color = static_cast<int>(t),
                               .points = false});
  }
  return curves_figure({.name = name, .panels = {loss, accuracy}, .columns = 2, .shared_y_axis = false});
}

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
  Curve segregation{.name = "index", .x = {}, .y = {}, .color = -1};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const detail::Json& result = layers[l].at("segregation");
    if (!result.is_null() && !result.at("index").is_null())
      detail::add_point(segregation, static_cast<double>(l), result.at("index"));
    for (CurvePanel* panel : {&drops, &index}) panel->x_names.push_back(layers[l].at("layer").get<std::string>());
  }
  index.reference = ReferenceLine{.y = 0, .label = "shared"};
  index.curves.push_back(std::move(segregation));
  return curves_figure({.name = name, .panels = {drops, index}, .columns = 2, .shared_y_axis = false});
}

/// Every unit of a layer: what its lesion alone costs task 1 and task 2.
[[nodiscard]] inline Figure unit_scatter_figure(const std::string& name, const nlohmann::ordered_json& layer) {
  const std::vector<std::string> tasks = detail::names_of(layer.at("rankings"), "task");
  const auto selected = [&](std::size_t t) {
    return layer.at("rankings")[t].at("selected_at_headline").get<std::set<Index>>();
  };
  const auto x = layer.at("single_units").at("loss_increase").at(tasks[0]).get<std::vector<double>>();
  const auto y = layer.at("single_units").at("loss_increase").at(tasks[1]).get<std::vector<double>>();
  const std::set<Index> first = selected(0);
  const std::set<Index> second = selected(1);
  std::vector<PointClass> classes = {{.name = "in neither set", .x = {}, .y = {}, .color = -1},
                                     {.name = "ranked for " + tasks[0], .x = {}, .y = {}, .color = 0},
                                     {.name = "ranked for " + tasks[1], .x = {}, .y = {}, .color = 1},
                                     {.name = "in both sets", .x = {}, .y = {}, .color = 2}};
  for (std::size_t u = 0; u < x.size(); ++u) {
    const auto unit = static_cast<Index>(u);
    const std::size_t kind = (first.contains(unit) ? 1U : 0U) + (second.contains(unit) ? 2U : 0U);
    classes[kind].x.push_back(x[u]);
    classes[kind].y.push_back(y[u]);
  }
  std::erase_if(classes, [](const PointClass& points) { return points.x.empty(); });
  return scatter_figure({.name = name,
                         .classes = std::move(classes),
                         .x_label = "loss increase on " + tasks[0] + " (nats)",
                         .y_label = "loss increase on " + tasks[1] + " (nats)"});
}

}  // namespace fusiform
