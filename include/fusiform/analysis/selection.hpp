#pragma once
/// The rule by which a greedy ranking selects units: how many, when it stops, and which. Reproduces the published
/// procedure (Dobs, Martinez, Kell & Kanwisher 2022, lesion scripts) to the unit.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// The number of units that a share of a layer means: round(units · fraction), half to even.
/// Throws ConfigError unless 0 <= fraction <= 1.
[[nodiscard]] inline Index lesioned_units(Index units, double fraction) {
  require_setting(fraction >= 0 && fraction <= 1, "lesion", "a fraction from 0 to 1", fraction);
  return static_cast<Index>(std::nearbyint(static_cast<double>(units) * fraction));
}

struct SelectionSchedule {
  Index group = 1;  ///< units selected per iteration
  Index limit = 0;  ///< iterations go on while no more than this many units are selected: the last one overshoots

  [[nodiscard]] constexpr bool goes_on(Index selected) const noexcept { return selected <= limit; }
};

/// `fraction` (greedy_p) and `group` (group_p) are shares of the layer's units. `fraction` = 0 is the linear version:
/// one iteration that sorts all units. `group` = 0 selects one unit per iteration. Throws ConfigError.
[[nodiscard]] inline SelectionSchedule selection_schedule(Index units, double fraction, double group) {
  require_setting(units >= 1, "ranking", "a layer of at least 1 unit", units);
  require_setting(fraction >= 0 && fraction <= 1, "ranking", "a fraction from 0 to 1", fraction);
  require_setting(group >= 0 && group <= 1, "ranking", "a group from 0 to 1", group);
  if (fraction == 0) return {.group = units, .limit = 0};
  const double size = static_cast<double>(units);
  const Index whole = static_cast<Index>(size * group);
  return {.group = group <= 1 / size ? 1 : whole, .limit = lesioned_units(units, fraction)};
}

/// What a ranking takes, known before it starts.
struct SelectionCost {
  Index iterations = 0;
  Index selected = 0;
  Index evaluations = 0;  ///< candidate lesions over all iterations

  friend constexpr bool operator==(const SelectionCost&, const SelectionCost&) = default;
};

[[nodiscard]] constexpr SelectionCost selection_cost(Index units, const SelectionSchedule& schedule) noexcept {
  SelectionCost cost;
  while (cost.selected < units && schedule.goes_on(cost.selected)) {
    ++cost.iterations;
    cost.evaluations += units - cost.selected;
    cost.selected = std::min(units, cost.selected + schedule.group);
  }
  return cost;
}

/// The outcome of one iteration.
struct Selection {
  std::vector<Index> units;        ///< descending loss, ties by ascending unit
  std::vector<Index> tied_at_cut;  ///< units on both sides of the cut with exactly the same loss: chance decided
  double gap = std::numeric_limits<double>::quiet_NaN();  ///< last selected minus first rejected loss; NaN if none is
};

/// Selects the `group` units (or all, if there are fewer) whose lesion gave the largest loss; losses[i] belongs to
/// units[i]. Throws ShapeError, and NumericError if a loss is not a number: it would sort anywhere.
[[nodiscard]] inline Selection select_group(std::span<const Index> units, std::span<const double> losses, Index group) {
  require_equal("selection", "losses, one per unit,", units.size(), losses.size());
  require_setting(group >= 1, "selection", "a group of at least 1 unit", group);
  for (std::size_t i = 0; i < units.size(); ++i)
    if (std::isnan(losses[i]))
      throw NumericError(text("selection: expected a loss for unit ", units[i], ", got not-a-number"));

  std::vector<std::size_t> order(units.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return losses[a] != losses[b] ? losses[a] > losses[b] : units[a] < units[b];
  });
  const std::size_t count = std::min(units.size(), static_cast<std::size_t>(group));
  Selection selection;
  for (std::size_t i = 0; i < count; ++i) selection.units.push_back(units[order[i]]);
  if (count == 0 || count == units.size()) return selection;

  const double last = losses[order[count - 1]];
  const double rejected = losses[order[count]];
  selection.gap = last == rejected ? 0 : last - rejected;  // infinite losses: their difference is not a number
  if (last == rejected)
    for (const std::size_t i : order)
      if (losses[i] == last) selection.tied_at_cut.push_back(units[i]);
  return selection;
}

}  // namespace fusiform
