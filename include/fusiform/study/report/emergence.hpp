#pragma once
/// Figure: how segregation arises, the index of each layer over training beside the accuracies.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/curves.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// What one layer's points say, seed by seed: a value for each seed at each number of epochs.
struct EmergenceMarks {
  std::vector<double> epochs;
  std::vector<std::vector<DotMark>> marks;  ///< [number of epochs][seed]
};

/// `mark(point)` of all points of the entries, one entry per seed.
template <class Mark>
[[nodiscard]] EmergenceMarks emergence_marks(const std::vector<const Json*>& entries, const Mark& mark) {
  EmergenceMarks result;
  for (const Json* entry : entries)
    for (const Json& point : entry->at("points")) {
      const double epochs = number_or_nan(point.at("epochs"));
      const auto place = std::lower_bound(result.epochs.begin(), result.epochs.end(), epochs);
      const auto at = place - result.epochs.begin();
      if (place == result.epochs.end() || *place != epochs) {
        result.epochs.insert(place, epochs);
        result.marks.insert(result.marks.begin() + at, std::vector<DotMark>{});
      }
      result.marks[static_cast<std::size_t>(at)].push_back(mark(point));
    }
  return result;
}

/// The curve over seeds, with its interval.
[[nodiscard]] inline Curve emergence_curve(const std::string& name, int color, const EmergenceMarks& found,
                                           double level) {
  Curve curve{.name = name, .x = {}, .y = {}, .color = color, .uncertainty = Uncertainty::bars, .shape = color};
  for (std::size_t i = 0; i < found.epochs.size(); ++i)
    add_mark(curve, found.epochs[i], over_seeds(found.marks[i], level).mark);
  return curve;
}

[[nodiscard]] inline CurvePanel emergence_index_panel(const std::string& layer, const std::vector<const Json*>& entries,
                                                      double level) {
  const auto index = [](const Json& point) { return mark_of(point.at("index")); };
  CurvePanel panel{.title = layer, .curves = {}, .x_label = "finished epochs", .y_label = "segregation index"};
  if (entries.size() > 1)
    for (const Json* entry : entries) {
      Curve single = emergence_curve("one seed", -1, emergence_marks({entry}, index), level);
      single.low.clear();
      single.high.clear();
      single.points = false;
      single.width = 1;
      panel.curves.push_back(std::move(single));
    }
  panel.curves.push_back(
      emergence_curve(entries.size() > 1 ? "segregation index, mean over seeds" : "segregation index", 6,
                      emergence_marks(entries, index), level));
  panel.reference = ReferenceLine{.y = 0, .label = "shared"};
  return panel;
}

/// Top-1 accuracy of each task; the same for all layers.
[[nodiscard]] inline CurvePanel emergence_accuracy_panel(const std::vector<const Json*>& entries, double level) {
  CurvePanel panel{.title = "accuracy",
                   .curves = {},
                   .x_label = "finished epochs",
                   .y_label = "top-1 accuracy",
                   .y_percent = true,
                   .y_low = 0};
  const Json& first = entries.front()->at("points").at(0).at("top1");
  for (std::size_t t = 0; t < first.size(); ++t)
    panel.curves.push_back(emergence_curve(
        "top-1, " + string_at(first[t], "task"), static_cast<int>(t),
        emergence_marks(entries, [&](const Json& point) { return mark_of(point.at("top1").at(t).at("top1")); }),
        level));
  return panel;
}

}  // namespace detail

/// Index over training, a panel per lesioned layer, and the accuracies of the same nets. Nothing without snapshots.
[[nodiscard]] inline std::vector<CaptionedFigure> emergence_figures(const nlohmann::ordered_json& summary) {
  const detail::Json& emergence = detail::member(summary, "emergence");
  if (!emergence.is_array() || emergence.empty()) return {};
  const double level = summary.at("level").get<double>();
  CurvesOptions options{.name = "index_over_training", .panels = {}, .columns = 2, .shared_y_axis = false};
  std::vector<std::size_t> seeds;
  std::vector<const detail::Json*> entries;
  for (const std::string& layer : detail::distinct(emergence, "layer")) {
    entries.clear();
    for (const detail::Json& entry : emergence)
      if (entry.at("layer") == layer) entries.push_back(&entry);
    seeds.push_back(entries.size());
    options.panels.push_back(detail::emergence_index_panel(layer, entries, level));
  }
  options.panels.push_back(detail::emergence_accuracy_panel(entries, level));
  return {{curves_figure(options),
           "Segregation index of each lesioned layer, and test accuracies, over one training per seed (" +
               detail::range_words(seeds) + " seed(s)); 0 epochs: before training. Lesions of " +
               percent_text(summary.at("headline_fraction").get<double>(), 0) +
               " of the units, ranked anew at each point; where the lesions cost too little for an index, there is no "
               "point. " +
               detail::interval_words(summary, seeds)}};
}

}  // namespace fusiform
