#pragma once
/// Rankings of a study, exact or by racing as `[lesion] racing` says.

#include <utility>
#include <vector>

#include <fusiform/analysis/race_order.hpp>
#include <fusiform/analysis/rank_by_racing.hpp>
#include <fusiform/data/pack.hpp>
#include <fusiform/study/study_net.hpp>

namespace fusiform::detail {

/// The images of a ranking; for a race in random order.
[[nodiscard]] inline std::vector<Index> in_order_of_ranking(std::vector<Index> items, const ImagePack& pack,
                                                            const StudyNet& net) {
  if (!net.settings->lesion.racing) return items;
  std::vector<Index> labels;
  for (const Index item : items) labels.push_back(pack.label(item));
  std::vector<Index> ordered;
  for (const Index place : race_order(labels, Rng(net.seed))) ordered.push_back(items[static_cast<std::size_t>(place)]);
  return ordered;
}

/// Goes on with a ranking as the study asks. A race runs again from its beginning, because iterations use what earlier
/// ones saw: the answers are in the journal of `lesions`. It tells `progress` of all iterations then.
[[nodiscard]] inline Ranking rank_as_asked(AddedLesions<float>& lesions, const StudyNet& net,
                                           const RankingProgress& progress, Ranking so_far) {
  const LesionConfig& lesion = net.settings->lesion;
  const RankingOptions options{.fraction = lesion.fraction, .group = lesion.group};
  if (!lesion.racing) return rank_units(lesions, options, progress, std::move(so_far));
  const RacingOptions racing{
      .delta = lesion.delta, .epsilon = lesion.epsilon, .audit = lesion.race_audit, .seed = net.seed};
  return rank_units_by_racing<float>(lesions, options, racing, progress);
}

}  // namespace fusiform::detail
