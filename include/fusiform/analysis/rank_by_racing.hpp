#pragma once
/// Greedy rankings whose iterations are races: the same selection as the exact ranking with stated probability, for a
/// part of its evaluations.

#include <utility>
#include <vector>

#include <fusiform/analysis/binomial_limit.hpp>
#include <fusiform/analysis/race.hpp>
#include <fusiform/analysis/ranking.hpp>

namespace fusiform {

/// As rank_units, on a list of images in random order (race_order). Each iteration selects what the exact one would
/// select from the same candidates with probability 1 - delta or more, so a ranking of k iterations is the exact one
/// with probability 1 - k · delta or more; intervals rest on the central limit theorem. Iterations remember effects on
/// single images in `memory` (one float per candidate and image at most). A ranking that goes on from `ranking` makes
/// the same choices as one that was never interrupted if `memory` is what it was then; without it, it evaluates more.
/// Throws NumericError if a loss is not finite, ConfigError for options that cannot be.
template <Scalar T>
[[nodiscard]] Ranking rank_units_by_racing(AddedLesions<T>& lesions, const RankingOptions& options,
                                           const RacingOptions& racing, const RankingProgress& progress = {},
                                           Ranking ranking = {}, RaceMemory<T>* memory = nullptr) {
  check_options(racing);
  RaceMemory<T> own_memory;
  RaceMemory<T>& effects = memory == nullptr ? own_memory : *memory;
  const auto iterate = [&](const std::vector<Index>& selected, const std::vector<Index>& candidates, Index group) {
    return Race<T>(lesions, {selected, candidates, group}, racing, effects).run();
  };
  return rank_greedily(lesions.units(), options, iterate, progress, std::move(ranking));
}

/// All races of a ranking together.
struct RacingSummary {
  Index evaluations = 0;       ///< (candidate, image) pairs
  Index saved = 0;             ///< pairs that the exact ranking would have evaluated beside them
  Index audited = 0;           ///< eliminated candidates, drawn at random, that were evaluated to the end all the same
  Index missed = 0;            ///< those that belonged to the selection
  double miss_rate_limit = 1;  ///< 95 % upper limit of the share of eliminated candidates that did
};

[[nodiscard]] inline RacingSummary summarize_races(const Ranking& ranking) {
  RacingSummary summary;
  for (const RankingIteration& iteration : ranking.iterations) {
    if (!iteration.race) continue;
    summary.evaluations += iteration.race->evaluations();
    summary.saved += iteration.race->saved();
    summary.audited += iteration.race->audited;
    summary.missed += iteration.race->missed;
  }
  summary.miss_rate_limit = binomial_upper_limit(summary.missed, summary.audited);
  return summary;
}

}  // namespace fusiform
