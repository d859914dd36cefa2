#pragma once
/// Ranks the units of a layer by how much their lesion raises the loss on one task (spec: A.7.2).

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/analysis/race_record.hpp>
#include <fusiform/analysis/selection.hpp>

namespace fusiform {

struct RankingOptions {
  double fraction = 0.2;  ///< share of the layer's units to select (greedy_p); 0: one pass that sorts all (linear)
  double group = 0.016;   ///< share of the layer's units selected per iteration (group_p); 0: one at a time
};

/// One iteration: every unit not yet selected is lesioned together with those that are.
struct RankingIteration {
  double base_loss = 0;                           ///< mean loss with the units selected so far lesioned
  std::vector<Index> candidates;                  ///< ascending
  std::vector<double> losses;                     ///< mean loss for each candidate; an estimate if a race eliminated it
  std::vector<double> accuracies;                 ///< top-1 for each candidate; likewise
  Selection selection;                            ///< what was selected, ties and the gap at the cut
  std::optional<RaceRecord> race = std::nullopt;  ///< if this was a race
};

struct Ranking {
  std::vector<Index> units;        ///< in the order of selection
  std::vector<double> losses;      ///< mean loss recorded when the unit was selected
  std::vector<double> accuracies;  ///< top-1 recorded when the unit was selected
  Index layer_units = 0;           ///< units the layer has
  std::vector<RankingIteration> iterations;

  /// Takes up a finished iteration.
  void append(RankingIteration iteration) {
    for (const Index unit : iteration.selection.units) {
      const auto place = std::lower_bound(iteration.candidates.begin(), iteration.candidates.end(), unit);
      const auto position = static_cast<std::size_t>(place - iteration.candidates.begin());
      units.push_back(unit);
      losses.push_back(iteration.losses[position]);
      accuracies.push_back(iteration.accuracies[position]);
    }
    iterations.push_back(std::move(iteration));
  }

  /// Units that are not ranked yet, ascending.
  [[nodiscard]] std::vector<Index> remaining() const {
    std::vector<bool> is_ranked(static_cast<std::size_t>(layer_units), false);
    for (const Index unit : units) is_ranked[static_cast<std::size_t>(unit)] = true;
    std::vector<Index> result;
    for (Index unit = 0; unit < layer_units; ++unit)
      if (!is_ranked[static_cast<std::size_t>(unit)]) result.push_back(unit);
    return result;
  }

  /// The first round(fraction · layer_units) units, half to even as in the published scripts.
  /// Throws ConfigError if fewer were ranked.
  [[nodiscard]] std::vector<Index> top(double fraction) const {
    const Index wanted = lesioned_units(layer_units, fraction);
    require_setting(wanted <= static_cast<Index>(units.size()), "ranking",
                    text("a fraction of at most ", units.size(), " ranked units of ", layer_units), fraction);
    return {units.begin(), units.begin() + wanted};
  }
};

/// Called after each iteration with what is ranked so far and the number to be ranked.
using RankingProgress = std::function<void(const Ranking& so_far, Index wanted)>;

/// Goes through the iterations of a greedy selection and takes up what iterate(selected, candidates, group) yields: the
/// part that all ways to rank units share. `ranking` holds the iterations that are there already.
template <class Iterate>
[[nodiscard]] Ranking rank_greedily(Index units, const RankingOptions& options, const Iterate& iterate,
                                    const RankingProgress& progress, Ranking ranking) {
  const SelectionSchedule schedule = selection_schedule(units, options.fraction, options.group);
  ranking.layer_units = units;
  while (schedule.goes_on(static_cast<Index>(ranking.units.size())) &&
         static_cast<Index>(ranking.units.size()) < units) {
    ranking.append(iterate(ranking.units, ranking.remaining(), schedule.group));
    if (progress) progress(ranking, selection_cost(units, schedule).selected);
  }
  return ranking;
}

/// Greedy forward selection; with `options.fraction` = 0 the linear version. All candidates see the same images.
/// `ranking` holds the iterations of an interrupted run with the same arguments, from which this one goes on.
/// Throws NumericError if a loss is not a number.
template <Scalar T>
[[nodiscard]] Ranking rank_units(AddedLesions<T>& lesions, const RankingOptions& options = {},
                                 const RankingProgress& progress = {}, Ranking ranking = {}) {
  const auto iterate = [&](const std::vector<Index>& selected, std::vector<Index> candidates, Index group) {
    std::vector<std::vector<Index>> added{{}};  // the base, then one for each candidate
    for (const Index unit : candidates) added.push_back({unit});
    const std::vector<Outcomes<T>> outcomes = lesions.evaluate(selected, added, {0, lesions.image_count()});
    RankingIteration iteration{.base_loss = outcomes.front().mean_loss(), .candidates = std::move(candidates)};
    for (std::size_t i = 1; i < outcomes.size(); ++i) {
      iteration.losses.push_back(outcomes[i].mean_loss());
      iteration.accuracies.push_back(outcomes[i].top1());
    }
    iteration.selection = select_group(iteration.candidates, iteration.losses, group);
    return iteration;
  };
  return rank_greedily(lesions.units(), options, iterate, progress, std::move(ranking));
}

}  // namespace fusiform
