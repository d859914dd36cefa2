#pragma once
/// The report's tables of all lesioned layers.

#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/table.hpp>
#include <fusiform/study/report/lesions.hpp>
#include <fusiform/study/report/reading.hpp>
#include <fusiform/study/study_net.hpp>

namespace fusiform::detail {

/// A table with what stands above it. No rows: not shown.
struct CaptionedTable {
  Table table;
  std::string caption;
};

[[nodiscard]] inline Ends ends_of(const Json& interval) {
  return {number_or_nan(interval.at("low")), number_or_nan(interval.at("high"))};
}
[[nodiscard]] inline std::string percent_of(const Json& interval) {
  return percent_interval_text(number_or_nan(interval.at("estimate")), ends_of(interval));
}
[[nodiscard]] inline std::string number_of(const Json& interval) {
  return interval.is_null() ? no_value : interval_text(number_or_nan(interval.at("estimate")), ends_of(interval));
}
[[nodiscard]] inline std::string p_of(const Json& object, const char* key = "p") {
  return p_text(number_or_nan(member(object, key)));
}

/// The net of an entry of the summary.
[[nodiscard]] inline StudyNet net_of(const Json& entry) {
  return {entry.at("net").get<std::string>(), entry.at("seed").get<std::uint64_t>(), nullptr};
}

inline constexpr const char* correction_words =
    "as it is and corrected for the number of layers of the net: Holm (chance of any false positive) and BH "
    "(Benjamini-Hochberg, share of false positives)";

[[nodiscard]] inline CaptionedTable index_table(const Json& summary) {
  Table table{{"net", "layer", "units", "segregation index", "p", "p, Holm", "p, BH", "shared units", "by chance"}, {}};
  for (const Json& layer : summary.at("layers")) {
    const Json& segregation = layer.at("segregation");
    if (segregation.is_null()) continue;
    const Json& overlap = layer.at("overlap")[0];
    table.add({net_of(layer).title(), layer.at("layer").get<std::string>(), layer.at("units").dump(),
               number_of(segregation.at("index")), p_of(segregation), p_of(segregation, "p_holm"),
               p_of(segregation, "p_fdr"), overlap.at("common").dump() + " / " + overlap.at("set_size").dump(),
               number_text(overlap.at("expected_by_chance").get<double>(), 1)});
  }
  return {std::move(table), "Segregation index of each layer with its " + level_text(summary) + " " +
                                interval_kind_words(summary) + " interval; two-sided bootstrap p against 0, " +
                                correction_words + "; overlap of the sets ranked for the first two tasks."};
}

/// The mixed model of each layer of a net with several seeds.
[[nodiscard]] inline CaptionedTable seeds_table(const Json& summary) {
  Table table{{"net", "layer", "seeds", "segregation index", "p", "p, Holm", "p, BH", "p, sign flips"}, {}};
  for (const Json& entry : member(summary, "across_seeds")) {
    const Json& mixed = member(entry, "mixed");
    if (!mixed.is_object()) continue;
    table.add({net_title(summary, string_at(entry, "net")), string_at(entry, "layer"), entry.at("nets").dump(),
               number_of(mixed), p_of(mixed), p_of(mixed, "p_holm"), p_of(mixed, "p_fdr"), p_of(entry, "sign_flip_p")});
  }
  return {std::move(table), "Segregation index over seeds, the net as random effect, with its " + level_text(summary) +
                                " t interval; two-sided p against 0, " + correction_words +
                                "; exact sign-flip test, not corrected."};
}

[[nodiscard]] inline CaptionedTable drop_table(const Json& summary) {
  const double fraction = summary.at("headline_fraction").get<double>();
  Table table{{"net", "layer", "units ranked for", "tested on", "top-1 intact", "top-1 lesioned", "drop"}, {}};
  for (const Json& layer : summary.at("layers"))
    for (const Json& ranking : layer.at("rankings"))
      for (const Json& effect : layer.at("effects"))
        if (const Json* lesion = find_lesion(effect, ranking.at("task").get<std::string>(), fraction))
          table.add({net_of(layer).title(), layer.at("layer").get<std::string>(), ranking.at("task").get<std::string>(),
                     effect.at("task").get<std::string>(),
                     percent_text(number_or_nan(effect.at("top1").at("estimate"))), percent_of(lesion->at("top1")),
                     percent_of(lesion->at("drop"))});
  return {std::move(table), "Top-1 accuracy and proportional drop d after lesions of " + percent_text(fraction, 0) +
                                " of a layer's units; " + level_text(summary) + " " + interval_kind_words(summary) +
                                " intervals."};
}

/// Rows of one layer: specificity and index on all images and on matched ones.
inline void add_matched_measures(const Json& layer, Table& table) {
  const Json& all = layer.at("segregation");
  const Json& matched = layer.at("matched");
  const auto add = [&](const std::string& measure, const std::string& on_all, const std::string& on_matched) {
    table.add({net_of(layer).title(), layer.at("layer").get<std::string>(), measure, on_all, on_matched});
  };
  for (const Json& drop : matched.at("drops"))
    for (const Json& effect : layer.at("effects"))
      if (effect.at("task") == drop.at("task"))
        if (const Json* lesion =
                find_lesion(effect, string_at(drop, "sort_task"), matched.at("fraction").get<double>()))
          add("drop of " + string_at(drop, "task") + ", units of " + string_at(drop, "sort_task"),
              percent_of(lesion->at("drop")), percent_of(drop.at("drop")));
  const auto with_p = [](const Json& interval, const Json& tested) {
    const std::string p = p_of(tested);
    return number_of(interval) + (p == no_value ? "" : ", " + p);
  };
  for (std::size_t s = 0; s < matched.at("specificity").size(); ++s) {
    const Json& on_all = all.at("specificity")[s];
    const Json& on_matched = matched.at("specificity")[s];
    add("specificity, units of " + string_at(on_matched, "task"), with_p(on_all.at("specificity"), on_all),
        with_p(on_matched.at("specificity"), on_matched));
  }
  add("segregation index", with_p(all.at("index"), all), with_p(matched.at("index"), matched));
}

[[nodiscard]] inline CaptionedTable matched_table(const Json& summary) {
  Table table{{"net", "layer", "measure", "all images", "matched images"}, {}};
  const Json* before = nullptr;
  for (const Json& layer : summary.at("layers")) {
    const Json& matched = member(layer, "matched");
    if (!matched.is_object() || matched.contains("reason")) continue;
    const bool first = before == nullptr || net_of(*before).title() != net_of(layer).title();
    for (std::size_t t = 0; first && t < matched.at("tasks").size(); ++t) {  // the same for all layers of a net
      const Json& task = matched.at("tasks")[t];
      table.add({net_of(layer).title(), "all", "images of " + string_at(task, "task"), task.at("of").dump(),
                 task.at("images").dump()});
      for (const Json& effect : layer.at("effects"))
        if (effect.at("task") == task.at("task"))
          table.add({net_of(layer).title(), "all", "top-1 of " + string_at(task, "task"), percent_of(effect.at("top1")),
                     percent_of(task.at("top1"))});
    }
    before = &layer;
    add_matched_measures(layer, table);
  }
  return {
      std::move(table),
      "Performance-matched evaluation: wrong or right images of each task are taken away at random until the intact "
      "net is equally good at all tasks. " +
          level_text(summary) + " " + interval_kind_words(summary) +
          " intervals; two-sided bootstrap p against 0, not corrected."};
}

/// "main, seed 0, conv1: the intact net finds none of the images of faces", once for each net and reason.
[[nodiscard]] inline std::vector<std::string> unmatched_words(const Json& summary) {
  std::vector<std::string> words;
  for (const Json& layer : summary.at("layers")) {
    const std::string reason = string_at(member(layer, "matched"), "reason");
    const std::string line = net_of(layer).title() + ": " + reason;
    if (!reason.empty() && std::find(words.begin(), words.end(), line) == words.end()) words.push_back(line);
  }
  return words;
}

[[nodiscard]] inline CaptionedTable group_table(const Json& summary) {
  Table table{{"net", "layer", "units ranked for", "first group", "drop", "second group", "drop", "difference", "p"},
              {}};
  for (const Json& layer : summary.at("layers"))
    for (const Json& entry : member(layer, "groups")) {
      const auto drop_of = [&](const std::string& name) {
        for (const Json& group : entry.at("groups"))
          if (group.at("group") == name) return percent_of(group.at("drop"));
        return std::string(no_value);
      };
      for (const Json& pair : entry.at("differences"))
        table.add({net_of(layer).title(), layer.at("layer").get<std::string>(), string_at(entry, "sort_task"),
                   string_at(entry, "task") + ": " + string_at(pair, "first"), drop_of(string_at(pair, "first")),
                   string_at(entry, "task") + ": " + string_at(pair, "second"), drop_of(string_at(pair, "second")),
                   percent_of(pair.at("drop")), p_of(pair)});
    }
  return {std::move(table),
          "Groups of classes: drops under the same lesion, and the difference of the two in percentage "
          "points. " +
              level_text(summary) + " " + interval_kind_words(summary) + " intervals and two-sided p-values of the " +
              bootstrap_words(summary) + ", each group by itself; not corrected for their number."};
}

}  // namespace fusiform::detail
