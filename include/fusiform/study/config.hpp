#pragma once
/// A study as a file: tasks, net, training, lesions, statistics. Every setting of the file and its default is here.

#include <cstdint>
#include <string>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// One `[[task]]`: a set of classes with its images.
struct TaskConfig {
  std::string name;
  std::string images;              ///< a folder, or "stimuli:faces", "stimuli:objects"
  std::string format = "folders";  ///< folders (one per class), cifar10, idx, stimuli
  Index classes = 0;               ///< use so many classes, the first in sorted order; 0: all
  Index min_images = 0;            ///< leave out classes with fewer images (train and test together)
  Index train_per_class = 0;       ///< use so many training images of each class; 0: all
  Index test_per_class = 0;        ///< use so many test images of each class; 0: all
  double test_fraction = 0.2;      ///< share of each class held out where there are no train/ and test/ folders
  std::string class_prefix;        ///< use only classes whose name starts so
};

/// `[net]`
struct NetConfig {
  std::string arch;          ///< vgg16, alexnet, resnet50, ..., or layer tokens "32 32 M 64 64 M fc256"
  Index input = 64;          ///< height and width of the images the net sees, pixels
  std::string branch_after;  ///< "": one classifier over all classes; a layer: separate branches behind it
  double dropout = 0.5;
};

/// `[train]`
struct TrainConfig {
  Index epochs = 30;
  Index batch = 64;
  std::string optimizer = "sgd";  ///< sgd, adam
  double learning_rate = 1e-3;
  double momentum = 0.9;
  double weight_decay = 1e-4;
  std::string schedule = "plateau";  ///< plateau, step, constant
  Index step_size = 30;              ///< epochs between reductions (step)
  Index patience = 5;                ///< epochs without improvement before a reduction (plateau)
  double factor = 0.1;               ///< what a reduction multiplies the learning rate with
  Index resize = 0;                  ///< shorter side after resizing, pixels; 0: input · 8/7, as 256 is to 224
  double grayscale = 0.2;            ///< probability of a grey training image
  double flip = 0;                   ///< probability of a mirrored training image
};

/// `[lesion]`
struct LesionConfig {
  std::vector<std::string> layers;       ///< names or aliases; empty: the last convolution
  double fraction = 0.2;                 ///< share of units that the ranking selects; 0: linear ranking
  double group = 0.016;                  ///< share selected per iteration
  Index images = 6400;                   ///< training images of the task that the ranking uses, at most
  std::string selection = "stratified";  ///< stratified, first (the published scripts' literal behaviour)
  std::string kind = "zero";             ///< zero, weights
  std::vector<double> fractions = {0, 0.05, 0.1, 0.15, 0.2};  ///< points of the lesion curves
  Index random_lesions = 20;                                  ///< random sets per layer, as many units as `fraction`
  Index memory_mib = 2048;                                    ///< for cached activations
};

/// `[statistics]`
struct StatisticsConfig {
  Index replicates = 10000;  ///< of the bootstrap
  double level = 0.95;       ///< of the intervals
};

struct StudyConfig {
  std::string name;
  std::vector<std::uint64_t> seeds = {0};
  std::vector<TaskConfig> tasks;
  NetConfig net;
  TrainConfig train;
  LesionConfig lesion;
  StatisticsConfig statistics;

  [[nodiscard]] Index resize() const noexcept { return train.resize > 0 ? train.resize : (net.input * 8 + 6) / 7; }
};

/// Throws ConfigError for settings that contradict each other or are out of range.
inline void check(const StudyConfig& config) {
  const std::string where = "study '" + config.name + "'";
  require_setting(!config.name.empty(), "study", "a name", "none");
  require_setting(!config.seeds.empty(), where, "at least one seed", "none");
  require_setting(!config.tasks.empty(), where, "at least one [[task]]", "none");
  require_setting(!config.net.arch.empty(), where + " [net] arch", "an architecture", "none");
  require_setting(config.net.input >= 1, where + " [net] input", "at least 1 pixel", config.net.input);
  require_setting(config.resize() >= config.net.input, where + " [train] resize",
                  text("at least the net's input, ", config.net.input), config.train.resize);
  require_setting(config.net.dropout >= 0 && config.net.dropout < 1, where + " [net] dropout", "0 <= p < 1",
                  config.net.dropout);
  require_setting(config.train.epochs >= 0, where + " [train] epochs", "0 or more", config.train.epochs);
  require_setting(config.train.batch >= 1, where + " [train] batch", "1 or more", config.train.batch);
  require_setting(config.train.learning_rate > 0, where + " [train] learning_rate", "more than 0",
                  config.train.learning_rate);
  require_setting(config.train.optimizer == "sgd" || config.train.optimizer == "adam", where + " [train] optimizer",
                  "sgd or adam", config.train.optimizer);
  require_setting(
      config.train.schedule == "plateau" || config.train.schedule == "step" || config.train.schedule == "constant",
      where + " [train] schedule", "plateau, step or constant", config.train.schedule);
  for (const double p : {config.train.grayscale, config.train.flip})
    require_setting(p >= 0 && p <= 1, where + " [train] grayscale, flip", "a probability", p);
  require_setting(config.lesion.fraction >= 0 && config.lesion.fraction <= 1, where + " [lesion] fraction",
                  "0 <= fraction <= 1", config.lesion.fraction);
  require_setting(config.lesion.group >= 0 && config.lesion.group <= 1, where + " [lesion] group", "0 <= group <= 1",
                  config.lesion.group);
  for (const double fraction : config.lesion.fractions)
    require_setting(fraction >= 0 && fraction <= 1, where + " [lesion] fractions", "0 <= fraction <= 1", fraction);
  require_setting(config.lesion.selection == "stratified" || config.lesion.selection == "first",
                  where + " [lesion] selection", "stratified or first", config.lesion.selection);
  require_setting(config.lesion.kind == "zero" || config.lesion.kind == "weights", where + " [lesion] kind",
                  "zero or weights", config.lesion.kind);
  require_setting(config.lesion.images >= 1, where + " [lesion] images", "1 or more", config.lesion.images);
  require_setting(config.statistics.replicates >= 100, where + " [statistics] replicates", "100 or more",
                  config.statistics.replicates);
  require_setting(config.statistics.level > 0 && config.statistics.level < 1, where + " [statistics] level",
                  "0 < level < 1", config.statistics.level);
  for (const TaskConfig& task : config.tasks) {
    require_setting(!task.name.empty(), where + " [[task]]", "a name", "none");
    require_setting(!task.images.empty(), where + " [[task]] '" + task.name + "' images", "a folder", "none");
    require_setting(
        task.format == "folders" || task.format == "cifar10" || task.format == "idx" || task.format == "stimuli",
        where + " [[task]] '" + task.name + "' format", "folders, cifar10, idx or stimuli", task.format);
  }
}

}  // namespace fusiform
