#pragma once
/// Groups of a task's classes, named in the study file: `groups = { celeba = "celeba_*", lfw = "lfw_*" }`.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/nearest_names.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/study/config.hpp>

namespace fusiform {

/// A class that is in no group.
inline constexpr Index no_group = -1;

/// The groups of one task.
struct ClassGroups {
  std::vector<std::string> names;     ///< in alphabetical order
  std::vector<Index> group_of_class;  ///< for each class of the images: index into `names`, or `no_group`
};

/// Whether a class's name is the pattern, or begins with what stands before its "*".
[[nodiscard]] inline bool fits(std::string_view pattern, std::string_view name) {
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern;
}

/// Throws ConfigError if a class falls into two groups.
[[nodiscard]] inline ClassGroups class_groups(const TaskConfig& task, const std::vector<ClassInfo>& classes) {
  ClassGroups result{.names = {}, .group_of_class = std::vector<Index>(classes.size(), no_group)};
  for (const auto& [name, patterns] : task.groups) {
    result.names.push_back(name);
    for (std::size_t label = 0; label < classes.size(); ++label) {
      const auto is_named = [&](const std::string& pattern) { return fits(pattern, classes[label].name); };
      if (classes[label].task != task.name || std::none_of(patterns.begin(), patterns.end(), is_named)) continue;
      Index& group = result.group_of_class[label];
      if (group != no_group)
        throw ConfigError(text("task '", task.name, "', groups: expected each class in one group, got '",
                               classes[label].name, "' in '", result.names[static_cast<std::size_t>(group)], "' and '",
                               name, "'"));
      group = static_cast<Index>(result.names.size()) - 1;
    }
  }
  return result;
}

namespace detail {

/// Up to five names of the task's classes, each after a space.
[[nodiscard]] inline std::string nearest_classes(const TaskConfig& task, const std::vector<ClassInfo>& classes,
                                                 const std::string& pattern) {
  std::vector<std::string> names;
  for (const ClassInfo& info : classes)
    if (info.task == task.name) names.push_back(info.name);
  const auto nearer = [&](const std::string& a, const std::string& b) {
    return edit_distance(pattern, a) < edit_distance(pattern, b);
  };
  std::stable_sort(names.begin(), names.end(), nearer);
  names.resize(std::min<std::size_t>(names.size(), 5));
  return nearest_first(pattern, std::move(names));
}

}  // namespace detail

/// Throws ConfigError for a class in two groups, for a pattern that no class of the task fits, trained or held out, and
/// for a group without a trained class.
inline void check_groups(const TaskConfig& task, const std::vector<ClassInfo>& trained,
                         const std::vector<ClassInfo>& held_out) {
  const auto any_fits = [&](const std::vector<ClassInfo>& classes, const std::string& pattern) {
    return std::any_of(classes.begin(), classes.end(),
                       [&](const ClassInfo& info) { return info.task == task.name && fits(pattern, info.name); });
  };
  for (const auto& [group, patterns] : task.groups) {
    const std::string where = text("task '", task.name, "', group '", group, "'");
    for (const std::string& pattern : patterns) {
      if (any_fits(trained, pattern) || any_fits(held_out, pattern)) continue;
      throw ConfigError(text(where, ": expected a name of classes, got '", pattern,
                             "', which fits none of the task; the",
                             " nearest are:", detail::nearest_classes(task, trained, pattern)));
    }
    require_setting(std::any_of(patterns.begin(), patterns.end(),
                                [&](const std::string& pattern) { return any_fits(trained, pattern); }),
                    where, "a class that is not held out", "none");
  }
  (void)class_groups(task, trained);
}

}  // namespace fusiform
