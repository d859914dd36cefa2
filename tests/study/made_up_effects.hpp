#pragma once
/// Outcomes of one layer with answers that are known beforehand.

#include <functional>
#include <string>
#include <vector>

#include <fusiform/study/outcome_store.hpp>

namespace fusiform::test {

/// Whether an image is right: (image, index of the lesion).
using IsRight = std::function<bool(std::size_t, std::size_t)>;

/// Two tasks, lesions: none, units of the first, units of the second (20 % each). Image i has the label i mod
/// `classes`; a right answer costs 0.25 nats, a wrong one 2.
[[nodiscard]] inline LayerEffects made_up_effects(const std::vector<std::string>& tasks, Index images, Index classes,
                                                  const std::vector<IsRight>& is_right) {
  LayerEffects effects{.layer = "conv1", .units = 10, .lesions = {{"none", 0, 0, {}}}, .tasks = {}};
  for (const std::string& task : tasks) effects.lesions.push_back({task, 0.2, 0, {0, 1}});
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    TaskEffects<float> task{tasks[t], {}, {}};
    for (Index i = 0; i < images; ++i) task.labels.push_back(i % classes);
    for (std::size_t lesion = 0; lesion < effects.lesions.size(); ++lesion) {
      Outcomes<float>& outcomes = task.lesioned.emplace_back(images);
      for (std::size_t i = 0; i < task.labels.size(); ++i) {
        outcomes.correct[i] = outcomes.in_top5[i] = is_right[t](i, lesion) ? 1 : 0;
        outcomes.losses[i] = outcomes.correct[i] != 0 ? 0.25F : 2.0F;
      }
    }
    effects.tasks.push_back(std::move(task));
  }
  return effects;
}

}  // namespace fusiform::test
