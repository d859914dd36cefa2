#pragma once
/// The random-class control: units ranked and lesioned for halves of the classes that were drawn at random. Where the
/// index comes from the tasks, it vanishes here (spec: A.7.6); the indices of many draws are its null distribution.

#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/analysis/random_classes.hpp>
#include <fusiform/study/lesioning.hpp>

namespace fusiform {

namespace detail {

/// The classes of the net's trained tasks, dealt out at random to as many pseudo-tasks.
[[nodiscard]] inline std::vector<NetTask> random_class_tasks(const std::vector<NetTask>& trained, Index draw,
                                                             const Rng& rng) {
  const std::vector<Index> outputs = joint_outputs(trained);
  std::vector<std::size_t> labels;
  for (std::size_t label = 0; label < outputs.size(); ++label)
    if (outputs[label] != no_output) labels.push_back(label);
  std::vector<NetTask> tasks;
  for (const std::vector<Index>& members :
       random_tasks(static_cast<Index>(labels.size()), static_cast<Index>(trained.size()), rng)) {
    const std::string name = text("random classes ", draw, ".", tasks.size() + 1);
    NetTask task{name, name, 0, std::vector<Index>(outputs.size(), no_output)};
    for (const Index member : members) {
      const std::size_t label = labels[static_cast<std::size_t>(member)];
      task.outputs[label] = outputs[label];
      ++task.classes;
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace detail

/// Ranks and lesions one layer for `random_classes` draws, as far as that is not stored already. Needs a net with one
/// classifier for at least two tasks.
inline void run_controls(StudyContext& study, const LesionedNet& lesioned, const std::string& layer) {
  const LesionConfig& lesion = lesioned.lesion();
  const std::vector<NetTask> trained = ranked_tasks(net_tasks(study, lesioned.net, lesioned.pack));
  for (Index draw = 0; draw < lesion.random_classes; ++draw) {
    const std::string path = study.paths.control(lesioned.net, layer, draw);
    if (std::filesystem::exists(path)) continue;
    const Rng rng = Rng(lesioned.net.seed).stream("random classes").stream(static_cast<std::uint64_t>(draw));
    const std::vector<NetTask> tasks = detail::random_class_tasks(trained, draw, rng);
    std::vector<Ranking> rankings;
    for (const NetTask& task : tasks) rankings.push_back(detail::rank_task(study, lesioned, task, layer));
    write_effects(path, detail::evaluate_lesions(study, lesioned, tasks, layer,
                                                 plan_lesions(detail::names_of(tasks), rankings,
                                                              {.fractions = {headline_fraction(lesion)},
                                                               .random_sets = 0,
                                                               .random_fraction = headline_fraction(lesion)},
                                                              rng)));
  }
}

}  // namespace fusiform
