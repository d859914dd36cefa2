#pragma once
/// Figures: every unit of a layer, and how far the sets of two or three tasks overlap.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/statistics.hpp>
#include <fusiform/report/scatter.hpp>
#include <fusiform/report/venn.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

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

/// The sets of units ranked for two or three tasks of a layer, with the overlap of independent random sets. Nothing for
/// another number of tasks.
[[nodiscard]] inline std::vector<CaptionedFigure> overlap_figures(const std::string& name,
                                                                  const nlohmann::ordered_json& layer) {
  const std::vector<std::string> tasks = detail::names_of(layer.at("rankings"), "task");
  const auto units = layer.at("units").get<std::size_t>();
  if (tasks.size() < 2 || tasks.size() > 3 || units == 0) return {};
  const std::size_t regions = std::size_t{1} << tasks.size();
  std::vector<std::size_t> region_of(units, 0);
  std::vector<double> share;  // of the units, in each set
  for (std::size_t s = 0; s < tasks.size(); ++s) {
    const auto selected = layer["rankings"][s].at("selected_at_headline").get<std::set<std::size_t>>();
    for (const std::size_t unit : selected) region_of.at(unit) |= std::size_t{1} << s;
    share.push_back(static_cast<double>(selected.size()) / static_cast<double>(units));
  }
  VennOptions options{.name = name, .sets = tasks, .counts = std::vector<double>(regions, 0), .expected = {}};
  for (const std::size_t region : region_of) ++options.counts[region];
  for (std::size_t region = 0; region < regions; ++region) {
    double expected = static_cast<double>(units);
    for (std::size_t s = 0; s < tasks.size(); ++s) expected *= (region >> s & 1U) != 0 ? share[s] : 1 - share[s];
    options.expected.push_back(expected);
  }
  std::vector<std::string> tests;
  for (const detail::Json& overlap : layer.at("overlap")) {
    const std::vector<std::string> pair = overlap.at("tasks").get<std::vector<std::string>>();
    const auto index = [&](const std::string& task) {
      return static_cast<std::size_t>(std::find(tasks.begin(), tasks.end(), task) - tasks.begin());
    };
    const auto size = [&](const std::string& task) {
      return static_cast<Index>(layer["rankings"].at(index(task)).at("selected_at_headline").size());
    };
    const OverlapTest test = overlap_test({.units = static_cast<Index>(units),
                                           .first = size(pair.at(0)),
                                           .second = size(pair.at(1)),
                                           .shared = overlap.at("common").get<Index>()});
    tests.push_back(pair[0] + " and " + pair[1] + " share " + overlap.at("common").dump() + " (chance " +
                    number_text(test.expected, 1) + "; as many or more: " + p_text(test.p_as_large) +
                    ", as few or fewer: " + p_text(test.p_as_small) + ")");
  }
  return {{venn_figure(options),
           text("Sets of units ranked for each task, out of ", units, " units of ",
                layer.at("layer").get<std::string>(), "; 'chance' is what independent random sets give. ",
                detail::joined(tests, "; "), ". Hypergeometric test. The discs are not drawn to scale.")}};
}

}  // namespace fusiform
