#pragma once
/// Table and notes: what was ranked on how many images, and what the audits of the rankings found.

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/study/report/layer_tables.hpp>

namespace fusiform::detail {

/// "1.2e-07"
[[nodiscard]] inline std::string difference_text(const Json& difference) {
  if (difference.is_null()) return "infinite";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1e", difference.get<double>());
  return buffer;
}

[[nodiscard]] inline CaptionedTable ranking_table(const Json& summary) {
  Table table{{"net", "layer", "ranked for", "images", "classes", "iterations", "tied at the cut", "units", "audited",
               "largest difference", "mean difference", "no rounding"},
              {}};
  bool audited = false;
  for (const Json& layer : summary.at("layers"))
    for (const Json& ranking : layer.at("rankings")) {
      const Json& audit = member(ranking, "audit");
      audited = audited || audit.is_object();
      const auto found = [&](const char* key) { return audit.is_object() ? audit.at(key).dump() : no_value; };
      const auto difference = [&](const char* key) {
        return audit.is_object() ? difference_text(audit.at(key)) : no_value;
      };
      table.add({net_of(layer).title(), string_at(layer, "layer"), string_at(ranking, "task"),
                 ranking.at("images").dump(),
                 ranking.at("classes_covered").dump() + " / " + ranking.at("classes").dump(),
                 member(ranking, "iterations").dump(), member(ranking, "iterations_tied_at_cut").dump(),
                 text(ranking.at("selected").size()), found("pairs"), difference("largest"), difference("mean"),
                 found("off_by_more_than_rounding")});
    }
  std::string caption =
      "The rankings: images and classes seen, iterations, those in which units tied at the cut, units ranked.";
  if (audited) {
    caption +=
        " Audited: losses of a lesion on an image that were computed again by the whole net with the units changed, "
        "how "
        "far they differ (nats), and how many by more than rounding, 2e-5 (1 + |loss|).";
  } else {
    table.header.resize(table.header.size() - 4);
    for (auto& row : table.rows) row.resize(table.header.size());
  }
  return {std::move(table), std::move(caption)};
}

/// "seed 0, ranking of conv5 for faces: ..." for each audit that found more than rounding.
[[nodiscard]] inline std::vector<std::string> audit_warnings(const Json& summary) {
  std::vector<std::string> warnings;
  for (const Json& layer : summary.at("layers"))
    for (const Json& ranking : layer.at("rankings")) {
      const Json& audit = member(ranking, "audit");
      if (!audit.is_object() || audit.at("off_by_more_than_rounding").get<Index>() == 0) continue;
      warnings.push_back(text("Warning: ", net_of(layer).title(), ", ranking of ", string_at(layer, "layer"), " for ",
                              string_at(ranking, "task"), ": ", audit.at("off_by_more_than_rounding").dump(), " of ",
                              audit.at("pairs").dump(), " audited losses are off by more than rounding, by up to ",
                              difference_text(audit.at("largest")), " nats (units ", audit.at("worst_units").dump(),
                              ", image ", string_at(audit, "worst_image"),
                              "). Do not rely on this ranking; please report it."));
    }
  return warnings;
}

}  // namespace fusiform::detail
