#pragma once
/// Activations of a layer as a table: one row of numbers per image.

#include <cmath>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/tensor.hpp>

namespace fusiform {

/// A value. Rows are images, or classes after `class_means`.
struct FeatureTable {
  std::string layer;          ///< where the features are from, for messages and reports
  Tensor<float, Cpu> values;  ///< (N, features)
  std::vector<Index> labels;  ///< class of each row, any integers

  [[nodiscard]] Index count() const noexcept { return static_cast<Index>(labels.size()); }
  [[nodiscard]] Index feature_count() const noexcept { return values.shape().rank() == 2 ? values.shape()[1] : 0; }
  [[nodiscard]] std::span<const float> row(Index n) const noexcept {
    return values.span().subspan(static_cast<std::size_t>(n * feature_count()),
                                 static_cast<std::size_t>(feature_count()));
  }
};

/// Throws ShapeError unless values are (N, features) with N labels, NumericError if one is NaN or infinite.
inline void require_features(std::string_view where, const FeatureTable& table) {
  const std::string place = text(where, ", features of '", table.layer, "'");
  require_equal(place, "dimensions (N, features)", 2, table.values.shape().rank());
  require_equal(place, "labels", table.values.shape()[0], table.count());
  for (Index n = 0; n < table.count(); ++n)
    for (const float value : table.row(n))
      if (!std::isfinite(value))
        throw NumericError(text(place, ": expected finite numbers, got ", value, " in row ", n));
}

/// The classes of a list of labels, numbered in the order of the labels' values.
struct ClassTable {
  std::vector<Index> labels;                ///< of each class, ascending
  std::vector<std::vector<Index>> members;  ///< rows of each class, ascending
  std::vector<Index> class_of_row;          ///< 0..count()-1

  [[nodiscard]] Index count() const noexcept { return static_cast<Index>(labels.size()); }
};

[[nodiscard]] inline ClassTable class_table(std::span<const Index> labels) {
  std::map<Index, std::vector<Index>> members;
  for (std::size_t row = 0; row < labels.size(); ++row) members[labels[row]].push_back(static_cast<Index>(row));
  ClassTable table;
  table.class_of_row.resize(labels.size());
  for (auto& [label, rows] : members) {
    for (const Index row : rows) table.class_of_row[static_cast<std::size_t>(row)] = table.count();
    table.labels.push_back(label);
    table.members.push_back(std::move(rows));
  }
  return table;
}

/// Throws ConfigError unless there are two or more classes, each with two or more rows.
inline void require_classes(std::string_view where, const ClassTable& classes) {
  require_setting(classes.count() >= 2, where, "at least 2 classes", classes.count());
  for (std::size_t c = 0; c < classes.members.size(); ++c)
    require_setting(classes.members[c].size() >= 2, where, text("at least 2 images of class ", classes.labels[c]),
                    classes.members[c].size());
}

/// One row per class, in the order of the labels' values: the mean of its rows, summed in double and in their order.
/// Throws ShapeError or NumericError as require_features.
[[nodiscard]] inline FeatureTable class_means(const FeatureTable& table) {
  require_features("class means", table);
  const ClassTable classes = class_table(table.labels);
  FeatureTable means{table.layer, Tensor<float, Cpu>({classes.count(), table.feature_count()}), classes.labels};
  std::vector<double> sums(static_cast<std::size_t>(table.feature_count()));
  Index position = 0;
  for (const std::vector<Index>& members : classes.members) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (const Index member : members) {
      const std::span<const float> row = table.row(member);
      for (std::size_t f = 0; f < sums.size(); ++f) sums[f] += static_cast<double>(row[f]);
    }
    for (const double sum : sums)
      means.values[position++] = static_cast<float>(sum / static_cast<double>(members.size()));
  }
  return means;
}

}  // namespace fusiform
