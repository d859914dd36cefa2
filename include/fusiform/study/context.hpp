#pragma once
/// What every stage of a study works with.

#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/data/packed_images.hpp>
#include <fusiform/study/config.hpp>
#include <fusiform/study/net_tasks.hpp>
#include <fusiform/study/paths.hpp>
#include <fusiform/study/progress.hpp>
#include <fusiform/study/study_device.hpp>
#include <fusiform/study/study_net.hpp>

namespace fusiform {

struct StudyContext {
  StudyConfig config;
  StudyPaths paths;
  ProgressLine progress;
  bool skip_damaged = false;             ///< leave damaged images out, instead of stopping with their list
  bool share_batches = false;            ///< train together too; weights then depend on the number of processes
  Communicator* team = &this_process();  ///< the processes that share the work; 0 writes all files and says everything
  const StudyDevice* device = nullptr;   ///< what computes the nets; nullptr: the CPU
};

/// How the images become a net's input, without augmentation.
[[nodiscard]] inline TransformOptions evaluation_transform(const NetConfig& net) { return {.crop = net.input}; }

/// Images of a task as the net is judged on them: labels are outputs of the task's head. The pack must outlive them.
[[nodiscard]] inline LabelledImages<float> task_input(const NetConfig& net, const ImagePack& pack, const NetTask& task,
                                                      std::vector<Index> items) {
  return labelled_images<float>(pack, std::move(items), evaluation_transform(net), task.outputs);
}

/// The tasks of one net of the study.
[[nodiscard]] inline std::vector<NetTask> net_tasks(const StudyContext& study, const StudyNet& net,
                                                    const ImagePack& pack) {
  return net_tasks(net.settings->net, study.config.tasks, pack.classes());
}

}  // namespace fusiform
