#pragma once
/// One candidate in a race: what is known of it and how large its effect can be.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/race_interval.hpp>
#include <fusiform/analysis/race_memory.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// What the standard deviations of a candidate are taken to be at least.
struct DeviationFloors {
  double value = 0;
  double change = 0;
};

template <Scalar T>
struct RaceRunner {
  Index unit = 0;
  const RememberedEffect<T>* earlier = nullptr;
  Outcomes<T> known{};  ///< losses and top-1 for the first images; for an audited runner more than the race has seen
  bool audited = false;
  bool eliminated = false;
  bool finished = false;      ///< all images are seen
  double effect = 0;          ///< mean loss minus the base's: exact if finished, otherwise the estimate
  Moments value{};            ///< of the images' effects
  Moments change{};           ///< of their changes since the earlier iteration
  bool uses_earlier = false;  ///< the estimate is the earlier effect over many images plus the change over few

  [[nodiscard]] bool runs() const noexcept { return !eliminated && !finished; }

  /// The estimate of lower variance from the images seen; `base` holds their losses without the candidate's lesion.
  void estimate(std::span<const T> base, const UpperLimit& limit) {
    const auto effect_at = [&](Index image) {
      const auto i = static_cast<std::size_t>(image);
      return static_cast<double>(known.losses[i]) - static_cast<double>(base[i]);
    };
    const auto images = static_cast<Index>(base.size());
    value = moments(images, effect_at);
    uses_earlier = false;
    if (earlier != nullptr && earlier->images() > images) {
      change = moments(images, [&](Index image) {
        return effect_at(image) - static_cast<double>(earlier->values[static_cast<std::size_t>(image)]);
      });
      uses_earlier = limit.reach(change, value, earlier->images()) < limit.reach(value);
    }
    if (!finished) effect = uses_earlier ? change.mean + earlier->mean : value.mean;
  }

  /// The largest effect it may have.
  [[nodiscard]] double upper(const UpperLimit& limit, const DeviationFloors& floors) const noexcept {
    Moments of_value = value;
    of_value.deviation = std::max(value.deviation, floors.value);
    if (!uses_earlier) return effect + limit.reach(of_value);
    Moments of_change = change;
    of_change.deviation = std::max(change.deviation, floors.change);
    return effect + limit.reach(of_change, of_value, earlier->images());
  }
};

/// Half the median standard deviation among the leaders. A lesion may act on few images only; until one of them comes
/// up its effect seems not to vary, and such a candidate would be eliminated with too much confidence.
template <Scalar T>
[[nodiscard]] DeviationFloors deviation_floors(std::span<RaceRunner<T>* const> leaders) {
  const auto half_median = [](std::vector<double> numbers) {
    std::sort(numbers.begin(), numbers.end());
    return (numbers[(numbers.size() - 1) / 2] + numbers[numbers.size() / 2]) / 4;
  };
  std::vector<double> values;
  std::vector<double> changes;
  for (const RaceRunner<T>* leader : leaders) {
    values.push_back(leader->value.deviation);
    if (leader->uses_earlier) changes.push_back(leader->change.deviation);
  }
  const double of_values = half_median(std::move(values));
  return {of_values, changes.empty() ? of_values : half_median(std::move(changes))};
}

}  // namespace fusiform
