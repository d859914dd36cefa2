#pragma once
/// Figure: how well shortcuts tell what a unit's lesion costs.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/report/dots.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

[[nodiscard]] inline std::string measure_title(const std::string& key) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> titles{
      {{"taylor", "Taylor (activation x gradient)"},
       {"gradient_squared", "gradient squared"},
       {"selectivity_t", "localizer contrast, t"},
       {"d_prime", "localizer contrast, d'"},
       {"variance_share", "share of the variance"},
       {"conductance", "layer conductance"},
       {"mean_activation", "mean activation"}}};
  for (const auto& [known, title] : titles)
    if (key == known) return std::string(title);
  std::string name = key;
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

/// All measures of the entries, in order of appearance.
[[nodiscard]] inline std::vector<std::string> measures_of(const std::vector<const Json*>& entries) {
  std::vector<std::string> keys;
  for (const Json* entry : entries) {
    const Json& measures = member(*entry, "measures");
    if (!measures.is_object()) continue;
    for (const auto& [key, value] : measures.items())
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

[[nodiscard]] inline DotPanel attribution_panel(const Json& entry, const std::vector<std::string>& keys) {
  DotPanel panel{.title = string_at(entry, "layer") + ", " + string_at(entry, "task"), .cells = {}};
  const Json& measures = member(entry, "measures");
  for (const std::string& key : keys)
    panel.cells.push_back({.marks = {mark_of(member(member(measures, key.c_str()), "spearman"))}});
  const DotMark reliability = mark_of(member(entry, "reliability"));
  if (std::isfinite(reliability.value))
    panel.reference = DotReference{"reliability of the effect", reliability.value, reliability.low, reliability.high};
  return panel;
}

}  // namespace detail

/// Rank correlation of each shortcut with the true effect of single-unit lesions, a panel per layer and task; the
/// split-half reliability of the effect is the ceiling. One figure per net and seed. Nothing without attributions.
[[nodiscard]] inline std::vector<CaptionedFigure> attribution_figures(const nlohmann::ordered_json& summary) {
  std::vector<CaptionedFigure> result;
  const detail::Json& attributions = detail::member(summary, "attribution");
  if (!attributions.is_array()) return result;
  std::vector<std::pair<std::string, std::uint64_t>> nets;
  for (const detail::Json& entry : attributions) {
    const std::pair net(detail::string_at(entry, "net"), detail::seed_of(entry));
    if (std::find(nets.begin(), nets.end(), net) == nets.end()) nets.push_back(net);
  }
  for (const auto& [variant, seed] : nets) {
    std::vector<const detail::Json*> entries;
    for (const detail::Json& entry : attributions)
      if (detail::string_at(entry, "net") == variant && detail::seed_of(entry) == seed) entries.push_back(&entry);
    const std::vector<std::string> keys = detail::measures_of(entries);
    if (keys.empty()) continue;
    DotsOptions options{.name = text("attribution_", nets.size() > 1 ? text(result.size() + 1) : std::string("net")),
                        .rows = {},
                        .series = {{"shortcut", 0}},
                        .panels = {},
                        .x_label = "Spearman correlation with the lesion's effect"};
    for (const std::string& key : keys) options.rows.push_back(detail::measure_title(key));
    std::vector<std::size_t> images;
    for (const detail::Json* entry : entries) {
      options.panels.push_back(detail::attribution_panel(*entry, keys));
      if (detail::member(*entry, "images").is_number()) images.push_back(entry->at("images").get<std::size_t>());
    }
    result.push_back(
        {dots_figure(options),
         text(detail::net_title(summary, variant), ", seed ", seed,
              ": rank correlation over units of each shortcut with the effect of lesioning the unit alone; ",
              detail::range_words(images), " images per task. ", detail::level_text(summary),
              " intervals, percentile bootstrap over units. Dashed: split-half reliability of the effect itself, a "
              "ceiling.")});
  }
  return result;
}

}  // namespace fusiform
