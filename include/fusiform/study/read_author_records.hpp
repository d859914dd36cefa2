#pragma once
/// Reads what the published lesion scripts leave in a folder LESION_NAME_<name>, or `write_author_records` writes.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/io/json_lines.hpp>
#include <fusiform/study/author_evaluation.hpp>
#include <fusiform/study/author_progress.hpp>
#include <fusiform/study/author_records.hpp>

namespace fusiform {

struct AuthorRecordsOptions {
  std::optional<std::string> version = {};  ///< of the evaluation; nothing: the only one there is
  Index layer_units = 0;  ///< units of layers without progress records; 0: unknown, nothing is marked not available
};

namespace detail {

using RankingKey = std::pair<Index, std::string>;  // layer, sort task

[[nodiscard]] inline RecordedSelection read_selections_record(const std::string& path, bool random) {
  const NpzFile file(path);
  RecordedSelection selection{.units = file.integers("selected_units")};
  if (random) return {.units = std::move(selection.units), .complete = true};  // the rest is pickled there
  selection.losses = file.numbers("selected_losses");
  selection.accuracies = file.numbers("selected_accuracies");
  selection.complete = file.flag("selections_complete");
  require_whole(path, "selected units", selection.units.size(), selection.losses.size(), selection.accuracies.size());
  return selection;
}

/// The selections that lesion.jsonl holds; later lines replace earlier ones. The settings go to `records`.
[[nodiscard]] inline std::map<RankingKey, RecordedSelection> read_lesion_lines(const std::string& path,
                                                                               AuthorRecords& records) {
  std::map<RankingKey, RecordedSelection> selections;
  read_keyed_lines(path, [&](const std::vector<std::string>& key, const nlohmann::json& value) {
    if (key.size() == 2 && key[0] == "meta") records.settings[key[1]] = value;
    if (key.size() != 3) return;
    RecordedSelection& selection = selections[{layer_of(key[2]), name_behind(key[1], "SORTEDBY_")}];
    if (key[0] == "status") selection.complete = value == "complete";
    if (key[0] == "selected_units") selection.units = value.get<std::vector<Index>>();
    if (key[0] == "selected_losses") selection.losses = value.get<std::vector<double>>();
    if (key[0] == "selected_accuracies") selection.accuracies = value.get<std::vector<double>>();
  });
  for (const auto& [key, selection] : selections)
    require_whole(path, "selected units of " + author_names::ranking_key(key.second, key.first), selection.units.size(),
                  selection.losses.size(), selection.accuracies.size());
  return selections;
}

/// Adds the rankings that have a folder of their own below `folder`.
inline void find_groups(const std::filesystem::path& folder, std::set<RankingKey>& keys) {
  for (const std::filesystem::path& sorted : folders_in(folder, "SORTEDBY_"))
    for (const std::filesystem::path& group : folders_in(sorted, "PARAM_GROUP_INDEX_"))
      keys.insert({layer_of(name_behind(group.filename().string(), "PARAM_GROUP_INDEX_")),
                   name_behind(sorted.filename().string(), "SORTEDBY_")});
}

/// The selection of one ranking: lesion.jsonl, the selections record, or the last progress record that has one.
[[nodiscard]] inline RecordedSelection final_selection(const std::filesystem::path& root, const RankingKey& key,
                                                       const std::map<RankingKey, RecordedSelection>& lines,
                                                       const std::vector<RecordedProgress>& progress) {
  const auto& [layer, sort_task] = key;
  const std::filesystem::path record = root / author_names::selections_file(sort_task, layer);
  const auto line = lines.find(key);
  std::optional<RecordedSelection> selection;
  if (std::filesystem::exists(record))
    selection = read_selections_record(record.string(), RecordedRanking::is_random(sort_task));
  if (line != lines.end() && !line->second.units.empty()) {
    if (selection && selection->units != line->second.units)
      throw FileError(record.string(), "expected the selected units of lesion.jsonl, found others");
    return line->second;
  }
  if (selection) return *selection;
  return progress.empty() ? RecordedSelection{} : progress.back().selection;
}

inline void read_rankings(const std::filesystem::path& root, Index layer_units, AuthorRecords& records) {
  std::map<RankingKey, RecordedSelection> lines;
  if (std::filesystem::exists(root / "lesion.jsonl"))
    lines = read_lesion_lines((root / "lesion.jsonl").string(), records);
  std::set<RankingKey> keys;
  for (const auto& [key, selection] : lines) keys.insert(key);
  find_groups(root / "progress_records", keys);
  find_groups(root / "selections_records", keys);
  std::map<Index, Index> units_of_layer;
  for (const RankingKey& key : keys) {
    const auto& [layer, sort_task] = key;
    const std::vector<RecordedProgress> progress = read_all_progress(root, sort_task, layer);
    const RecordedSelection selection = final_selection(root, key, lines, progress);
    RecordedRanking ranking{.sort_task = sort_task, .layer = layer, .complete = selection.complete};
    ranking.ranking = recorded_ranking(root, sort_task, layer, selection, progress);
    for (std::size_t k = 0; k < ranking.ranking.iterations.size(); ++k) ranking.seeds.push_back(progress[k].seed);
    if (ranking.ranking.layer_units > 0) units_of_layer[layer] = ranking.ranking.layer_units;
    records.rankings.push_back(std::move(ranking));
  }
  for (RecordedRanking& ranking : records.rankings) {
    const auto known = units_of_layer.find(ranking.layer);
    if (ranking.ranking.layer_units == 0)
      ranking.ranking.layer_units = known != units_of_layer.end() ? known->second : layer_units;
  }
}

/// The scripts lesion all ranked units where more are asked for, and record the result as if it were of that size.
inline void mark_unavailable(AuthorRecords& records) {
  for (RecordedCurve& curve : records.curves) {
    const RecordedRanking* ranking = records.ranking(curve.sort_task, curve.layer);
    if (ranking == nullptr || ranking->ranking.layer_units == 0) continue;
    const auto ranked = static_cast<Index>(ranking->ranking.units.size());
    std::string fractions;
    for (RecordedPoint& point : curve.points) {
      point.available = lesioned_units(ranking->ranking.layer_units, point.fraction) <= ranked;
      if (!point.available) fractions += (fractions.empty() ? "" : ", ") + format_fixed(point.fraction, 2);
    }
    if (!fractions.empty())
      records.notes.push_back(text("layer ", curve.layer, ", ", curve.task, " sorted by ", curve.sort_task,
                                   ": not available at ", fractions, ": only ", ranked, " of ",
                                   ranking->ranking.layer_units, " units were ranked"));
  }
}

}  // namespace detail

/// Reads rankings with all their iterations, curves and predictions, and notes what does not fit together.
/// Throws FileError that names file and place if a file is damaged or the records contradict each other; ConfigError
/// if there are several versions of the evaluation and `options` do not choose one.
[[nodiscard]] inline AuthorRecords read_author_records(const std::string& folder,
                                                       const AuthorRecordsOptions& options = {}) {
  const std::filesystem::path root(folder);
  if (!std::filesystem::is_directory(root)) throw FileError(folder, "expected a folder of lesion records");
  AuthorRecords records;
  detail::read_rankings(root, options.layer_units, records);
  records.version = detail::evaluation_version(root, options.version);
  detail::read_evaluation(root, records);
  if (records.rankings.empty() && records.curves.empty())
    throw FileError(folder, "expected lesion.jsonl, progress_records/ or eval<version>.json, found none of them");
  detail::mark_unavailable(records);
  return records;
}

}  // namespace fusiform
