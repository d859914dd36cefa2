#pragma once
/// What the lesion of each single unit of a layer does to each image: the causal truth that shortcuts are held against.

#include <vector>

#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/analysis/unit_table.hpp>

namespace fusiform {

/// loss(lesioned) - loss(intact), nats, for each image and unit; the mean of a column is the unit's effect
/// (`unit_means`). All units are lesioned one by one in the manner of `lesion`, whose set of units is not looked at.
/// Takes one evaluation per unit of the layer. Throws as LesionEvaluator::evaluate.
template <Scalar T>
[[nodiscard]] UnitTable unit_effects(LesionEvaluator<T>& evaluator, const std::vector<Index>& labels,
                                     const Lesion& manner = {},
                                     const typename LesionEvaluator<T>::Progress& progress = {}) {
  require_equal("unit effects", "labels, one per image,", evaluator.image_count(), static_cast<Index>(labels.size()));
  const Index units = evaluator.site().units;
  std::vector<Lesion> lesions{{.units = {}}};  // the intact net
  for (Index unit = 0; unit < units; ++unit) {
    lesions.push_back(manner);
    lesions.back().units = {unit};
  }
  const std::vector<Outcomes<T>> outcomes = evaluator.evaluate(lesions, progress);
  UnitTable table{Tensor<float, Cpu>::uninitialized({evaluator.image_count(), units}), labels};
  for (std::size_t image = 0; image < labels.size(); ++image) {
    const auto intact = static_cast<double>(outcomes.front().losses[image]);
    for (Index unit = 0; unit < units; ++unit) {
      const auto lesioned = static_cast<double>(outcomes[static_cast<std::size_t>(unit) + 1].losses[image]);
      table.values[static_cast<Index>(image) * units + unit] = static_cast<float>(lesioned - intact);
    }
  }
  return table;
}

}  // namespace fusiform
