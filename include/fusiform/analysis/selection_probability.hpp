#pragma once
/// How sure a selection is: the list of images is a sample, and with another one other units would have been selected.

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/analysis/selection.hpp>

namespace fusiform {

/// Images drawn with replacement, whatever their classes: how much would change with other images of the same classes.
[[nodiscard]] inline HierarchicalBootstrap bootstrap_over_images(Index images, Rng rng) {
  return {std::vector<Index>(static_cast<std::size_t>(std::max<Index>(images, 0)), 0), rng};
}

/// For each candidate the share of resamples in which it is among the `group` of largest mean loss; ties go to the
/// lower place, as in select_group. `losses` holds, candidate after candidate, the losses of all images. Of a race
/// this takes the candidates that were evaluated to the end; for the others the probability is small but not known.
/// Independent of the number of threads. Throws ShapeError if the losses do not fit, ConfigError for numbers that
/// cannot be, NumericError if a loss is not a number.
template <Scalar T>
[[nodiscard]] std::vector<double> selection_probability(std::span<const T> losses, Index group,
                                                        const HierarchicalBootstrap& bootstrap,
                                                        Index replicates = 1000) {
  const auto images = static_cast<std::size_t>(bootstrap.image_count());
  const std::size_t candidates = losses.size() / images;
  require_equal("selection probability", "losses, one per candidate and image,", candidates * images, losses.size());
  require_setting(group >= 1, "selection probability", "a group of at least 1 unit", group);
  require_setting(replicates >= 1, "selection probability", "at least 1 replicate", replicates);
  std::vector<Index> places(candidates);
  std::iota(places.begin(), places.end(), Index{0});
  std::vector<std::vector<Index>> selected(static_cast<std::size_t>(replicates));
  for_each_replicate(bootstrap, replicates, [&](Index replicate, std::span<const ImageWeight> weights) {
    std::vector<double> sums(candidates);  // the mean of each times the number of images drawn, the same for all
    for (std::size_t c = 0; c < candidates; ++c) {
      const T* row = losses.data() + c * images;
      for (std::size_t i = 0; i < images; ++i)
        if (weights[i] != 0) sums[c] += weights[i] * static_cast<double>(row[i]);
    }
    selected[static_cast<std::size_t>(replicate)] = select_group(places, sums, group).units;
  });
  std::vector<double> probability(candidates);
  for (const std::vector<Index>& units : selected)
    for (const Index unit : units) ++probability[static_cast<std::size_t>(unit)];
  for (double& share : probability) share /= static_cast<double>(replicates);
  return probability;
}

}  // namespace fusiform
