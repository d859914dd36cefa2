#pragma once
/// How well a shortcut (Taylor, conductance, selectivity, variance) orders the units of a layer as their lesions do.

#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/analysis/kendall.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// One number per unit from each shortcut, under its name.
struct Shortcut {
  std::string name;
  std::vector<double> values;
};

struct LesionAgreement {
  std::string shortcut;
  Index units = 0;             ///< compared: those where neither side is undefined
  Interval spearman;           ///< percentile interval over units drawn with replacement
  double kendall = undefined;  ///< tau-b
};

/// Rank correlations of one shortcut with the effects of single-unit lesions on the same task. Units where one side is
/// undefined are left out. The interval treats the units as a sample; it says nothing about images, for which see
/// split_half_reliability. Replicate r draws from stream r of `rng`: the same units for all shortcuts of equal length.
/// Effects have a sign, squared measures have none: compare those with the sizes of the effects.
/// Throws ShapeError unless there is one value per unit, ConfigError for options that cannot be.
[[nodiscard]] inline LesionAgreement compare_with_lesions(std::span<const double> effects, const Shortcut& shortcut,
                                                          const Rng& rng, const BootstrapOptions& options = {}) {
  require_equal("comparison with lesions, '" + shortcut.name + "'", "values, one per unit,", effects.size(),
                shortcut.values.size());
  require_setting(options.replicates >= 1, "comparison with lesions", "at least 1 replicate", options.replicates);
  std::vector<double> x;
  std::vector<double> y;
  for (std::size_t unit = 0; unit < effects.size(); ++unit) {
    if (std::isnan(effects[unit]) || std::isnan(shortcut.values[unit])) continue;
    x.push_back(effects[unit]);
    y.push_back(shortcut.values[unit]);
  }
  std::vector<double> replicates(static_cast<std::size_t>(options.replicates));
  parallel_for(options.replicates, [&](Index replicate) {
    Rng draws = rng.stream(static_cast<std::uint64_t>(replicate));
    std::vector<double> drawn_x(x.size());
    std::vector<double> drawn_y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto unit = static_cast<std::size_t>(draws.below(static_cast<Index>(x.size())));
      drawn_x[i] = x[unit];
      drawn_y[i] = y[unit];
    }
    replicates[static_cast<std::size_t>(replicate)] = spearman_correlation(drawn_x, drawn_y);
  });
  return {.shortcut = shortcut.name,
          .units = static_cast<Index>(x.size()),
          .spearman = percentile_interval(spearman_correlation(x, y), std::move(replicates), options.level),
          .kendall = kendall_correlation(x, y)};
}

/// The same for several shortcuts, in their order.
[[nodiscard]] inline std::vector<LesionAgreement> compare_with_lesions(std::span<const double> effects,
                                                                       std::span<const Shortcut> shortcuts,
                                                                       const Rng& rng,
                                                                       const BootstrapOptions& options = {}) {
  std::vector<LesionAgreement> agreements;
  for (const Shortcut& shortcut : shortcuts)
    agreements.push_back(compare_with_lesions(effects, shortcut, rng, options));
  return agreements;
}

}  // namespace fusiform
