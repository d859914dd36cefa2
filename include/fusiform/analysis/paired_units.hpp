#pragma once
/// Which units of a layer are lesioned two by two: the first of each task's ranking, and which of their pairs lie
/// within a task's list and which between two lists.

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <fusiform/analysis/ranking.hpp>

namespace fusiform {

/// Units of several tasks' lists, each once; units that the same tasks list stand side by side.
struct PairedUnits {
  std::vector<Index> units;
  std::vector<std::vector<bool>> listed;  ///< for each task whether it lists unit i

  /// Positions (i, j), i < j, of pairs that task `a` lists both (a = b), or of which `a` lists one and `b` the other
  /// and no task lists both (a != b): a pair is within some tasks, or between some.
  [[nodiscard]] std::vector<std::pair<Index, Index>> pairs(std::size_t a, std::size_t b) const {
    std::vector<std::pair<Index, Index>> result;
    const auto both = [](const std::vector<bool>& list, std::size_t i, std::size_t j) { return list[i] && list[j]; };
    for (std::size_t i = 0; i < units.size(); ++i)
      for (std::size_t j = i + 1; j < units.size(); ++j) {
        const bool within =
            std::any_of(listed.begin(), listed.end(), [&](const std::vector<bool>& list) { return both(list, i, j); });
        const bool between = (listed[a][i] && listed[b][j]) || (listed[a][j] && listed[b][i]);
        if (a == b ? both(listed[a], i, j) : !within && between)
          result.emplace_back(static_cast<Index>(i), static_cast<Index>(j));
      }
    return result;
  }
};

/// The first `first` units of each ranking, one per task; fewer where fewer are ranked.
[[nodiscard]] inline PairedUnits paired_units(const std::vector<Ranking>& rankings, Index first) {
  PairedUnits result{{}, std::vector<std::vector<bool>>(rankings.size())};
  struct Listed {
    Index unit;
    std::vector<bool> tasks;
  };
  std::vector<Listed> all;
  for (std::size_t t = 0; t < rankings.size(); ++t)
    for (Index i = 0; i < std::min(first, static_cast<Index>(rankings[t].units.size())); ++i) {
      const Index unit = rankings[t].units[static_cast<std::size_t>(i)];
      auto place = std::find_if(all.begin(), all.end(), [&](const Listed& entry) { return entry.unit == unit; });
      if (place == all.end()) place = all.insert(all.end(), {unit, std::vector<bool>(rankings.size())});
      place->tasks[t] = true;
    }
  // Of two tasks: the first one's own units, those of both, the second one's own.
  const auto key = [](const Listed& entry) {
    const auto first_task = std::find(entry.tasks.begin(), entry.tasks.end(), true) - entry.tasks.begin();
    const auto last_task = entry.tasks.rend() - std::find(entry.tasks.rbegin(), entry.tasks.rend(), true);
    return std::make_tuple(first_task, last_task, entry.tasks);
  };
  std::stable_sort(all.begin(), all.end(), [&](const Listed& a, const Listed& b) { return key(a) < key(b); });
  for (const Listed& entry : all) {
    result.units.push_back(entry.unit);
    for (std::size_t t = 0; t < rankings.size(); ++t) result.listed[t].push_back(entry.tasks[t]);
  }
  return result;
}

}  // namespace fusiform
