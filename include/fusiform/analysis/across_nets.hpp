#pragma once
/// One result from nets trained with different seeds.

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fusiform/analysis/random_effects.hpp>
#include <fusiform/analysis/resampled.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// Exact two-sided p-value of "the values are symmetric about 0": the share of all 2^n assignments of signs whose sum
/// is at least as far from 0 as that of the values. Never below 2^(1-n): at least 6 nets are needed for p < 0.05.
/// Undefined without values or with one that is NaN. Throws ConfigError for more than 20 values.
[[nodiscard]] inline double sign_flip_p(std::span<const double> values) {
  require_setting(values.size() <= 20, "sign-flip test", "at most 20 values, which have 2^20 assignments of signs",
                  values.size());
  double sum = 0;
  double magnitude = 0;
  for (const double value : values) {
    sum += value;
    magnitude += std::fabs(value);
  }
  if (values.empty() || !std::isfinite(magnitude)) return undefined;
  // Sums that are equal in exact arithmetic may differ in their last bits.
  const double bound = std::fabs(sum) - 1e-12 * magnitude;
  const std::size_t assignments = std::size_t{1} << values.size();
  std::size_t as_far = 0;
  for (std::size_t signs = 0; signs < assignments; ++signs) {
    double flipped = 0;
    for (std::size_t i = 0; i < values.size(); ++i) flipped += (signs >> i & 1U) != 0 ? -values[i] : values[i];
    as_far += std::fabs(flipped) >= bound ? 1 : 0;
  }
  return static_cast<double>(as_far) / static_cast<double>(assignments);
}

/// One measure over several nets. The nets are the sample: statements are about training again.
struct AcrossNets {
  Index nets = 0;                ///< those whose estimate is defined
  Index undefined_nets = 0;      ///< left out of everything here
  double mean = undefined;       ///< plain mean of the estimates
  double deviation = undefined;  ///< standard deviation between the estimates (n - 1)
  RandomEffects mixed;           ///< the net as random effect; undefined for fewer than two nets
  double sign_flip_p = undefined;
};

/// `nets[i].estimate` with `nets[i].deviation` as its standard error. A net whose estimate is undefined is counted and
/// left out. The nets' errors are taken as independent; where all nets saw the same test images they are not quite,
/// and `resample_nets` keeps what they share. The sign-flip test is left undefined for more than 20 nets.
/// Throws ConfigError as `random_effects` does.
[[nodiscard]] inline AcrossNets across_nets(std::span<const Interval> nets, const RandomEffectsOptions& options = {}) {
  std::vector<double> estimates;
  std::vector<double> errors;
  for (const Interval& net : nets) {
    if (std::isnan(net.estimate)) continue;
    estimates.push_back(net.estimate);
    errors.push_back(net.deviation);
  }
  return {.nets = static_cast<Index>(estimates.size()),
          .undefined_nets = static_cast<Index>(nets.size() - estimates.size()),
          .mean = mean(estimates),
          .deviation = standard_deviation(estimates),
          .mixed = random_effects(estimates, errors, options),
          .sign_flip_p = estimates.size() <= 20 ? sign_flip_p(estimates) : undefined};
}

/// What is drawn within each net that was drawn.
enum class NetImages {
  shared,    ///< one resample of classes and images for all nets of a replicate: all saw the same test images, and
             ///< their numbers were resampled with the same random numbers. Conclusions hold for other images too
  separate,  ///< each drawn net gets a resample of its own: every net had its own test images
};

/// The hierarchical bootstrap with nets on top: nets are drawn with replacement, then classes, then images, and the
/// mean over the drawn nets is taken. With `shared`, replicate r uses replicate r of every number in `nets`; with
/// `separate`, a replicate drawn for each. Classes left out, for BCa intervals, are nets left out.
/// A bootstrap over n nets makes the variance between them too small by (n-1)/n: below about 8 nets prefer
/// `across_nets`. Undefined (NaN) for fewer than two nets. Throws ShapeError unless all have the same number of
/// replicates.
[[nodiscard]] inline Resampled resample_nets(std::span<const Resampled> nets, const Rng& rng,
                                             NetImages images = NetImages::shared) {
  std::vector<double> estimates;
  for (const Resampled& net : nets) {
    require_equal("bootstrap over nets", "replicates", nets.front().replicates.size(), net.replicates.size());
    estimates.push_back(net.estimate);
  }
  Resampled result{.estimate = mean(estimates)};
  if (nets.empty()) return result;
  const std::size_t replicates = nets.front().replicates.size();
  result.replicates.assign(replicates, undefined);
  if (nets.size() < 2 || replicates == 0) return result;
  for (std::size_t r = 0; r < replicates; ++r) {
    Rng draw = rng.stream(r);
    double sum = 0;
    for (std::size_t i = 0; i < nets.size(); ++i) {
      const Resampled& net = nets[static_cast<std::size_t>(draw.below(static_cast<Index>(nets.size())))];
      sum += net.replicates[images == NetImages::shared
                                ? r
                                : static_cast<std::size_t>(draw.below(static_cast<Index>(replicates)))];
    }
    result.replicates[r] = sum / static_cast<double>(nets.size());
  }
  std::vector<double>& without = result.left_out[0];
  for (const double estimate : estimates)
    without.push_back((result.estimate * static_cast<double>(nets.size()) - estimate) /
                      static_cast<double>(nets.size() - 1));
  return result;
}

}  // namespace fusiform
