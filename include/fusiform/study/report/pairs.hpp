#pragma once
/// Figures and table: what two units do together, beyond the sum of what each does.

#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/heat_map.hpp>
#include <fusiform/study/report/layer_tables.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// More units than this are not named one by one.
inline constexpr std::size_t most_named_units = 40;

/// The synergies of one task's images; the diagonal, where there is none, is undefined.
[[nodiscard]] inline HeatMapPanel synergy_panel(const Json& entry) {
  HeatMapPanel panel{.title = "loss on " + string_at(entry, "task"), .values = {}, .groups = {}};
  for (const Json& row : entry.at("synergies")) {
    panel.values.emplace_back();
    for (const Json& value : row) panel.values.back().push_back(number_or_nan(value));
    panel.values.back()[panel.values.size() - 1] = undefined_number;
  }
  for (const Json& group : entry.at("groups"))
    panel.groups.push_back(
        {joined(group.at("tasks").get<std::vector<std::string>>(), " + "), group.at("units").get<std::size_t>()});
  return panel;
}

[[nodiscard]] inline std::string pair_caption(const std::vector<const Json*>& entries) {
  const Json& first = *entries.front();
  std::vector<std::string> images;
  for (const Json* entry : entries) images.push_back(string_at(*entry, "task") + " " + entry->at("images").dump());
  return text(
      "Synergy of each two of ", first.at("units").size(), " units of ", string_at(first, "layer"),
      ", the first of each task's ranking: what the lesion of both adds to the mean loss beyond the sum of what "
      "each adds alone, in nats. Red (above 0): each can stand in for the other, and only the loss of both "
      "hurts; blue (below 0): each is worth less without the other; grey: a unit with itself. Lines part units "
      "ranked for different tasks. Test images: ",
      joined(images), ".");
}

}  // namespace detail

/// A heat map per task for each layer of one net (`net` and `seed` as in the summary). Nothing without pairs.
[[nodiscard]] inline std::vector<CaptionedFigure> pair_figures(const std::string& name,
                                                               const nlohmann::ordered_json& summary,
                                                               const nlohmann::ordered_json& net) {
  std::vector<CaptionedFigure> figures;
  const detail::Json& pairs = detail::member(summary, "pairs");
  if (!pairs.is_array()) return figures;
  for (const std::string& layer : detail::distinct(pairs, "layer")) {
    std::vector<const detail::Json*> entries;
    for (const detail::Json& entry : pairs)
      if (entry.at("net") == net.at("net") && entry.at("seed") == net.at("seed") && entry.at("layer") == layer)
        entries.push_back(&entry);
    if (entries.empty() || entries.front()->at("units").size() < 2) continue;
    HeatMapOptions options{.name = text(name, "_", figures.size() + 1), .panels = {}, .names = {}};
    for (const detail::Json& unit : entries.front()->at("units")) options.names.push_back(unit.dump());
    for (const detail::Json* entry : entries) options.panels.push_back(detail::synergy_panel(*entry));
    options.show_names = options.names.size() <= detail::most_named_units;
    options.axis_label = "unit of " + layer;
    options.color_label = "synergy (nats)";
    options.diverging = true;
    options.columns = options.names.size() <= 20 ? 2 : 1;
    figures.push_back({heat_map_figure(options), detail::pair_caption(entries)});
  }
  return figures;
}

namespace detail {

[[nodiscard]] inline CaptionedTable pair_table(const Json& summary) {
  Table table{{"net", "layer", "loss on", "units of", "pairs", "mean synergy (nats)"}, {}};
  for (const Json& entry : member(summary, "pairs"))
    for (const Json& mean : entry.at("means")) {
      if (mean.at("synergy").is_null()) continue;
      const auto tasks = mean.at("tasks").get<std::vector<std::string>>();
      const DotMark mark = mark_of(mean.at("synergy"));
      table.add({net_of(entry).title(), string_at(entry, "layer"), string_at(entry, "task"),
                 tasks[0] == tasks[1] ? tasks[0] : tasks[0] + " x " + tasks[1], mean.at("pairs").dump(),
                 interval_text(mark.value, {mark.low, mark.high}, 4)});
    }
  return {std::move(table),
          "Mean synergy of pairs of units within a task's first units and between two tasks' (x): above 0 redundancy, "
          "below 0 dependence. " +
              level_text(summary) + " intervals, " + bootstrap_words(summary) +
              ": they cover images; the pairs, which share units, are fixed."};
}

}  // namespace detail

}  // namespace fusiform
