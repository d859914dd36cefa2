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
  std::string names;
  for (const NodeId head : heads) names += " " + network.node(head).name;
  throw ConfigError(text("net: no head for task '", task.task, "'; there are:", names));
}

/// Throws ConfigError unless the net takes square RGB images and its heads tell exactly these classes apart.
inline void require_fitting_net(const StudyNetwork& network, const std::vector<ClassInfo>& classes) {
  const Shape& image = network.image_shape();
  require_setting(image[0] == image[1] && image[2] == 3, "net", "an input of square RGB images", image);
  const std::vector<TaskClasses> tasks = task_classes(classes);
  const bool one_head = network.heads().size() == 1;
  for (const TaskClasses& task : tasks) {
    const Index expected = one_head ? static_cast<Index>(classes.size()) : task.count;
    require_setting(network.node(task_head(network, task).node).shape.size() == expected,
                    one_head ? std::string("net") : "net, head of task '" + task.task + "'",
                    text("a classifier for the ", expected, " classes of the images"),
                    text("one for ", network.node(task_head(network, task).node).shape.size()));
  }
}

/// How the study's images become network input, without augmentation.
[[nodiscard]] inline TransformOptions evaluation_transform(const StudyConfig& config) {
  return {.crop = config.net.input};
}

}  // namespace fusiform
