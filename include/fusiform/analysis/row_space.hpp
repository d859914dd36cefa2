#pragma once
/// Fewer coordinates for few rows of many features, without loss.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/linear.hpp>

namespace fusiform {

/// n rows span a space of at most n dimensions. Their coordinates in it have the same inner products as the rows, so
/// that whatever depends on inner products alone (a linear classifier with a penalty on its weights' length) can be
/// computed there, exactly. By a Cholesky decomposition of the Gram matrix with pivoting, which stops at its rank.
class RowSpace {
 public:
  /// `rows` (n, features) must outlive this object. Takes n (n + 1) / 2 inner products and about n · rank² steps.
  explicit RowSpace(View<const double, Cpu> rows) : rows_(rows) {
    const Index count = rows.shape()[0];
    Tensor<double, Cpu> gram({count, count});
    linear_forward(rows, rows, {}, gram.view());
    std::vector<double> rest(static_cast<std::size_t>(count));  // squared length outside of the space so far
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i] = gram[static_cast<Index>(i) * (count + 1)];
    const double largest = rest.empty() ? 0 : *std::max_element(rest.begin(), rest.end());
    coordinates_ = Tensor<double, Cpu>({count, count});
    while (dimensions() < count) {
      const Index pivot = std::max_element(rest.begin(), rest.end()) - rest.begin();
      if (!(rest[static_cast<std::size_t>(pivot)] > tolerance * largest)) break;
      add_dimension(pivot, gram, rest);
    }
    drop_unused_columns();
  }

  [[nodiscard]] Index dimensions() const noexcept { return static_cast<Index>(pivots_.size()); }

  /// (n, dimensions()). Those of a pivot are zero behind its own dimension.
  [[nodiscard]] const Tensor<double, Cpu>& coordinates() const noexcept { return coordinates_; }

  /// The combination of rows that has the given coordinates: vectors of the space, one per row of `points`
  /// (count, dimensions()), written in features (count, features).
  [[nodiscard]] Tensor<double, Cpu> in_features(const Tensor<double, Cpu>& points) const {
    const Index count = points.shape()[0];
    Tensor<double, Cpu> factors({count, rows_.shape()[0]});
    for (Index n = 0; n < count; ++n) {
      // Back substitution: the pivots' coordinates are a triangle.
      std::vector<double> rest(points.data() + n * dimensions(), points.data() + (n + 1) * dimensions());
      for (std::size_t k = rest.size(); k-- > 0;) {
        const double* pivot = coordinates_.data() + pivots_[k] * dimensions();
        const double factor = rest[k] / pivot[k];
        factors[n * rows_.shape()[0] + pivots_[k]] = factor;
        for (std::size_t j = 0; j < k; ++j) rest[j] -= factor * pivot[j];
      }
    }
    Tensor<double, Cpu> features({count, rows_.shape()[1]});
    linear_backward_input(factors, rows_, features.view());
    return features;
  }

 private:
  // Of a squared length. Keeps the triangle's condition below 1e6, so that double leaves ten digits.
  static constexpr double tolerance = 1e-12;

  void add_dimension(Index pivot, const Tensor<double, Cpu>& gram, std::vector<double>& rest) {
    const Index count = gram.shape()[0];
    const std::size_t k = pivots_.size();
    const double length = std::sqrt(rest[static_cast<std::size_t>(pivot)]);
    const double* of_pivot = coordinates_.data() + pivot * count;
    for (Index row = 0; row < count; ++row) {
      double* of_row = coordinates_.data() + row * count;
      double& outside = rest[static_cast<std::size_t>(row)];
      if (row == pivot || outside <= 0) continue;  // 0: an earlier pivot, or a row within the space
      double product = gram[row * count + pivot];
      for (std::size_t j = 0; j < k; ++j) product -= of_row[j] * of_pivot[j];
      of_row[k] = product / length;
      outside = std::max(0.0, outside - of_row[k] * of_row[k]);
    }
    coordinates_[pivot * count + static_cast<Index>(k)] = length;
    rest[static_cast<std::size_t>(pivot)] = 0;
    pivots_.push_back(pivot);
  }

  void drop_unused_columns() {
    Tensor<double, Cpu> used({coordinates_.shape()[0], dimensions()});
    for (Index row = 0; row < used.shape()[0]; ++row)
      std::copy_n(coordinates_.data() + row * coordinates_.shape()[1], dimensions(), used.data() + row * dimensions());
    coordinates_ = std::move(used);
  }

  View<const double, Cpu> rows_;
  Tensor<double, Cpu> coordinates_;  // (n, dimensions())
  std::vector<Index> pivots_;        // row whose part outside of the earlier ones is dimension k
};

}  // namespace fusiform
