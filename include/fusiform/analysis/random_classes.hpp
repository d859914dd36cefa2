#pragma once
/// The random-class control: pseudo-tasks without meaning, drawn from the classes of all tasks together (spec: A.7.6).
/// Ranked and lesioned like the real tasks, they give the null distribution of the segregation index.

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Deals all classes 0..class_count-1 out to `tasks` pseudo-tasks, every assignment equally likely: the classes of
/// each, ascending. Sizes are floor(class_count / tasks); the last (class_count mod tasks) pseudo-tasks get one more.
/// For two: floor(K/2) classes, and the rest. Throws ConfigError unless there are at least 2 pseudo-tasks and as many
/// classes.
[[nodiscard]] inline std::vector<std::vector<Index>> random_tasks(Index class_count, Index tasks, Rng rng) {
  require_setting(tasks >= 2, "random classes", "at least 2 pseudo-tasks", tasks);
  require_setting(class_count >= tasks, "random classes", "at least one class for each pseudo-task", class_count);
  std::vector<Index> classes(static_cast<std::size_t>(class_count));
  std::iota(classes.begin(), classes.end(), Index{0});
  rng.shuffle(std::span(classes));
  std::vector<std::vector<Index>> result;
  auto next = classes.begin();
  for (Index task = 0; task < tasks; ++task) {
    const bool one_more = tasks - task <= class_count % tasks;
    const auto end = next + class_count / tasks + (one_more ? 1 : 0);
    result.emplace_back(next, end);
    std::sort(result.back().begin(), result.back().end());
    next = end;
  }
  return result;
}

}  // namespace fusiform
