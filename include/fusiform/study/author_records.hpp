#pragma once
/// The record files of the published lesion scripts (Dobs, Martinez, Kell & Kanwisher 2022;
/// github.com/martinezjulio/sdnn) as values: rankings per task and layer, and what lesions of their units did to each
/// task.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/analysis/ranking.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/io/format.hpp>

namespace fusiform {

/// Units of one layer in the order in which they were selected for one task.
struct RecordedRanking {
  std::string sort_task;          ///< "random..." for units drawn at random
  Index layer = 0;                ///< i for the i-th pair of weight and bias of the net
  bool complete = true;           ///< the scripts called it so
  std::vector<Index> seeds = {};  ///< of the image order, one per iteration
  /// Without progress records there are no iterations and `layer_units` is 0. The scripts do not keep the loss before
  /// each iteration: `base_loss` is NaN.
  Ranking ranking = {};

  [[nodiscard]] bool random() const noexcept { return is_random(sort_task); }
  [[nodiscard]] static bool is_random(const std::string& sort_task) noexcept {
    return sort_task.starts_with("random") && !sort_task.starts_with("randomizedClasses");
  }
};

/// The test images of one task with the first round(fraction · units) units of a ranking lesioned.
struct RecordedPoint {
  double fraction = 0;
  double loss = undefined;      ///< mean of the means of the batches, nats
  double accuracy = undefined;  ///< top-1
  std::vector<Index> y_true = {};
  std::vector<Index> y_pred = {};  ///< as many, or none if predictions were not recorded
  bool available = true;           ///< false if fewer units were ranked: the scripts then lesioned all that were

  [[nodiscard]] bool has_predictions() const noexcept { return !y_true.empty(); }
};

/// One evaluation task under lesions of the units ranked for one sort task.
struct RecordedCurve {
  std::string sort_task;
  std::string task;
  Index layer = 0;
  std::vector<RecordedPoint> points = {};  ///< ascending fractions

  /// The point at a fraction, up to the rounding of 0.1 + 0.2; nothing if there is none.
  [[nodiscard]] const RecordedPoint* find(double fraction) const noexcept {
    for (const RecordedPoint& point : points)
      if (std::abs(point.fraction - fraction) < 1e-6) return &point;
    return nullptr;
  }
};

/// Everything in one folder LESION_NAME_<name>.
struct AuthorRecords {
  std::string version;              ///< of the evaluation: eval<version>.json
  nlohmann::ordered_json settings;  ///< of the ranking: greedy_p, shuffle, batch_size, max_batches, restore_epoch
  std::vector<RecordedRanking> rankings;
  std::vector<RecordedCurve> curves;
  std::vector<std::string> notes = {};  ///< what the reader should know: points not available, images that differ

  [[nodiscard]] const RecordedRanking* ranking(const std::string& sort_task, Index layer) const noexcept {
    for (const RecordedRanking& ranking : rankings)
      if (ranking.layer == layer && ranking.sort_task == sort_task) return &ranking;
    return nullptr;
  }
  [[nodiscard]] const RecordedCurve* curve(const std::string& sort_task, const std::string& task,
                                           Index layer) const noexcept {
    for (const RecordedCurve& curve : curves)
      if (curve.layer == layer && curve.sort_task == sort_task && curve.task == task) return &curve;
    return nullptr;
  }
};

/// How many iterations of a recorded ranking selected what `select_group` selects from their losses, order included.
[[nodiscard]] inline Index iterations_by_the_rule(const Ranking& ranking) {
  Index agreeing = 0;
  for (const RankingIteration& iteration : ranking.iterations) {
    const auto group = static_cast<Index>(iteration.selection.units.size());
    const Selection selection = select_group(iteration.candidates, iteration.losses, group);
    agreeing += selection.units == iteration.selection.units ? 1 : 0;
  }
  return agreeing;
}

/// Names of files and keys below a folder of records.
namespace author_names {

[[nodiscard]] inline std::string sorted_by(const std::string& sort_task) { return "SORTEDBY_" + sort_task; }

/// "SORTEDBY_faces/12", the end of the keys of a ranking.
[[nodiscard]] inline std::string ranking_key(const std::string& sort_task, Index layer) {
  return sorted_by(sort_task) + "/" + format_number(layer);
}

/// "SORTEDBY_faces/PARAM_GROUP_INDEX_12"
[[nodiscard]] inline std::string group_folder(const std::string& sort_task, Index layer) {
  return sorted_by(sort_task) + "/PARAM_GROUP_INDEX_" + format_number(layer);
}
[[nodiscard]] inline std::string progress_folder(const std::string& sort_task, Index layer) {
  return "progress_records/" + group_folder(sort_task, layer);
}
[[nodiscard]] inline std::string progress_file(const std::string& sort_task, Index layer, std::size_t iteration) {
  return progress_folder(sort_task, layer) + "/progress_record_ITER_" + format_number(iteration) + ".npz";
}
[[nodiscard]] inline std::string selections_file(const std::string& sort_task, Index layer) {
  return "selections_records/" + group_folder(sort_task, layer) + "/selections_record.npz";
}
[[nodiscard]] inline std::string evaluation_folder(const std::string& version, const std::string& task) {
  return "drop_percents_records/VERSION_" + version + "/EVALUATION_TASK_" + task;
}
[[nodiscard]] inline std::string drop_percents_file(const std::string& version, const std::string& task,
                                                    const std::string& sort_task, Index layer) {
  return evaluation_folder(version, task) + "/" + group_folder(sort_task, layer) + "/drop_percent_record.npz";
}
[[nodiscard]] inline std::string predictions_file(const std::string& version, const std::string& task) {
  return evaluation_folder(version, task) + "/predictions/PARAM_GROUP/predictions.jsonl";
}
/// "validated_losses_SORTEDBY_faces/objects/12", `what` being losses or accuracies.
[[nodiscard]] inline std::string curve_key(const std::string& what, const RecordedCurve& curve) {
  return "validated_" + what + "_" + sorted_by(curve.sort_task) + "/" + curve.task + "/" + format_number(curve.layer);
}
/// "INDEX_12/SORTEDBY_faces/PERCENT_0.20/", to be followed by y_true or y_pred.
[[nodiscard]] inline std::string predictions_key(const RecordedCurve& curve, double fraction) {
  return "INDEX_" + format_number(curve.layer) + "/" + sorted_by(curve.sort_task) + "/PERCENT_" +
         format_fixed(fraction, 2) + "/";
}

}  // namespace author_names

}  // namespace fusiform
