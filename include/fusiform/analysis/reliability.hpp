#pragma once
/// Split-half reliability of unit effects: tells "the tasks share their units" from "there was too little signal".

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/unit_means.hpp>

namespace fusiform {

/// Which half each image is in: 0 or 1. Each class is halved at random; the odd images of the classes go to the two
/// halves in turn, in an order drawn at random, so that the halves differ by one image at most.
[[nodiscard]] inline std::vector<std::uint8_t> stratified_halves(std::span<const Index> labels, const Rng& rng) {
  std::map<Index, std::vector<std::size_t>> classes;
  for (std::size_t image = 0; image < labels.size(); ++image) classes[labels[image]].push_back(image);
  std::vector<std::uint8_t> half(labels.size());
  std::vector<std::size_t> odd;
  for (auto& [label, images] : classes) {
    rng.stream("images").stream(static_cast<std::uint64_t>(label)).shuffle(std::span(images));
    for (std::size_t i = 0; i < images.size(); ++i) half[images[i]] = i % 2;
    if (images.size() % 2 == 1) odd.push_back(images.back());
  }
  rng.stream("odd").shuffle(std::span(odd));
  for (std::size_t i = 0; i < odd.size(); ++i) half[odd[i]] = i % 2;
  return half;
}

/// The reliability of a measure from all images, of which two halves correlate with `correlation`
/// (Spearman 1910, Brown 1910). Undefined at -1.
[[nodiscard]] inline double spearman_brown(double correlation) noexcept {
  return correlation > -1 ? 2 * correlation / (1 + correlation) : undefined;
}

struct SplitHalfReliability {
  std::vector<double> correlations;  ///< per split: Spearman's, over units, between the means of the two halves
  double correlation = undefined;    ///< their mean; undefined if one is
  double reliability = undefined;    ///< that mean, corrected to all images
  double deviation = undefined;      ///< standard deviation of the correlations over splits: not a standard error
};

/// Over `splits` random splits (split i from stream i of `rng`). The correction is applied to the mean correlation, not
/// split by split: it is not linear, and without bound for negative correlations, as there are where no signal is.
/// Both halves hold images of the same classes, so this is about other images of these classes: effects of single
/// classes count as signal. Undefined if a half has no images or the effects do not vary over units.
/// Throws ShapeError if the table does not fit its labels, ConfigError unless there is at least one split.
[[nodiscard]] inline SplitHalfReliability split_half_reliability(const UnitEffectTable& table, const Rng& rng,
                                                                 Index splits = 20) {
  table.check();
  require_setting(splits >= 1, "split-half reliability", "at least 1 split", splits);
  SplitHalfReliability result;
  result.correlations.resize(static_cast<std::size_t>(splits));
  parallel_for(splits, [&](Index split) {
    const std::vector<std::uint8_t> half =
        stratified_halves(table.labels, rng.stream(static_cast<std::uint64_t>(split)));
    const auto units = static_cast<std::size_t>(table.units());
    std::vector<double> means[2] = {std::vector<double>(units), std::vector<double>(units)};
    double images[2] = {0, 0};
    for (std::size_t image = 0; image < half.size(); ++image) {
      const float* row = table.changes.data() + static_cast<Index>(image) * table.units();
      std::vector<double>& sums = means[half[image]];
      for (std::size_t u = 0; u < units; ++u) sums[u] += static_cast<double>(row[u]);
      images[half[image]] += 1;
    }
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}})
      for (double& sum : means[side]) sum /= images[side];
    result.correlations[static_cast<std::size_t>(split)] = spearman_correlation(means[0], means[1]);
  });
  result.correlation = mean(result.correlations);
  result.deviation = standard_deviation(result.correlations);
  result.reliability = spearman_brown(result.correlation);
  return result;
}

}  // namespace fusiform
