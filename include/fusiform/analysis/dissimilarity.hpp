#pragma once
/// Representational dissimilarity matrices (Kriegeskorte, Mur & Bandettini 2008): how different a layer finds each pair
/// of images or classes.

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/row_products.hpp>

namespace fusiform {

enum class DissimilarityMeasure {
  pearson,    ///< 1 - correlation over the features, 0 to 2
  cosine,     ///< 1 - cosine, 0 to 2
  euclidean,  ///< length of the difference
};

/// A symmetric matrix with a zero diagonal; only the part above the diagonal is stored, row by row, as SciPy's pdist
/// does: (0,1), (0,2), ... (0,n-1), (1,2), ...
struct DissimilarityMatrix {
  std::string layer;
  std::vector<Index> labels;   ///< class of each condition (an image or a class mean)
  std::vector<double> values;  ///< n (n - 1) / 2

  [[nodiscard]] Index conditions() const noexcept { return static_cast<Index>(labels.size()); }

  /// Where the pair of two different conditions lies in `values`.
  [[nodiscard]] std::size_t position(Index a, Index b) const noexcept {
    const Index low = std::min(a, b);
    return static_cast<std::size_t>(low * (2 * conditions() - low - 1) / 2 + std::max(a, b) - low - 1);
  }
  [[nodiscard]] double at(Index a, Index b) const noexcept { return a == b ? 0 : values[position(a, b)]; }
};

/// Between all rows of the table: images, or classes after `class_means`. In double; the same bits for any number of
/// threads. Equal rows are exactly 0 apart; Euclidean distances come from inner products, so that those of nearly
/// equal rows are good to about 1e-8 of the rows' distance from their mean. Undefined (NaN): Pearson with a row that
/// does not vary, cosine with a row of zeros. Throws ShapeError or NumericError as require_features.
[[nodiscard]] inline DissimilarityMatrix dissimilarity(const FeatureTable& table,
                                                       DissimilarityMeasure measure = DissimilarityMeasure::pearson) {
  require_features("dissimilarity", table);
  const bool is_euclidean = measure == DissimilarityMeasure::euclidean;
  const RowProducts rows(table, is_euclidean                               ? RowCentering::mean_of_rows
                                : measure == DissimilarityMeasure::pearson ? RowCentering::own_mean
                                                                           : RowCentering::none);
  const std::span<const double> squares = rows.squares();
  DissimilarityMatrix matrix{table.layer, table.labels, {}};
  const auto count = static_cast<std::size_t>(table.count());
  matrix.values.resize(count < 2 ? 0 : count * (count - 1) / 2);
  rows.for_each_row([&](Index n, std::span<const double> products) {
    const double own = squares[static_cast<std::size_t>(n)];
    if (n + 1 == table.count()) return;
    double* to = &matrix.values[matrix.position(n, n + 1)];
    for (std::size_t other = static_cast<std::size_t>(n) + 1; other < count; ++other, ++to) {
      const double both = own * squares[other];
      if (is_euclidean) {
        *to = std::sqrt(std::max(0.0, own + squares[other] - 2 * products[other]));
      } else {
        *to = both > 0 ? 1 - std::clamp(products[other] / std::sqrt(both), -1.0, 1.0) : undefined;
      }
    }
  });
  return matrix;
}

}  // namespace fusiform
