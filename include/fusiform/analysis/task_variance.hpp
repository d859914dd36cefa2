#pragma once
/// Task variance: how much a unit's response varies over the images of a task, compared between tasks (Yang, Joglekar,
/// Song, Newsome & Wang 2019, "Task representations in neural networks trained to perform many cognitive tasks").

#include <span>
#include <vector>

#include <fusiform/analysis/selectivity.hpp>
#include <fusiform/analysis/unit_table.hpp>

namespace fusiform {

/// [task][unit].
struct TaskVariances {
  std::vector<std::vector<double>> variance;  ///< of the response over the task's images (divided by their number)
  std::vector<std::vector<double>> share;     ///< variance / sum over tasks; undefined for a unit that never varies

  /// (V_a - V_b) / (V_a + V_b) of one unit: 1 it varies with images of task a only, -1 of task b only; undefined for a
  /// unit that varies with neither.
  [[nodiscard]] double fractional(std::size_t a, std::size_t b, Index unit) const {
    const double first = variance.at(a).at(static_cast<std::size_t>(unit));
    const double second = variance.at(b).at(static_cast<std::size_t>(unit));
    return first + second > 0 ? (first - second) / (first + second) : undefined;
  }
};

/// tasks[t] holds the responses to the images of task t, (images, units); see selectivity_contrasts.
/// Throws ConfigError if there are none, ShapeError unless all have the same units.
[[nodiscard]] inline TaskVariances task_variances(std::span<const View<const float, Cpu>> tasks) {
  const Index units = detail::require_response_tables("task variance", tasks);
  TaskVariances result;
  std::vector<double> total(static_cast<std::size_t>(units));
  for (const View<const float, Cpu>& table : tasks) {
    require_setting(table.shape()[0] >= 1, "task variance", "at least 1 image of each task", table.shape()[0]);
    result.variance.push_back(unit_variances(table));
    for (std::size_t unit = 0; unit < total.size(); ++unit) total[unit] += result.variance.back()[unit];
  }
  result.share = result.variance;
  for (std::vector<double>& task : result.share)
    for (std::size_t unit = 0; unit < total.size(); ++unit)
      task[unit] = total[unit] > 0 ? task[unit] / total[unit] : undefined;
  return result;
}

}  // namespace fusiform
