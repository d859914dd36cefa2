#pragma once
/// z-scores of features, with statistics of chosen rows.

#include <cmath>
#include <span>
#include <vector>

#include <fusiform/analysis/feature_table.hpp>
#include <fusiform/core/error.hpp>

namespace fusiform {

/// Means and standard deviations (population, divisor n) of the features over some rows of a table.
class FeatureScaling {
 public:
  /// Sums in double, in the order of `rows`. Throws ConfigError without rows.
  FeatureScaling(const FeatureTable& table, std::span<const Index> rows) {
    require_setting(!rows.empty(), "z-scores", "at least 1 row", rows.size());
    const auto features = static_cast<std::size_t>(table.feature_count());
    const auto count = static_cast<double>(rows.size());
    means_.assign(features, 0);
    factors_.assign(features, 0);
    for (const Index n : rows) {
      const std::span<const float> row = table.row(n);
      for (std::size_t f = 0; f < features; ++f) means_[f] += static_cast<double>(row[f]);
    }
    for (double& mean : means_) mean /= count;
    for (const Index n : rows) {
      const std::span<const float> row = table.row(n);
      for (std::size_t f = 0; f < features; ++f) {
        const double distance = static_cast<double>(row[f]) - means_[f];
        factors_[f] += distance * distance;
      }
    }
    // A sum of equal floats is exact in double, and so is their mean: constant features have a variance of exactly 0.
    for (double& factor : factors_) factor = factor > 0 ? 1 / std::sqrt(factor / count) : 0;
  }

  /// (value - mean) / deviation of the given rows, (rows, features). A feature that is constant in the rows that the
  /// statistics were taken from becomes 0 everywhere.
  [[nodiscard]] Tensor<double, Cpu> apply(const FeatureTable& table, std::span<const Index> rows) const {
    require_equal("z-scores", "features", static_cast<Index>(means_.size()), table.feature_count());
    auto scores = Tensor<double, Cpu>::uninitialized({static_cast<Index>(rows.size()), table.feature_count()});
    double* to = scores.data();
    for (const Index n : rows) {
      const std::span<const float> row = table.row(n);
      for (std::size_t f = 0; f < means_.size(); ++f) *to++ = (static_cast<double>(row[f]) - means_[f]) * factors_[f];
    }
    return scores;
  }

 private:
  std::vector<double> means_;
  std::vector<double> factors_;  // 1 / deviation, or 0
};

}  // namespace fusiform
