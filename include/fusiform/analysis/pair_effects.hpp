#pragma once
/// Do two units do the same work, or work together? What the lesion of both does beyond the sum of what each does alone
/// (spec: C.9).

#include <algorithm>
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

/// Lesions the given units one by one and two by two: m (m + 1) / 2 evaluations. The differences are taken image by
/// image, in double. Throws ConfigError for units that are not there or named twice, or without images.
template <Scalar T>
[[nodiscard]] PairEffects pair_effects(AddedLesions<T>& lesions, const std::vector<Index>& units) {
  const Index images = lesions.image_count();
  require_setting(images >= 1, "pair effects", "at least 1 image", images);
  const auto count = static_cast<Index>(units.size());
  std::vector<std::vector<Index>> added{{}};
  for (const Index unit : units) added.push_back({unit});
  for (Index i = 0; i < count; ++i)
    for (Index j = i + 1; j < count; ++j)
      added.push_back({units[static_cast<std::size_t>(i)], units[static_cast<std::size_t>(j)]});
  const std::vector<Outcomes<T>> outcomes = lesions.evaluate({}, added, {0, images});
  const auto loss = [&](Index lesion, std::size_t image) {
    return static_cast<double>(outcomes[static_cast<std::size_t>(lesion)].losses[image]);
  };
  PairEffects result{units, {}, Tensor<double, Cpu>({count, count}), Tensor<double, Cpu>({count, count})};
  for (Index i = 0; i < count; ++i)
    result.effects.push_back(
        detail::mean_and_error(images, [&](std::size_t n) { return loss(1 + i, n) - loss(0, n); }).first);
  Index pair = 1 + count;
  for (Index i = 0; i < count; ++i)
    for (Index j = i + 1; j < count; ++j, ++pair) {
      const auto [mean, error] = detail::mean_and_error(
          images, [&](std::size_t n) { return (loss(pair, n) - loss(1 + i, n)) - (loss(1 + j, n) - loss(0, n)); });
      result.synergies[i * count + j] = result.synergies[j * count + i] = mean;
      result.errors[i * count + j] = result.errors[j * count + i] = error;
    }
  return result;
}

}  // namespace fusiform
