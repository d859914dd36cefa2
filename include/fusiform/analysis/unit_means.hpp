#pragma once
/// The mean effect of every unit of a layer under the hierarchical bootstrap: a product of resample weights and a table
/// of per-image effects.

#include <algorithm>
#include <span>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform {

/// Per-image effects of single-unit lesions on one task: loss(lesioned) - loss(intact), nats. Shape (images, units).
struct UnitEffectTable {
  View<const float, Cpu> changes;
  std::span<const Index> labels;  ///< class of each image

  [[nodiscard]] Index images() const { return changes.shape()[0]; }
  [[nodiscard]] Index units() const { return changes.shape()[1]; }

  /// Throws ShapeError unless the table is a matrix with one row per label.
  void check() const {
    require_equal("unit effects", "dimensions (images, units)", 2, changes.shape().rank());
    require_equal("unit effects", "rows, one per image,", static_cast<Index>(labels.size()), images());
  }
};

/// Means over images of units first..first+count-1.
class ResampledUnitMeans {
 public:
  /// Draws all replicates of `bootstrap`, which is over the images of `table`. Throws ShapeError or ConfigError.
  ResampledUnitMeans(const UnitEffectTable& table, const HierarchicalBootstrap& bootstrap, Index first, Index count,
                     const BootstrapOptions& options = {})
      : count_(static_cast<std::size_t>(count)) {
    check_options(options);
    table.check();
    require_equal("unit effects", "images in the bootstrap", table.images(), bootstrap.image_count());
    require_setting(first >= 0 && count >= 0 && first + count <= table.units(), "unit effects",
                    text("units 0..", table.units() - 1), text(first, "..", first + count - 1));
    sum_replicates(table, bootstrap, first, options.replicates);
    estimate(table, bootstrap, first);
  }

  [[nodiscard]] Index unit_count() const noexcept { return static_cast<Index>(count_); }

  /// The mean effect of unit first + `place`; `sample` is the number of the image set.
  [[nodiscard]] Resampled unit(Index place, Index sample = 0) const {
    const auto u = static_cast<std::size_t>(place);
    Resampled result{.estimate = estimates_.at(u)};
    for (std::size_t r = u; r < replicates_.size(); r += count_) result.replicates.push_back(replicates_[r]);
    std::vector<double>& without = result.left_out[sample];
    for (std::size_t c = u; c < without_.size(); c += count_) without.push_back(without_[c]);
    return result;
  }

 private:
  // Replicates go in blocks: a row of the table is read once for all of them. Each sum runs over the images in their
  // order, whatever the block.
  void sum_replicates(const UnitEffectTable& table, const HierarchicalBootstrap& bootstrap, Index first,
                      Index replicates) {
    constexpr Index block = 16;
    const auto images = static_cast<std::size_t>(table.images());
    replicates_.assign(static_cast<std::size_t>(replicates) * count_, 0.0);
    parallel_ranges(replicates, block, [&](Index begin, Index end) {
      const auto rows = static_cast<std::size_t>(end - begin);
      std::vector<ImageWeight> weights(rows * images);
      for (std::size_t r = 0; r < rows; ++r)
        bootstrap.draw(begin + static_cast<Index>(r), std::span(weights).subspan(r * images, images));
      double* const sums = replicates_.data() + static_cast<std::size_t>(begin) * count_;
      for (std::size_t image = 0; image < images; ++image) {
        const float* row = table.changes.data() + static_cast<Index>(image) * table.units() + first;
        for (std::size_t r = 0; r < rows; ++r)
          if (const ImageWeight weight = weights[r * images + image]; weight != 0)
            add_scaled(static_cast<double>(weight), row, sums + r * count_);
      }
      for (std::size_t r = 0; r < rows; ++r) {
        double total = 0;
        for (std::size_t image = 0; image < images; ++image) total += weights[r * images + image];
        for (std::size_t u = 0; u < count_; ++u) sums[r * count_ + u] /= total;
      }
    });
  }

  void add_scaled(double factor, const float* row, double* sums) const {
    for (std::size_t u = 0; u < count_; ++u) sums[u] += factor * static_cast<double>(row[u]);
  }

  void estimate(const UnitEffectTable& table, const HierarchicalBootstrap& bootstrap, Index first) {
    const auto images = static_cast<std::size_t>(table.images());
    estimates_.resize(count_);
    without_.resize(static_cast<std::size_t>(bootstrap.class_count()) * count_);
    constexpr Index grain = 16;
    parallel_ranges(static_cast<Index>(count_), grain, [&](Index begin, Index end) {
      std::vector<double> column(images);
      for (Index u = begin; u < end; ++u) {
        for (std::size_t image = 0; image < images; ++image)
          column[image] = static_cast<double>(table.changes[static_cast<Index>(image) * table.units() + first + u]);
        estimates_[static_cast<std::size_t>(u)] = mean(column);
        const std::vector<double> without = bootstrap.means_without_each_class(std::span<const double>(column));
        for (std::size_t c = 0; c < without.size(); ++c)
          without_[c * count_ + static_cast<std::size_t>(u)] = without[c];
      }
    });
  }

  std::size_t count_;
  std::vector<double> estimates_;   // [unit]
  std::vector<double> replicates_;  // [replicate][unit]
  std::vector<double> without_;     // [class][unit]
};

}  // namespace fusiform
