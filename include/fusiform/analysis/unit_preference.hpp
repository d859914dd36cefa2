#pragma once
/// Which task does a unit serve? The effect of its lesion on two tasks, its preference, and how many units of a layer
/// are selective.

#include <cmath>
#include <span>
#include <vector>

#include <fusiform/analysis/multiple_testing.hpp>
#include <fusiform/analysis/unit_means.hpp>

namespace fusiform {

/// pi = (first - second) / (|first| + |second|) of the two tasks' loss increases: 1 only the first task needs the unit,
/// -1 only the second; also ±1 where the lesion hurts one task and helps the other. Undefined for a unit without
/// effect.
[[nodiscard]] inline double task_preference(double first, double second) noexcept {
  const double sum = std::fabs(first) + std::fabs(second);
  return sum > 0 ? (first - second) / sum : undefined;
}

/// One unit of a layer.
struct UnitPreference {
  Interval first;                 ///< mean loss increase on the first task, nats
  Interval second;                ///< on the second task
  Interval preference;            ///< pi
  double p = undefined;           ///< two-sided, "both tasks lose the same"; undefined for a unit without effect
  double adjusted_p = undefined;  ///< for the number of units in the layer (Benjamini & Hochberg)
};

struct UnitPreferences {
  std::vector<UnitPreference> units;
  Index tested = 0;          ///< units with a p-value
  Index prefer_first = 0;    ///< significantly selective for the first task, false discovery rate controlled
  Index prefer_second = 0;   ///< for the second
  double share = undefined;  ///< of all units that are significantly selective for either
};

struct UnitPreferenceOptions {
  BootstrapOptions bootstrap = {};
  double false_discovery_rate = 0.05;
  Index block = 512;  ///< units at a time: sets the memory, two tables of replicates x block doubles; not the result
};

namespace detail {

[[nodiscard]] inline UnitPreference unit_preference(const Resampled& first, const Resampled& second,
                                                    const BootstrapOptions& options) {
  const Resampled* const parts[] = {&first, &second};
  const Resampled preference =
      combine(parts, [](std::span<const double> values) { return task_preference(values[0], values[1]); });
  // pi has the sign of the difference of the two effects.
  return {.first = confidence_interval(first, options),
          .second = confidence_interval(second, options),
          .preference = confidence_interval(preference, options),
          .p = two_sided_p(preference, options)};
}

inline void count_selective(double rate, UnitPreferences& result) {
  std::vector<double> p_values;
  for (const UnitPreference& unit : result.units) p_values.push_back(unit.p);
  const std::vector<double> adjusted = benjamini_hochberg(p_values);
  for (std::size_t u = 0; u < adjusted.size(); ++u) {
    UnitPreference& unit = result.units[u];
    unit.adjusted_p = adjusted[u];
    result.tested += std::isnan(unit.p) ? 0 : 1;
    if (!(unit.adjusted_p <= rate)) continue;
    ++(unit.preference.estimate > 0 ? result.prefer_first : result.prefer_second);
  }
  if (!result.units.empty())
    result.share =
        static_cast<double>(result.prefer_first + result.prefer_second) / static_cast<double>(result.units.size());
}

}  // namespace detail

/// The two tasks' images are resampled apart from each other, classes then images (streams 0 and 1 of `rng`). A unit
/// without any effect (dead) counts among the units but is not tested. Throws ShapeError unless both tables have the
/// same units, ConfigError for options that cannot be.
[[nodiscard]] inline UnitPreferences unit_preferences(const UnitEffectTable& first, const UnitEffectTable& second,
                                                      const Rng& rng, const UnitPreferenceOptions& options = {}) {
  first.check();
  second.check();
  require_equal("task preference", "units", first.units(), second.units());
  require_setting(options.block >= 1, "task preference", "a block of at least 1 unit", options.block);
  const HierarchicalBootstrap first_images(first.labels, rng.stream(0));
  const HierarchicalBootstrap second_images(second.labels, rng.stream(1));
  UnitPreferences result;
  result.units.resize(static_cast<std::size_t>(first.units()));
  for (Index begin = 0; begin < first.units(); begin += options.block) {
    const Index count = std::min(options.block, first.units() - begin);
    const ResampledUnitMeans first_means(first, first_images, begin, count, options.bootstrap);
    const ResampledUnitMeans second_means(second, second_images, begin, count, options.bootstrap);
    parallel_for(count, [&](Index place) {
      result.units[static_cast<std::size_t>(begin + place)] =
          detail::unit_preference(first_means.unit(place, 0), second_means.unit(place, 1), options.bootstrap);
    });
  }
  detail::count_selective(options.false_discovery_rate, result);
  return result;
}

}  // namespace fusiform
