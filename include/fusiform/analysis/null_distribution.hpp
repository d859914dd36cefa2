#pragma once
/// What a quantity is by chance: its null distribution from random lesions or random-class rankings.

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fusiform/analysis/drops.hpp>
#include <fusiform/analysis/statistics.hpp>

namespace fusiform {

/// An observed value beside R draws from its null distribution. Mean, deviation and band are over the draws that are
/// defined.
struct NullDistribution {
  double observed = undefined;
  Index draws = 0;                ///< R, undefined ones too
  Index undefined_draws = 0;      ///< counted as large, against the effect
  double mean = undefined;        ///< of the draws
  double deviation = undefined;   ///< standard deviation of the draws (n - 1)
  double low = undefined;         ///< lower end of the central band of the draws
  double high = undefined;        ///< upper end
  double z = undefined;           ///< (observed - mean) / deviation; undefined if the draws do not vary
  double p = undefined;           ///< one-sided: (1 + draws >= observed) / (R + 1); undefined if `observed` is
  double smallest_p = undefined;  ///< 1 / (R + 1): no result of so few draws can be below it
};

/// `level` is that of the band (its ends interpolate between draws; with fewer than 40 draws the 95 % band is close to
/// the range). Throws ConfigError unless 0 < level < 1.
[[nodiscard]] inline NullDistribution null_distribution(double observed, std::span<const double> draws,
                                                        double level = 0.95) {
  require_setting(level > 0 && level < 1, "null distribution", "a level between 0 and 1", level);
  std::vector<double> known;
  for (const double draw : draws)
    if (!std::isnan(draw)) known.push_back(draw);
  std::sort(known.begin(), known.end());
  NullDistribution result{.observed = observed,
                          .draws = static_cast<Index>(draws.size()),
                          .undefined_draws = static_cast<Index>(draws.size() - known.size()),
                          .mean = mean(known),
                          .deviation = standard_deviation(known),
                          .low = quantile(known, (1 - level) / 2),
                          .high = quantile(known, (1 + level) / 2),
                          .p = permutation_p(observed, draws),
                          .smallest_p = 1 / static_cast<double>(draws.size() + 1)};
  if (result.deviation > 0) result.z = (observed - result.mean) / result.deviation;
  return result;
}

/// The drop of a task under each of its lesions against the drops under its random lesions of the same size: p is
/// small if the ranked units matter more to the task than as many units drawn at random. One per lesion.
/// Throws ShapeError if a lesion has more or fewer flags than there are labels.
[[nodiscard]] inline std::vector<NullDistribution> random_lesion_null(const TaskResponses& responses,
                                                                      double level = 0.95) {
  const std::string where = "random lesions of task '" + responses.task + "'";
  const auto share = [&](Flags flags) {
    require_equal(where, "results, one per image,", responses.labels.size(), flags.size());
    return share_of(flags);
  };
  const double base = share(responses.base);
  std::vector<double> random;
  for (const Flags flags : responses.random) random.push_back(proportional_drop(base, share(flags)));
  std::vector<NullDistribution> nulls;
  for (const Flags flags : responses.lesioned)
    nulls.push_back(null_distribution(proportional_drop(base, share(flags)), random, level));
  return nulls;
}

}  // namespace fusiform
