#pragma once
/// What the lesion of each single unit of a layer does to each image: the causal truth that shortcuts are held against.

#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/analysis/unit_table.hpp>

namespace fusiform {

/// loss(lesioned) - loss(intact), nats, for each image and unit; the mean of a column is the unit's effect
/// (`unit_means`). All units are lesioned one by one. Takes one evaluation per unit of the layer.
/// Throws ShapeError unless there is one label per image.
template <Scalar T>
[[nodiscard]] UnitTable unit_effects(AddedLesions<T>& lesions, const std::vector<Index>& labels) {
  require_equal("unit effects", "labels, one per image,", lesions.image_count(), static_cast<Index>(labels.size()));
  const Index units = lesions.units();
  std::vector<std::vector<Index>> added{{}};  // the intact net first
  for (Index unit = 0; unit < units; ++unit) added.push_back({unit});
  const std::vector<Outcomes<T>> outcomes = lesions.evaluate({}, added, {0, lesions.image_count()});
  UnitTable table{Tensor<float, Cpu>::uninitialized({lesions.image_count(), units}), labels};
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
