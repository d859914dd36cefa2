#pragma once
/// Whom the lesions of one layer hurt: single classes, and groups of classes that the study file names.

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/subgroups.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/io/csv.hpp>
#include <fusiform/study/class_groups.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/interval_summary.hpp>
#include <fusiform/study/outcome_store.hpp>

namespace fusiform::detail {

/// The outcomes of one layer with the classes of the images: stored labels are outputs of a net, and a net may have one
/// output for many classes.
struct ClassedEffects {
  const LayerEffects& effects;
  double fraction;                           ///< of the lesions that are looked at
  const std::vector<ClassInfo>& classes;     ///< of all tasks
  std::vector<std::vector<Index>> labels{};  ///< [task][image], into `classes`

  /// Calls body(sort task, outcomes of task `t`) for the ranked tasks whose lesion is available.
  template <class Body>
  void for_each_lesion(std::size_t t, const Body& body) const {
    const TaskEffects<float>& task = effects.tasks[t];
    for (const TaskEffects<float>& sorted : effects.tasks)
      if (const auto lesion = effects.find(sorted.task, fraction))
        body(sorted.task, LesionedOutcomes<float>{labels[t], task.lesioned.front(), task.lesioned[*lesion]});
  }
};

/// Looks the images' classes up. Throws FileError if a task has other test images than outcomes.
[[nodiscard]] inline ClassedEffects classed_effects(const StudyContext& study, const ImagePack& pack,
                                                    const StudyNet& net, const LayerEffects& effects, double fraction) {
  ClassedEffects result{.effects = effects, .fraction = fraction, .classes = pack.classes()};
  const std::vector<NetTask> tasks = net_tasks(study, net, pack);
  for (const TaskEffects<float>& stored : effects.tasks) {
    std::vector<Index>& labels = result.labels.emplace_back();
    for (const NetTask& task : tasks)
      if (task.task == stored.task)
        for (const Index image : task_images(pack.manifest(), task, Split::test)) labels.push_back(pack.label(image));
    if (labels.size() != stored.labels.size())
      throw FileError(study.paths.outcomes(net, effects.layer),
                      text("expected outcomes of the ", labels.size(), " test images of '", stored.task, "', found ",
                           stored.labels.size()));
  }
  return result;
}

inline const std::vector<std::string> class_effects_columns = {
    "layer", "task", "class", "images", "top1", "sort_task", "fraction", "top1_lesioned", "drop", "loss_change"};

/// A row for each class of each task under the lesion of each ranked task's units.
inline void write_class_effects(const ClassedEffects& classed, CsvWriter& file) {
  for (std::size_t t = 0; t < classed.effects.tasks.size(); ++t)
    classed.for_each_lesion(t, [&](const std::string& sort_task, const LesionedOutcomes<float>& outcomes) {
      for (const ClassEffect& effect : class_effects(outcomes))
        file.row({classed.effects.layer, classed.effects.tasks[t].task,
                  classed.classes[static_cast<std::size_t>(effect.label)].name, effect.images, effect.base_accuracy,
                  sort_task, classed.fraction, effect.lesioned_accuracy, effect.drop, effect.loss_change});
    });
}

/// The images of the groups alone, with the group of each class.
struct GroupedOutcomes {
  std::vector<Index> labels;
  Outcomes<float> base{};
  Outcomes<float> lesioned{};

  GroupedOutcomes(const LesionedOutcomes<float>& all, const ClassGroups& groups) {
    for (std::size_t image = 0; image < all.labels.size(); ++image) {
      if (groups.group_of_class[static_cast<std::size_t>(all.labels[image])] == no_group) continue;
      labels.push_back(all.labels[image]);
      append(all.base, image, base);
      append(all.lesioned, image, lesioned);
    }
  }

 private:
  static void append(const Outcomes<float>& from, std::size_t image, Outcomes<float>& to) {
    to.losses.push_back(from.losses[image]);
    to.correct.push_back(from.correct[image]);
    to.in_top5.push_back(from.in_top5[image]);
  }
};

/// The groups under one lesion, and the differences between their drops: first minus second, of each pair.
[[nodiscard]] inline Json summarize_group_lesion(const LesionedOutcomes<float>& all, const ClassGroups& groups,
                                                 const Rng& rng, const BootstrapOptions& options) {
  const GroupedOutcomes grouped(all, groups);
  const std::vector<ResampledSubgroup> resampled = resample_subgroups(
      LesionedOutcomes<float>{grouped.labels, grouped.base, grouped.lesioned}, groups.group_of_class, rng, options);
  const auto name = [&](const ResampledSubgroup& group) {
    return groups.names[static_cast<std::size_t>(group.subgroup)];
  };
  Json effects = Json::array();
  Json differences = Json::array();
  for (std::size_t a = 0; a < resampled.size(); ++a) {
    const SubgroupEffect effect = subgroup_effect(resampled[a], options);
    effects.push_back({{"group", name(resampled[a])},
                       {"classes", effect.classes},
                       {"images", effect.images},
                       {"top1", to_json(effect.base_accuracy)},
                       {"top1_lesioned", to_json(effect.lesioned_accuracy)},
                       {"drop", to_json(effect.drop)},
                       {"loss_change", to_json(effect.loss_change)}});
    for (std::size_t b = a + 1; b < resampled.size(); ++b) {
      const Resampled between = difference(resampled[a].drops.drop[0], resampled[b].drops.drop[0]);
      differences.push_back({{"first", name(resampled[a])},
                             {"second", name(resampled[b])},
                             {"drop", to_json(confidence_interval(between, options))},
                             {"p", two_sided_p(between, options)}});
    }
  }
  return {{"groups", std::move(effects)}, {"differences", std::move(differences)}};
}

/// An entry for each task with groups and each ranked task's lesion. Empty if no task has groups.
[[nodiscard]] inline Json summarize_groups(const ClassedEffects& classed, const std::vector<TaskConfig>& tasks,
                                           const Rng& rng, const BootstrapOptions& options) {
  Json result = Json::array();
  for (std::size_t t = 0; t < classed.effects.tasks.size(); ++t) {
    const TaskConfig* const task = find_task(tasks, classed.effects.tasks[t].task);
    if (task == nullptr || task->groups.empty()) continue;
    const ClassGroups groups = class_groups(*task, classed.classes);
    classed.for_each_lesion(t, [&](const std::string& sort_task, const LesionedOutcomes<float>& outcomes) {
      Json entry{{"task", task->name}, {"sort_task", sort_task}, {"fraction", classed.fraction}};
      // The same resamples for all lesions of the task.
      entry.update(summarize_group_lesion(outcomes, groups, rng.stream(task->name), options));
      result.push_back(std::move(entry));
    });
  }
  return result;
}

}  // namespace fusiform::detail
