#pragma once
/// Inner products between the rows of a feature table, under similarities of every kind.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/feature_table.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/linear.hpp>

namespace fusiform {

/// What is subtracted from the features before products are taken.
enum class RowCentering {
  none,
  own_mean,  ///< from each row the mean of its features: products become covariances, as Pearson's correlation needs
  mean_of_rows,  ///< from each feature its mean over the rows: distances stay, kernels are centred
};

/// The rows in double and their products. A product depends on its two rows only: equal rows have equal products, to
/// the bit, with each other as with themselves, for any number of threads.
class RowProducts {
 public:
  explicit RowProducts(const FeatureTable& table, RowCentering centering = RowCentering::none)
      : rows_(Tensor<double, Cpu>::uninitialized({table.count(), table.feature_count()})),
        squares_(static_cast<std::size_t>(table.count())) {
    std::copy(table.values.span().begin(), table.values.span().end(), rows_.span().begin());
    if (centering == RowCentering::mean_of_rows) subtract_mean_of_rows();
    parallel_for(count(), [&](Index n) {
      const View<double, Cpu> row = rows_.view().batch_range(n, 1);
      if (centering == RowCentering::own_mean) {
        const double center = mean(row.span());
        for (double& value : row.span()) value -= center;
      }
      squares_[static_cast<std::size_t>(n)] = product(n, n);
    });
  }

  [[nodiscard]] Index count() const noexcept { return rows_.shape()[0]; }
  [[nodiscard]] const Tensor<double, Cpu>& rows() const noexcept { return rows_; }

  /// Squared length of each row.
  [[nodiscard]] std::span<const double> squares() const noexcept { return squares_; }

  [[nodiscard]] double product(Index a, Index b) const {
    double result = 0;
    const auto row = [&](Index n) { return rows_.view().batch_range(n, 1); };
    linear_forward<double, Cpu>(row(a), row(b), {}, View<double, Cpu>(&result, {1, 1}));
    return result;
  }

  /// Of rows first.. with all rows: (size, count()).
  [[nodiscard]] Tensor<double, Cpu> products(Index first, Index size) const {
    Tensor<double, Cpu> result({size, count()});
    linear_forward<double, Cpu>(rows_.view().batch_range(first, size), rows_, {}, result.view());
    return result;
  }

  /// Calls body(n, products of row n with all rows) for every row, on all threads and in blocks, so that no more than
  /// a block of the matrix is in memory.
  template <class Body>
  void for_each_row(const Body& body) const {
    constexpr Index block = 256;
    for (Index first = 0; first < count(); first += block) {
      const Index size = std::min(block, count() - first);
      const Tensor<double, Cpu> part = products(first, size);
      parallel_for(size, [&](Index i) { body(first + i, part.view().batch_range(i, 1).span()); });
    }
  }

 private:
  void subtract_mean_of_rows() {
    const Index features = rows_.shape()[1];
    constexpr Index grain = 512;
    parallel_ranges(features, grain, [&](Index begin, Index end) {
      std::vector<double> means(static_cast<std::size_t>(end - begin));
      const auto for_each_value = [&](const auto& f) {
        for (Index n = 0; n < count(); ++n)
          for (Index column = begin; column < end; ++column)
            f(rows_[n * features + column], means[static_cast<std::size_t>(column - begin)]);
      };
      for_each_value([](double value, double& mean) { mean += value; });
      for (double& mean : means) mean /= static_cast<double>(count());
      for_each_value([](double& value, double mean) { value -= mean; });
    });
  }

  Tensor<double, Cpu> rows_;
  std::vector<double> squares_;
};

}  // namespace fusiform
