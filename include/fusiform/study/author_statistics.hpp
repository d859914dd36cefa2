#pragma once
/// Drops, specificity and the segregation index of imported records, with intervals where predictions were recorded.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/segregation.hpp>
#include <fusiform/study/author_records.hpp>

namespace fusiform {

/// One layer at one lesion size. Every lesion is compared with the intact net of its own curve: the scripts drew test
/// images anew for each, so that the bases of one task may differ.
struct RecordedSegregation {
  Index layer = 0;
  double fraction = 0;
  std::vector<std::string> tasks;
  std::vector<std::vector<double>> base;    ///< [t][s] accuracy of the intact net in the curve of t sorted by s
  std::vector<std::vector<Interval>> drop;  ///< [t][s] without ends if there are no predictions; NaN: not available
  std::vector<double> specificity;          ///< [s]
  double index = undefined;
  std::optional<Segregation> intervals;  ///< of everything, if all predictions are there for two tasks or more
  Index random_sets = 0;                 ///< random lesions of this size that `intervals` take into account
  std::vector<std::string> notes;
};

/// Layers that have curves, ascending.
[[nodiscard]] inline std::vector<Index> recorded_layers(const AuthorRecords& records) {
  std::set<Index> layers;
  for (const RecordedCurve& curve : records.curves) layers.insert(curve.layer);
  return {layers.begin(), layers.end()};
}

/// Tasks that were both evaluated and ranked for at a layer, sorted.
[[nodiscard]] inline std::vector<std::string> recorded_tasks(const AuthorRecords& records, Index layer) {
  std::set<std::string> tasks;
  for (const RecordedCurve& curve : records.curves)
    if (curve.layer == layer && records.curve(curve.task, curve.task, layer) != nullptr) tasks.insert(curve.task);
  return {tasks.begin(), tasks.end()};
}

namespace detail {

[[nodiscard]] inline std::vector<std::uint8_t> flags_of(const RecordedPoint& point) {
  std::vector<std::uint8_t> flags;
  for (std::size_t i = 0; i < point.y_true.size(); ++i) flags.push_back(point.y_true[i] == point.y_pred[i] ? 1 : 0);
  return flags;
}

/// The intact net and one lesion of a curve; null where they were not recorded or are not available.
struct LesionPair {
  const RecordedPoint* base = nullptr;
  const RecordedPoint* lesioned = nullptr;

  [[nodiscard]] bool known() const noexcept { return base != nullptr && lesioned != nullptr; }
  [[nodiscard]] bool has_predictions() const noexcept {
    return known() && base->has_predictions() && base->y_true == lesioned->y_true;
  }
};

[[nodiscard]] inline LesionPair lesion_pair(const AuthorRecords& records, const std::string& task,
                                            const std::string& sort_task, Index layer, double fraction) {
  const RecordedCurve* curve = records.curve(sort_task, task, layer);
  if (curve == nullptr) return {};
  LesionPair pair{curve->find(0), curve->find(fraction)};
  if (pair.lesioned != nullptr && !pair.lesioned->available) pair.lesioned = nullptr;
  return pair;
}

/// All lesions of one task: those sorted by each task, then the random ones. Classes and images are drawn alike for all
/// whose images have the same classes in the same order; other image sets count as samples of their own.
[[nodiscard]] inline std::vector<ResampledDrops> resample_pairs(const std::string& task, std::size_t t,
                                                                const std::vector<LesionPair>& pairs, const Rng& rng,
                                                                const BootstrapOptions& options) {
  std::vector<ResampledDrops> drops;
  for (std::size_t s = 0; s < pairs.size(); ++s) {
    const std::vector<std::uint8_t> base = flags_of(*pairs[s].base);
    const std::vector<std::uint8_t> lesioned = flags_of(*pairs[s].lesioned);
    const bool as_the_first = pairs[s].base->y_true == pairs.front().base->y_true;
    const std::size_t sample = as_the_first ? t : (t + 1) * 100'000 + s;
    drops.push_back(
        resample_drops({.task = task, .labels = pairs[s].base->y_true, .base = base, .lesioned = {lesioned}},
                       rng.stream(static_cast<std::uint64_t>(sample)), options, static_cast<Index>(sample)));
  }
  return drops;
}

/// One task's lesions as `segregation` takes them.
[[nodiscard]] inline ResampledDrops gathered(const std::vector<ResampledDrops>& drops) {
  ResampledDrops all{.base = drops.front().base};
  for (const ResampledDrops& lesion : drops) {
    all.accuracy.push_back(lesion.accuracy.front());
    all.drop.push_back(lesion.drop.front());
  }
  return all;
}

[[nodiscard]] inline Segregation segregation_of(std::vector<std::string> tasks, std::vector<ResampledDrops> effects,
                                                const BootstrapOptions& options) {
  ResampledSegregation resampled;
  resampled.tasks = std::move(tasks);
  resampled.effects = std::move(effects);
  for (std::size_t s = 0; s < resampled.tasks.size(); ++s)
    resampled.specificity.push_back(
        measure_of_drops(resampled.effects, [s](const DropMatrix& d) { return specificity(d, s); }));
  resampled.index_denominator =
      measure_of_drops(resampled.effects, [](const DropMatrix& d) { return segregation_parts(d).sum; });
  resampled.index =
      measure_of_drops(resampled.effects, [](const DropMatrix& d) { return segregation_parts(d).index(); });
  return segregation(resampled, options);
}

/// Random sets whose effect on every task was recorded with predictions.
[[nodiscard]] inline std::vector<std::string> random_sets(const AuthorRecords& records, Index layer, double fraction,
                                                          const std::vector<std::string>& tasks) {
  std::vector<std::string> sets;
  for (const RecordedRanking& ranking : records.rankings) {
    bool whole = ranking.layer == layer && ranking.random();
    for (const std::string& task : tasks)
      whole = whole && lesion_pair(records, task, ranking.sort_task, layer, fraction).has_predictions();
    if (whole) sets.push_back(ranking.sort_task);
  }
  return sets;
}

/// Says where the intact net was evaluated on other images for one ranking than for another.
inline void note_other_bases(RecordedSegregation& result, std::size_t t, const std::vector<LesionPair>& pairs) {
  for (std::size_t s = 1; s < result.tasks.size(); ++s) {
    const RecordedPoint* first = pairs.front().base;
    const RecordedPoint* other = pairs[s].base;
    if (first == nullptr || other == nullptr) continue;
    const bool same = std::abs(first->accuracy - other->accuracy) < 1e-9 && first->y_true == other->y_true &&
                      first->y_pred == other->y_pred;
    if (!same)
      result.notes.push_back(text("layer ", result.layer, ", ", result.tasks[t], ": the intact net has an accuracy of ",
                                  format_fixed(first->accuracy, 4), " sorted by ", result.tasks[0], " and of ",
                                  format_fixed(other->accuracy, 4), " sorted by ", result.tasks[s],
                                  ": the test images differ"));
  }
}

/// Fills in row t from what was recorded; the resampled drops if there are predictions for the whole row.
[[nodiscard]] inline std::vector<ResampledDrops> fill_task(RecordedSegregation& result, std::size_t t,
                                                           const std::vector<LesionPair>& pairs, const Rng& rng,
                                                           const BootstrapOptions& options) {
  const std::size_t tasks = result.tasks.size();
  result.base.emplace_back();
  result.drop.emplace_back();
  bool all = true;
  for (std::size_t s = 0; s < tasks; ++s) {
    const LesionPair& pair = pairs[s];
    result.base.back().push_back(pair.base != nullptr ? pair.base->accuracy : undefined);
    Interval drop;
    if (pair.known()) drop.estimate = proportional_drop(pair.base->accuracy, pair.lesioned->accuracy);
    result.drop.back().push_back(drop);
    all = all && pair.has_predictions();
  }
  note_other_bases(result, t, pairs);
  if (!all) return {};
  std::vector<ResampledDrops> drops = resample_pairs(result.tasks[t], t, pairs, rng, options);
  for (std::size_t s = 0; s < tasks; ++s) result.drop.back()[s] = confidence_interval(drops[s].drop.front(), options);
  return drops;
}

}  // namespace detail

/// The statistics of one layer at one lesion size. Tasks are resampled apart from each other, stream t of `rng`.
/// Throws ConfigError if no task was both ranked for and evaluated.
[[nodiscard]] inline RecordedSegregation recorded_segregation(const AuthorRecords& records, Index layer,
                                                              double fraction, const Rng& rng,
                                                              const BootstrapOptions& options = {}) {
  RecordedSegregation result{.layer = layer, .fraction = fraction, .tasks = recorded_tasks(records, layer)};
  const std::size_t tasks = result.tasks.size();
  require_setting(tasks >= 1, text("author records, layer ", layer), "a task both ranked for and evaluated", "none");
  std::vector<std::string> sort_tasks = result.tasks;
  const std::vector<std::string> random = detail::random_sets(records, layer, fraction, result.tasks);
  sort_tasks.insert(sort_tasks.end(), random.begin(), random.end());
  std::vector<ResampledDrops> effects;
  DropMatrix estimates;
  for (std::size_t t = 0; t < tasks; ++t) {
    std::vector<detail::LesionPair> pairs;
    for (const std::string& sort_task : sort_tasks)
      pairs.push_back(detail::lesion_pair(records, result.tasks[t], sort_task, layer, fraction));
    const std::vector<ResampledDrops> drops = detail::fill_task(result, t, pairs, rng, options);
    if (!drops.empty()) effects.push_back(detail::gathered(drops));
    estimates.emplace_back();
    for (const Interval& drop : result.drop.back()) estimates.back().push_back(drop.estimate);
  }
  if (tasks < 2) return result;
  for (std::size_t s = 0; s < tasks; ++s) result.specificity.push_back(specificity(estimates, s));
  result.index = segregation_parts(estimates).index();
  if (effects.size() < tasks) return result;
  result.random_sets = static_cast<Index>(random.size());
  result.intervals = detail::segregation_of(result.tasks, std::move(effects), options);
  return result;
}

}  // namespace fusiform
