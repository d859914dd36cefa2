#pragma once
/// A study that takes a fraction of a second: 2 x 4 classes of rendered pictures at 16x16 pixels, two convolutions.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include <fusiform/io/file.hpp>
#include <fusiform/study/context.hpp>

#include "cmake/own_study/study.hpp"
#include "tests/io/scratch_folder.hpp"
#include "tests/support/reproducible_files.hpp"

namespace fusiform::test {

[[nodiscard]] inline StudyConfig tiny_study() {
  StudyConfig config;
  config.name = "tiny";
  for (const char* task : {"faces", "objects"})
    config.tasks.push_back({.name = task,
                            .images = std::string("stimuli:") + task,
                            .format = "stimuli",
                            .classes = 4,
                            .train_per_class = 10,
                            .test_per_class = 5});
  config.net = {.arch = "8 M 8 M fc16", .input = 16, .dropout = 0.2};
  config.train = {.epochs = 2, .batch = 8, .learning_rate = 0.02, .schedule = "constant", .resize = 18};
  config.lesion.layers = {"conv1", "conv2"};
  config.lesion.fraction = 0.25;
  config.lesion.group = 0.125;
  config.lesion.images = 16;
  config.lesion.fractions = {0, 0.25, 0.375};
  config.lesion.random_lesions = 3;
  config.statistics.replicates = 200;
  return config;
}

inline void run_quietly(const StudyConfig& config, const std::string& folder, StudyStage last = StudyStage::report) {
  StudyContext study{config, StudyPaths(folder), ProgressLine(true)};
  own::run_study(study, last);
}

[[nodiscard]] inline nlohmann::json summary_in(const std::string& folder) {
  return nlohmann::json::parse(read_file(folder + "/summary.json"));
}

/// The message of the error that `action` throws; "" if it throws none.
template <class Action>
[[nodiscard]] std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace fusiform::test
