#pragma once
/// One number for each image and unit of a layer: what attributions and single-unit lesions yield.

#include <span>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/tensor.hpp>

namespace fusiform {

/// A value. Means, intervals, effects per class and split halves are all computed from it: `{table.values,
/// table.labels}` is the UnitEffectTable that unit_preferences and split_half_reliability take.
struct UnitTable {
  Tensor<float, Cpu> values;  ///< (images, units)
  std::vector<Index> labels;  ///< class of each image

  [[nodiscard]] Index images() const noexcept { return static_cast<Index>(labels.size()); }
  [[nodiscard]] Index units() const noexcept { return values.shape().rank() == 2 ? values.shape()[1] : 0; }
  [[nodiscard]] float at(Index image, Index unit) const noexcept { return values[image * units() + unit]; }
};

namespace detail {

/// The mean over rows of f(value) for each column, in double and in the order of the rows; no rows: 0.
template <class Function>
[[nodiscard]] std::vector<double> column_means(View<const float, Cpu> table, const Function& f) {
  require_equal("unit table", "dimensions (images, units)", 2, table.shape().rank());
  const Index rows = table.shape()[0];
  const Index columns = table.shape()[1];
  std::vector<double> means(static_cast<std::size_t>(columns));
  constexpr Index grain = 64;
  parallel_ranges(columns, grain, [&](Index begin, Index end) {
    for (Index row = 0; row < rows; ++row)
      for (Index column = begin; column < end; ++column)
        means[static_cast<std::size_t>(column)] += f(static_cast<double>(table[row * columns + column]), column);
    for (Index column = begin; column < end && rows > 0; ++column)
      means[static_cast<std::size_t>(column)] /= static_cast<double>(rows);
  });
  return means;
}

}  // namespace detail

/// The mean over images of each unit's column, (images, units); 0 without images. Throws ShapeError for no table.
[[nodiscard]] inline std::vector<double> unit_means(View<const float, Cpu> table) {
  return detail::column_means(table, [](double value, Index) { return value; });
}

/// The mean square over images of each unit's column, likewise.
[[nodiscard]] inline std::vector<double> unit_mean_squares(View<const float, Cpu> table) {
  return detail::column_means(table, [](double value, Index) { return value * value; });
}

/// The variance over images (divided by their number) of each unit's column, likewise.
[[nodiscard]] inline std::vector<double> unit_variances(View<const float, Cpu> table) {
  const std::vector<double> means = unit_means(table);
  return detail::column_means(table, [&](double value, Index unit) {
    const double deviation = value - means[static_cast<std::size_t>(unit)];
    return deviation * deviation;
  });
}

}  // namespace fusiform
