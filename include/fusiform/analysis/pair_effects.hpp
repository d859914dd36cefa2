#pragma once
/// Do two units do the same work, or work together? What the lesion of both does beyond the sum of what each does alone
/// (spec: C.9).

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>

namespace fusiform {

/// All pairs of some units. Above 0: each unit can stand in for the other, and only the loss of both hurts
/// (redundancy); below 0: each is worth less without the other.
struct PairEffects {
  std::vector<Index> units;
  std::vector<double> effects;  ///< mean over images of loss(unit) - loss(intact), nats, one per unit
  Tensor<double, Cpu>
      synergies;               ///< (units, units): effect of both minus the sum of the two effects; 0 on the diagonal
  Tensor<double, Cpu> errors;  ///< (units, units): standard errors of the synergies over images; 0 on the diagonal
};

namespace detail {

/// Mean and its standard error over images of value(image).
template <class Value>
[[nodiscard]] std::pair<double, double> mean_and_error(Index images, const Value& value) {
  double sum = 0;
  for (Index i = 0; i < images; ++i) sum += value(static_cast<std::size_t>(i));
  const double mean = sum / static_cast<double>(images);
  double squares = 0;
  for (Index i = 0; i < images; ++i) {
    const double deviation = value(static_cast<std::size_t>(i)) - mean;
    squares += deviation * deviation;
  }
  const auto n = static_cast<double>(images);
  return {mean, images > 1 ? std::sqrt(squares / (n - 1) / n) : 0.0};
}

}  // namespace detail

/// The lesions that pairs of units are judged by: none, then each unit, then both of each pair (0, 1), (0, 2), ...,
/// (1, 2), ... of the list.
[[nodiscard]] inline std::vector<std::vector<Index>> pair_lesions(const std::vector<Index>& units) {
  std::vector<std::vector<Index>> lesions{{}};
  for (const Index unit : units) lesions.push_back({unit});
  for (std::size_t i = 0; i < units.size(); ++i)
    for (std::size_t j = i + 1; j < units.size(); ++j) lesions.push_back({units[i], units[j]});
  return lesions;
}

/// What the units (i, j), i < j, of `count` units do to one image beyond the sum of what each does; `outcomes`: one for
/// each of `pair_lesions`.
template <Scalar T>
[[nodiscard]] double pair_synergy(const std::vector<Outcomes<T>>& outcomes, Index count, std::pair<Index, Index> pair,
                                  std::size_t image) {
  const auto [i, j] = pair;
  const auto loss = [&](Index lesion) {
    return static_cast<double>(outcomes[static_cast<std::size_t>(lesion)].losses[image]);
  };
  const Index both = 1 + count + i * (2 * count - i - 1) / 2 + (j - i - 1);
  return (loss(both) - loss(1 + i)) - (loss(1 + j) - loss(0));
}

/// Effects and synergies from the outcomes of `pair_lesions(units)`. Throws ShapeError unless there is one for each,
/// ConfigError without images.
template <Scalar T>
[[nodiscard]] PairEffects pair_effects(const std::vector<Index>& units, const std::vector<Outcomes<T>>& outcomes) {
  const auto count = static_cast<Index>(units.size());
  require_equal("pair effects", "outcomes, one per lesion,", 1 + count + count * (count - 1) / 2,
                static_cast<Index>(outcomes.size()));
  const Index images = outcomes.front().count();
  require_setting(images >= 1, "pair effects", "at least 1 image", images);
  PairEffects result{units, {}, Tensor<double, Cpu>({count, count}), Tensor<double, Cpu>({count, count})};
  for (Index i = 0; i < count; ++i) {
    const std::vector<T>& lesioned = outcomes[static_cast<std::size_t>(1 + i)].losses;
    const auto effect = [&](std::size_t image) {
      return static_cast<double>(lesioned[image]) - static_cast<double>(outcomes.front().losses[image]);
    };
    result.effects.push_back(detail::mean_and_error(images, effect).first);
    for (Index j = i + 1; j < count; ++j) {
      const auto [mean, error] = detail::mean_and_error(images, [&](std::size_t image) {
        return pair_synergy(outcomes, count, {i, j}, image);
      });
      result.synergies[i * count + j] = result.synergies[j * count + i] = mean;
      result.errors[i * count + j] = result.errors[j * count + i] = error;
    }
  }
  return result;
}

/// Lesions the given units one by one and two by two: m (m + 1) / 2 evaluations. The differences are taken image by
/// image, in double. Throws ConfigError for units that are not there or named twice, or without images.
template <Scalar T>
[[nodiscard]] PairEffects pair_effects(AddedLesions<T>& lesions, const std::vector<Index>& units) {
  return pair_effects(units, lesions.evaluate({}, pair_lesions(units), {0, lesions.image_count()}));
}

}  // namespace fusiform
