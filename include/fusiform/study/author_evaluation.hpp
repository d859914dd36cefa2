#pragma once
/// The evaluation that the published lesion scripts record: accuracy curves and predictions.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/data/npz.hpp>
#include <fusiform/io/json_lines.hpp>
#include <fusiform/study/author_records.hpp>

namespace fusiform::detail {

/// What follows `beginning` in a name. Throws ConfigError, which `read_keyed_lines` completes, if it does not begin so.
[[nodiscard]] inline std::string name_behind(std::string_view name, std::string_view beginning) {
  if (!name.starts_with(beginning)) throw ConfigError(text("expected '", beginning, "...', found '", name, "'"));
  return std::string(name.substr(beginning.size()));
}

[[nodiscard]] inline Index layer_of(std::string_view number) {
  const auto layer = parse_number<Index>(number);
  if (!layer || *layer < 0) throw ConfigError(text("expected the number of a layer, found '", number, "'"));
  return *layer;
}

/// Folders of a name with this beginning, sorted; none if `parent` is not there.
[[nodiscard]] inline std::vector<std::filesystem::path> folders_in(const std::filesystem::path& parent,
                                                                   std::string_view beginning) {
  std::vector<std::filesystem::path> folders;
  if (!std::filesystem::is_directory(parent)) return folders;
  for (const auto& entry : std::filesystem::directory_iterator(parent))
    if (entry.is_directory() && entry.path().filename().string().starts_with(beginning))
      folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// Calls use(parts of the key between '/', value) for each line {"key": value}. Throws FileError naming the line.
template <class Use>
void read_keyed_lines(const std::string& path, const Use& use) {
  Index number = 0;
  const JsonLines journal = read_json_lines(path);
  if (journal.torn_at) throw FileError(path, text("expected a line break at the end, found the file cut off"));
  for (const std::string& json : journal.lines) {
    ++number;
    try {
      const nlohmann::json object = nlohmann::json::parse(json);
      if (!object.is_object() || object.size() != 1) throw ConfigError("expected an object of one key");
      const std::string& key = object.begin().key();
      std::vector<std::string> parts;
      for (std::size_t begin = 0; begin <= key.size();) {
        const std::size_t end = std::min(key.find('/', begin), key.size());
        parts.push_back(key.substr(begin, end - begin));
        begin = end + 1;
      }
      use(parts, object.begin().value());
    } catch (const nlohmann::json::exception& problem) {
      throw FileError(path, text("line ", number, ": ", problem.what()));
    } catch (const ConfigError& problem) {
      throw FileError(path, text("line ", number, ": ", problem.what()));
    }
  }
}

/// The version that is asked for, or the only one of which there are files.
[[nodiscard]] inline std::string evaluation_version(const std::filesystem::path& root,
                                                    const std::optional<std::string>& wanted) {
  if (wanted) return *wanted;
  std::vector<std::string> versions;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("eval") && name.ends_with(".json")) versions.push_back(name.substr(4, name.size() - 9));
  }
  for (const std::filesystem::path& folder : folders_in(root / "drop_percents_records", "VERSION_"))
    versions.push_back(name_behind(folder.filename().string(), "VERSION_"));
  std::sort(versions.begin(), versions.end());
  versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
  std::string all;
  for (const std::string& version : versions) all += (all.empty() ? "'" : ", '") + version + "'";
  require_setting(versions.size() <= 1, root.string(), "the version of the evaluation, as there are several", all);
  return versions.empty() ? "" : versions.front();
}

inline RecordedCurve& curve_of(AuthorRecords& records, const std::string& sort_task, const std::string& task,
                               Index layer) {
  for (RecordedCurve& curve : records.curves)
    if (curve.layer == layer && curve.sort_task == sort_task && curve.task == task) return curve;
  return records.curves.emplace_back(RecordedCurve{.sort_task = sort_task, .task = task, .layer = layer});
}

/// The point at a fraction, made if it is not there.
inline RecordedPoint& point_at(RecordedCurve& curve, double fraction) {
  const auto behind = std::find_if(curve.points.begin(), curve.points.end(),
                                   [&](const RecordedPoint& point) { return point.fraction >= fraction - 1e-6; });
  if (behind != curve.points.end() && behind->fraction < fraction + 1e-6) return *behind;
  return *curve.points.insert(behind, RecordedPoint{.fraction = fraction});
}

/// A list of numbers in which null stands for not-a-number.
[[nodiscard]] inline std::vector<double> numbers_of(const nlohmann::json& list) {
  std::vector<double> numbers;
  for (const auto& entry : list) numbers.push_back(entry.is_null() ? undefined : entry.get<double>());
  return numbers;
}

/// Each curve follows the list of its fractions, which may be another for each.
inline void read_curve_lines(const std::string& path, AuthorRecords& records) {
  std::vector<double> fractions;
  read_keyed_lines(path, [&](const std::vector<std::string>& key, const nlohmann::json& value) {
    if (key.size() == 2 && key[1] == "drop_percents") fractions = numbers_of(value);
    if (key.size() != 3) return;
    const bool losses = key[0].starts_with("validated_losses_");
    const std::string sort_task =
        name_behind(key[0], losses ? "validated_losses_SORTEDBY_" : "validated_accuracies_SORTEDBY_");
    const std::vector<double> values = numbers_of(value);
    if (values.size() != fractions.size())
      throw ConfigError(text("expected ", fractions.size(), " values, one per drop percent, found ", values.size()));
    RecordedCurve& curve = curve_of(records, sort_task, key[1], layer_of(key[2]));
    for (std::size_t i = 0; i < values.size(); ++i) {
      RecordedPoint& point = point_at(curve, fractions[i]);
      (losses ? point.loss : point.accuracy) = values[i];
    }
  });
}

/// What an evaluation that was interrupted had completed.
inline void read_drop_percents(const std::string& path, RecordedCurve& curve) {
  const NpzFile file(path);
  const std::vector<double> fractions = file.numbers("completed_drop_percents");
  const std::vector<double> accuracies = file.numbers("completed_accuracies");
  const std::vector<double> losses = file.numbers("completed_losses");
  for (const std::size_t count : {accuracies.size(), losses.size()})
    if (count != fractions.size())
      throw FileError(
          path, text("expected ", fractions.size(), " losses and accuracies, one per drop percent, found ", count));
  for (std::size_t i = 0; i < fractions.size(); ++i) {
    RecordedPoint& point = point_at(curve, fractions[i]);
    if (std::isnan(point.accuracy)) point.accuracy = accuracies[i];
    if (std::isnan(point.loss)) point.loss = losses[i];
  }
}

/// The point that a key names with two digits, "PERCENT_0.15".
inline RecordedPoint& named_point(RecordedCurve& curve, const std::string& percent) {
  RecordedPoint* found = nullptr;
  for (RecordedPoint& point : curve.points) {
    if (format_fixed(point.fraction, 2) != percent) continue;
    if (found != nullptr) throw ConfigError("expected drop percents that differ in two digits, found " + percent);
    found = &point;
  }
  if (found != nullptr) return *found;
  const auto fraction = parse_number<double>(percent);
  if (!fraction) throw ConfigError("expected a drop percent, found '" + percent + "'");
  return point_at(curve, *fraction);
}

/// Keys "INDEX_12/SORTEDBY_faces/PERCENT_0.20/y_true".
inline void read_predictions(const std::string& path, const std::string& task, AuthorRecords& records) {
  read_keyed_lines(path, [&](const std::vector<std::string>& key, const nlohmann::json& value) {
    if (key.size() != 4 || (key[3] != "y_true" && key[3] != "y_pred"))
      throw ConfigError("expected a key INDEX_<layer>/SORTEDBY_<task>/PERCENT_<fraction>/y_true or y_pred");
    RecordedCurve& curve =
        curve_of(records, name_behind(key[1], "SORTEDBY_"), task, layer_of(name_behind(key[0], "INDEX_")));
    RecordedPoint& point = named_point(curve, name_behind(key[2], "PERCENT_"));
    (key[3] == "y_true" ? point.y_true : point.y_pred) = value.get<std::vector<Index>>();
  });
  for (RecordedCurve& curve : records.curves) {
    if (curve.task != task) continue;
    for (RecordedPoint& point : curve.points) {
      if (point.y_true.size() != point.y_pred.size())
        throw FileError(path, text(author_names::predictions_key(curve, point.fraction), "y_pred: expected ",
                                   point.y_true.size(), " classes, as many as y_true, found ", point.y_pred.size()));
      if (!point.has_predictions()) continue;
      Index correct = 0;
      for (std::size_t i = 0; i < point.y_true.size(); ++i) correct += point.y_true[i] == point.y_pred[i] ? 1 : 0;
      const double accuracy = static_cast<double>(correct) / static_cast<double>(point.y_true.size());
      if (std::abs(accuracy - point.accuracy) > 1e-6)
        records.notes.push_back(text(path, ": ", author_names::predictions_key(curve, point.fraction),
                                     ": the predictions give an accuracy of ", format_fixed(accuracy, 4),
                                     ", recorded is ", format_fixed(point.accuracy, 4)));
      if (std::isnan(point.accuracy)) point.accuracy = accuracy;
    }
  }
}

/// Curves and predictions of the version that `records` names.
inline void read_evaluation(const std::filesystem::path& root, AuthorRecords& records) {
  const std::filesystem::path lines = root / ("eval" + records.version + ".json");
  if (std::filesystem::exists(lines)) read_curve_lines(lines.string(), records);
  const std::filesystem::path version = root / ("drop_percents_records/VERSION_" + records.version);
  for (const std::filesystem::path& evaluated : folders_in(version, "EVALUATION_TASK_")) {
    const std::string task = name_behind(evaluated.filename().string(), "EVALUATION_TASK_");
    for (const std::filesystem::path& sorted : folders_in(evaluated, "SORTEDBY_"))
      for (const std::filesystem::path& group : folders_in(sorted, "PARAM_GROUP_INDEX_")) {
        const std::filesystem::path record = group / "drop_percent_record.npz";
        if (!std::filesystem::exists(record)) continue;
        const Index layer = layer_of(name_behind(group.filename().string(), "PARAM_GROUP_INDEX_"));
        read_drop_percents(record.string(),
                           curve_of(records, name_behind(sorted.filename().string(), "SORTEDBY_"), task, layer));
      }
    const std::filesystem::path predictions = root / author_names::predictions_file(records.version, task);
    if (std::filesystem::exists(predictions)) read_predictions(predictions.string(), task, records);
  }
}

}  // namespace fusiform::detail
