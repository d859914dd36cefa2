#pragma once
/// Which tasks a net is judged on, and which output of which of its classifiers stands for which class of the images.

#include <algorithm>
#include <string>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/nets/net_options.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/study/config.hpp>

namespace fusiform {

/// In a table of outputs: a class that does not belong to the task.
inline constexpr Index no_output = -1;

/// A task as one net sees it.
struct NetTask {
  std::string task;
  std::string trained_as;      ///< the task whose classes these are; another one for tasks with `classes_of`
  Index classes = 0;           ///< how many outputs are right for some image
  std::vector<Index> outputs;  ///< for each class of the images: the output of the task's head, or `no_output`

  [[nodiscard]] bool is_trained() const { return task == trained_as; }
};

namespace detail {

[[nodiscard]] inline const TaskConfig* find_task(const std::vector<TaskConfig>& tasks, const std::string& name) {
  const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const TaskConfig& t) { return t.name == name; });
  return found == tasks.end() ? nullptr : &*found;
}

/// Outputs first, first + 1, ... for the classes of a trained task; one output for all if it is one category.
[[nodiscard]] inline NetTask trained_task(const std::string& name, bool one_category,
                                          const std::vector<ClassInfo>& classes, Index first) {
  NetTask result{name, name, 0, std::vector<Index>(classes.size(), no_output)};
  for (std::size_t label = 0; label < classes.size(); ++label) {
    if (classes[label].task != name) continue;
    if (!one_category || result.classes == 0) ++result.classes;
    result.outputs[label] = first + result.classes - 1;
  }
  return result;
}

/// The outputs of the classes of the same names in a trained task. Throws ConfigError for a class that is not there.
[[nodiscard]] inline NetTask judged_task(const std::string& name, const NetTask& as,
                                         const std::vector<ClassInfo>& classes) {
  NetTask result{name, as.task, 0, std::vector<Index>(classes.size(), no_output)};
  std::vector<Index> used;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    if (classes[label].task != name) continue;
    const auto same = std::find(classes.begin(), classes.end(), ClassInfo{as.task, classes[label].name});
    if (same == classes.end())
      throw ConfigError(
          text("task '", name, "': expected only classes of task '", as.task, "', got '", classes[label].name, "'"));
    result.outputs[label] = as.outputs[static_cast<std::size_t>(same - classes.begin())];
    used.push_back(result.outputs[label]);
  }
  std::sort(used.begin(), used.end());
  result.classes = std::unique(used.begin(), used.end()) - used.begin();
  return result;
}

}  // namespace detail

/// The tasks of a net: those it is trained on, in the order of the class table, then those that are judged as one of
/// them. `tasks` are the study's; without any, every task of the images is trained. Throws ConfigError.
[[nodiscard]] inline std::vector<NetTask> net_tasks(const NetConfig& net, const std::vector<TaskConfig>& tasks,
                                                    const std::vector<ClassInfo>& classes) {
  std::vector<std::string> names;
  for (const ClassInfo& info : classes)
    if (std::find(names.begin(), names.end(), info.task) == names.end()) names.push_back(info.task);
  std::vector<NetTask> result;
  Index first = 0;
  for (const std::string& name : names) {
    const TaskConfig* const task = detail::find_task(tasks, name);
    if (task != nullptr && !task->classes_of.empty()) continue;
    if (!net.tasks.empty() && std::find(net.tasks.begin(), net.tasks.end(), name) == net.tasks.end()) continue;
    result.push_back(detail::trained_task(name, task != nullptr && task->one_category, classes, first));
    if (net.branch_after.empty()) first += result.back().classes;
  }
  const std::size_t trained = result.size();
  for (const std::string& name : names) {
    const TaskConfig* const task = detail::find_task(tasks, name);
    for (std::size_t i = 0; i < trained && task != nullptr; ++i)
      if (task->classes_of == result[i].task) result.push_back(detail::judged_task(name, result[i], classes));
  }
  return result;
}

/// The classifiers of the net: one for all trained tasks, or one for each behind its branch.
[[nodiscard]] inline std::vector<Head> net_heads(const NetConfig& net, const std::vector<NetTask>& tasks) {
  std::vector<Head> heads;
  for (const NetTask& task : tasks) {
    if (!task.is_trained()) continue;
    if (heads.empty() || !net.branch_after.empty()) heads.push_back({net.branch_after.empty() ? "" : task.task, 0});
    heads.back().classes += task.classes;
  }
  return heads;
}

/// How many classes the classifier tells apart that judges a task: in a net with one classifier those of all its tasks.
/// `tasks` are all of the net. Chance is 1 in so many. Throws ConfigError if no classifier judges the task.
[[nodiscard]] inline Index classes_to_tell_apart(const NetConfig& net, const std::vector<NetTask>& tasks,
                                                 const NetTask& task) {
  for (const Head& head : net_heads(net, tasks))
    if (head.name.empty() || head.name == task.trained_as) return head.classes;
  throw ConfigError(text("net: no classifier for task '", task.trained_as, "'"));
}

/// The classifier that judges a task: a net with one head judges all tasks there; in a branched net the head of a task
/// carries the task's name. Throws ConfigError if there is none.
template <Scalar T, Device D>
[[nodiscard]] NodeId task_head(const Network<T, D>& network, const NetTask& task) {
  const std::vector<NodeId> heads = network.heads();
  if (heads.size() == 1) return heads.front();
  for (const NodeId head : heads)
    if (network.node(head).name.rfind(task.trained_as + ".", 0) == 0) return head;
  std::string names;
  for (const NodeId head : heads) names += " " + network.node(head).name;
  throw ConfigError(text("net: no head for task '", task.trained_as, "'; there are:", names));
}

/// Images of the task, in the order of the manifest.
[[nodiscard]] inline std::vector<Index> task_images(const Manifest& manifest, const NetTask& task, Split split) {
  std::vector<Index> items = manifest.select("", split);
  std::erase_if(items, [&](Index item) {
    const Index label = manifest.images[static_cast<std::size_t>(item)].class_index;
    return task.outputs[static_cast<std::size_t>(label)] == no_output;
  });
  return items;
}

/// Throws ConfigError unless the net takes square RGB images and its heads tell exactly these classes apart.
template <Scalar T, Device D>
void require_fitting_net(const Network<T, D>& network, const std::vector<NetTask>& tasks) {
  const Shape& image = network.image_shape();
  require_setting(image[0] == image[1] && image[2] == 3, "net", "an input of square RGB images", image);
  const bool one_head = network.heads().size() == 1;
  Index all = 0;
  for (const NetTask& task : tasks) all += task.is_trained() ? task.classes : 0;
  for (const NetTask& task : tasks) {
    const Index expected = one_head ? all : task.classes;
    const Index found = network.node(task_head(network, task)).shape.size();
    require_setting(!task.is_trained() || found == expected,
                    one_head ? std::string("net") : "net, head of task '" + task.task + "'",
                    text("a classifier for the ", expected, " classes of the images"), text("one for ", found));
  }
}

}  // namespace fusiform
