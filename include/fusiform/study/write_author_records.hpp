#pragma once
/// Writes rankings and lesion effects as the published lesion scripts do, so that their notebooks read them.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/npz_writer.hpp>
#include <fusiform/study/author_records.hpp>
#include <fusiform/study/outcome_store.hpp>

namespace fusiform {

namespace detail {

/// The files of one folder of records; folders are made as they are needed.
class AuthorRecordsWriter {
 public:
  AuthorRecordsWriter(std::string root, const AuthorRecords& records) : root_(std::move(root)), records_(records) {}

  void write() const {
    for (const RecordedRanking& ranking : records_.rankings) write_ranking(ranking);
    std::map<std::string, std::string> predictions;  // of each task
    for (const RecordedCurve& curve : records_.curves) {
      write_drop_percents(curve);
      predictions[curve.task] += prediction_lines(curve);
    }
    for (const auto& [task, lines] : predictions)
      if (!lines.empty()) write_file_atomically(path(author_names::predictions_file(records_.version, task)), lines);
    write_file_atomically(path("eval" + records_.version + ".json"), evaluation_lines());
    write_file_atomically(path("lesion.jsonl"), ranking_lines());  // last: a folder without it is not whole
  }

 private:
  using Json = nlohmann::ordered_json;

  static std::string line(const std::string& key, const Json& value) { return Json{{key, value}}.dump() + "\n"; }

  [[nodiscard]] std::string path(const std::string& name) const {
    const std::filesystem::path full = std::filesystem::path(root_) / name;
    std::error_code problem;
    std::filesystem::create_directories(full.parent_path(), problem);
    if (problem) throw FileError(full.parent_path().string(), "cannot create the folder: " + problem.message());
    return full.string();
  }

  static void add_selection(NpzWriter& file, const Ranking& ranking, std::size_t count) {
    const auto first = [count](const auto& values) {
      const auto end = values.begin() + static_cast<std::ptrdiff_t>(std::min(count, values.size()));
      return std::vector(values.begin(), end);
    };
    file.add("selected_units", first(ranking.units));
    file.add("selected_losses", first(ranking.losses));
    file.add("selected_accuracies", first(ranking.accuracies));
    file.add("selected_subperformances", std::vector<double>{});
  }

  struct Progress {
    std::size_t selected = 0;  ///< units selected at the end of the iteration
    RankingIteration evaluated;
    std::vector<Index> remaining = {};
    Index seed = 0;
    bool complete = false;  ///< of the whole ranking
  };

  void write_progress(const RecordedRanking& record, std::size_t iteration, const Progress& progress) const {
    NpzWriter file;
    const bool finished = progress.remaining.empty();
    add_selection(file, record.ranking, progress.selected);
    file.add_flag("selections_complete", progress.complete);
    file.add("remaining_units", progress.remaining);
    file.add("pending_units", std::vector<Index>{});
    file.add("pending_clock", std::vector<double>{});
    file.add("dropped_units", progress.evaluated.candidates);
    file.add("dropped_losses", progress.evaluated.losses);
    file.add("dropped_accuracies", progress.evaluated.accuracies);
    file.add("dropped_subperformances", std::vector<double>{});
    file.add_flag("next_iter_made", finished);
    file.add_flag("selection_made", finished);
    file.add("seed", std::vector<Index>{progress.seed});
    file.add("conclusion_count", std::vector<Index>{finished ? 1 : 0});
    file.write(path(author_names::progress_file(record.sort_task, record.layer, iteration)));
  }

  // As in the published runs, the last progress record belongs to an iteration that was opened and not needed.
  void write_ranking(const RecordedRanking& record) const {
    const Ranking& ranking = record.ranking;
    std::size_t selected = 0;
    for (std::size_t k = 0; k < ranking.iterations.size(); ++k) {
      selected += ranking.iterations[k].selection.units.size();
      write_progress(record, k,
                     {.selected = selected,
                      .evaluated = ranking.iterations[k],
                      .seed = k < record.seeds.size() ? record.seeds[k] : 0,
                      .complete = record.complete && k + 1 == ranking.iterations.size()});
    }
    if (!ranking.iterations.empty() && selected < static_cast<std::size_t>(ranking.layer_units)) {
      Progress next{.selected = selected, .evaluated = {}, .complete = record.complete};
      for (const Index unit : ranking.iterations.back().candidates)
        if (std::find(ranking.units.begin(), ranking.units.end(), unit) == ranking.units.end())
          next.remaining.push_back(unit);
      write_progress(record, ranking.iterations.size(), next);
    }
    NpzWriter file;
    add_selection(file, ranking, ranking.units.size());
    file.add_flag("selections_complete", record.complete);
    file.write(path(author_names::selections_file(record.sort_task, record.layer)));
  }

  [[nodiscard]] std::string ranking_lines() const {
    std::string lines;
    for (const auto& [key, value] : records_.settings.items()) lines += line("meta/" + key, value);
    for (const RecordedRanking& record : records_.rankings) {
      if (record.random()) continue;  // the scripts keep them in the selections record alone
      const std::string key = author_names::ranking_key(record.sort_task, record.layer);
      if (record.complete) lines += line("status/" + key, "complete");
      lines += line("selected_units/" + key, record.ranking.units);
      lines += line("selected_losses/" + key, record.ranking.losses);
      lines += line("selected_accuracies/" + key, record.ranking.accuracies);
    }
    return lines;
  }

  template <class Member>
  static std::vector<double> column(const RecordedCurve& curve, Member member) {
    std::vector<double> values;
    for (const RecordedPoint& point : curve.points) values.push_back(point.*member);
    return values;
  }

  [[nodiscard]] std::string evaluation_lines() const {
    std::string lines;
    for (const char* key : {"shuffle", "batch_size", "max_batches", "restore_epoch"})
      if (records_.settings.contains(key)) lines += line(text("meta/", key), records_.settings[key]);
    for (const RecordedCurve& curve : records_.curves) {
      lines += line("meta/drop_percents", column(curve, &RecordedPoint::fraction));
      lines += line(author_names::curve_key("losses", curve), column(curve, &RecordedPoint::loss));
      lines += line(author_names::curve_key("accuracies", curve), column(curve, &RecordedPoint::accuracy));
    }
    return lines;
  }

  void write_drop_percents(const RecordedCurve& curve) const {
    NpzWriter file;
    file.add("remaining_drop_percents", std::vector<double>{});
    file.add("completed_drop_percents", column(curve, &RecordedPoint::fraction));
    file.add("completed_accuracies", column(curve, &RecordedPoint::accuracy));
    file.add("completed_losses", column(curve, &RecordedPoint::loss));
    file.add_flag("is_complete", true);
    file.add("conclusion_count", std::vector<Index>{1});
    file.write(path(author_names::drop_percents_file(records_.version, curve.task, curve.sort_task, curve.layer)));
  }

  static std::string prediction_lines(const RecordedCurve& curve) {
    std::string lines;
    for (const RecordedPoint& point : curve.points) {
      if (!point.has_predictions()) continue;
      const std::string key = author_names::predictions_key(curve, point.fraction);
      lines += line(key + "y_true", point.y_true) + line(key + "y_pred", point.y_pred);
    }
    return lines;
  }

  std::string root_;
  const AuthorRecords& records_;
};

/// Throws ConfigError unless the name can be part of a path and of a key.
inline void require_plain_name(const std::string& name) {
  require_setting(!name.empty() && name.find('/') == std::string::npos, "author records",
                  "task names without '/', which are parts of paths there", "'" + name + "'");
}

/// Adds one lesion's outcomes to the curve of its origin. The scripts predict classes; a study stores only whether the
/// class was found, so that a wrong prediction becomes -1.
inline void add_outcomes(RecordedCurve& curve, double fraction, const std::vector<Index>& labels,
                         const Outcomes<float>& outcomes) {
  if (curve.find(fraction) != nullptr) return;
  RecordedPoint point{.fraction = fraction, .loss = outcomes.mean_loss(), .accuracy = outcomes.top1()};
  point.y_true = labels;
  for (std::size_t i = 0; i < labels.size(); ++i) point.y_pred.push_back(outcomes.correct[i] != 0 ? labels[i] : -1);
  const auto behind = std::find_if(curve.points.begin(), curve.points.end(),
                                   [&](const RecordedPoint& other) { return other.fraction > fraction; });
  curve.points.insert(behind, std::move(point));
}

/// "random" and 32 hexadecimal digits, where the scripts put a unique identifier.
[[nodiscard]] inline std::string random_name(Index repeat) {
  std::string digits(32, '0');
  for (std::size_t at = 32; repeat > 0; repeat /= 16) digits[--at] = "0123456789abcdef"[repeat % 16];
  return "random" + digits;
}

}  // namespace detail

/// Adds the rankings of one layer, by task, and the effects of its lesions, inverse ones left out. `layer` is i for the
/// i-th pair of weight and bias. Throws ConfigError for a task name with '/'.
inline void add_layer(AuthorRecords& records, Index layer, const std::map<std::string, Ranking>& rankings,
                      const LayerEffects& effects) {
  std::vector<std::string> sort_tasks;
  for (const auto& [task, ranking] : rankings) {
    detail::require_plain_name(task);
    records.rankings.push_back({.sort_task = task, .layer = layer, .ranking = ranking});
    sort_tasks.push_back(task);
  }
  std::map<std::string, Ranking> random;  // smaller sets of a repeat first: a set is the beginning of the ranking
  for (const PlannedLesion& lesion : effects.lesions) {
    if (lesion.origin != "random" || lesion.keep_only) continue;
    Ranking& ranking = random[detail::random_name(lesion.repeat)];
    for (const Index unit : lesion.units)
      if (std::find(ranking.units.begin(), ranking.units.end(), unit) == ranking.units.end())
        ranking.units.push_back(unit);
  }
  for (const auto& [name, ranking] : random) {
    records.rankings.push_back({.sort_task = name, .layer = layer, .ranking = ranking});
    sort_tasks.push_back(name);
  }
  for (const TaskEffects<float>& task : effects.tasks) {
    detail::require_plain_name(task.task);
    for (const std::string& sort_task : sort_tasks) {
      RecordedCurve curve{.sort_task = sort_task, .task = task.task, .layer = layer};
      detail::add_outcomes(curve, 0, task.labels, task.lesioned.front());  // the intact net
      for (std::size_t i = 1; i < effects.lesions.size(); ++i) {
        const PlannedLesion& lesion = effects.lesions[i];
        const std::string name = lesion.origin == "random" ? detail::random_name(lesion.repeat) : lesion.origin;
        if (name == sort_task && !lesion.keep_only)
          detail::add_outcomes(curve, lesion.fraction, task.labels, task.lesioned[i]);
      }
      records.curves.push_back(std::move(curve));
    }
  }
}

/// Writes lesion.jsonl, eval<version>.json and the records below `folder`, which is made if it is not there; files of
/// the same names are replaced. Throws FileError.
inline void write_author_records(const std::string& folder, const AuthorRecords& records) {
  detail::AuthorRecordsWriter(folder, records).write();
}

}  // namespace fusiform
