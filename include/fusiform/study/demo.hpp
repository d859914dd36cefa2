#pragma once
/// The study that `fusiform demo` runs.

#include <fusiform/study/config.hpp>

namespace fusiform {

/// Faces of 32 identities and objects of 32 categories, rendered; six convolutions at 32x32; about two and a half
/// minutes on two cores.
[[nodiscard]] inline StudyConfig demo_study() {
  StudyConfig config;
  config.name = "demo: rendered faces and objects";
  for (const char* task : {"faces", "objects"})
    config.tasks.push_back({.name = task,
                            .images = std::string("stimuli:") + task,
                            .format = "stimuli",
                            .classes = 32,
                            .train_per_class = 60,
                            .test_per_class = 15});
  config.net = {.arch = "32 32 M 64 64 M 128 128 M fc256", .input = 32, .dropout = 0.5};
  config.train = {.epochs = 14,
                  .batch = 32,
                  .learning_rate = 0.01,
                  .schedule = "step",
                  .step_size = 10,
                  .resize = 36,
                  .grayscale = 0.2};
  config.lesion.layers = {"conv4", "conv6"};
  config.lesion.images = 192;
  config.lesion.random_lesions = 20;
  return config;
}

}  // namespace fusiform
