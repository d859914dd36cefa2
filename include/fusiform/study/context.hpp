#pragma once
/// What every stage of a study works with.

#include <algorithm>
#include <string>
#include <vector>

#include <fusiform/data/packed_images.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/study/config.hpp>
#include <fusiform/study/paths.hpp>
#include <fusiform/study/progress.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// Studies run in single precision on the CPU.
using StudyNetwork = Network<float, Cpu>;

struct StudyContext {
  StudyConfig config;
  StudyPaths paths;
  ProgressLine progress;
  bool skip_damaged = false;  ///< leave damaged images out, instead of stopping with their list
};

/// The classes of one task within the class table of the union: they stand together.
struct TaskClasses {
  std::string task;
  Index first = 0;
  Index count = 0;
};

[[nodiscard]] inline std::vector<TaskClasses> task_classes(const std::vector<ClassInfo>& classes) {
  std::vector<TaskClasses> tasks;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    if (tasks.empty() || tasks.back().task != classes[label].task)
      tasks.push_back({classes[label].task, static_cast<Index>(label), 0});
    ++tasks.back().count;
  }
  return tasks;
}

/// The classifier that judges a task, and the class of the union that is its output 0.
struct TaskHead {
  NodeId node = 0;
  Index first_class = 0;
};

/// A net with one head judges all tasks at it; in a branched net the head of a task carries the task's name.
[[nodiscard]] inline TaskHead task_head(const StudyNetwork& network, const TaskClasses& task) {
  const std::vector<NodeId> heads = network.heads();
  if (heads.size() == 1) return {heads.front(), 0};
  for (const NodeId head : heads)
    if (network.node(head).name.rfind(task.task + ".", 0) == 0) return {head, task.first};
  throw ConfigError(text("net: no head for task '", task.task, "'"));
}

/// How the study's images become network input, without augmentation.
[[nodiscard]] inline TransformOptions evaluation_transform(const StudyConfig& config) {
  return {.crop = config.net.input};
}

}  // namespace fusiform
