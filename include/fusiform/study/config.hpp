#pragma once
/// A study as a file: tasks, net, training, lesions, statistics. Every setting of the file and its default is here.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

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
  bool inverted = false;           ///< turn all images upside-down
  bool one_category = false;       ///< all classes count as one category: detection without identification
  Index held_out_classes = 0;      ///< so many more classes are kept from training, for decoding
  std::string classes_of;          ///< do not train on this task: its test images are judged as classes of that other
                                   ///< task, by their names (inverted images, another race, other photographs)
  std::map<std::string, std::vector<std::string>> groups;  ///< of classes, whose drops are compared: names of classes,
                                                           ///< or beginnings of names with a "*" behind them
};

/// `[net]`
struct NetConfig {
  std::vector<std::string> tasks;  ///< trained on these; empty: on all (but those with `classes_of`)
  std::string arch;                ///< vgg16, alexnet, resnet50, ..., or layer tokens "32 32 M 64 64 M fc256"
  Index input = 64;                ///< height and width of the images the net sees, pixels
  std::string branch_after;        ///< "": one classifier over all classes; a layer: separate branches behind it
  double dropout = 0.5;

  bool operator==(const NetConfig&) const = default;
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
  std::string init_from;             ///< start from another net: "main", an earlier variant, or a file of weights
  bool reset_head = false;           ///< but leave its classifiers at random values
  std::vector<std::string> freeze;   ///< layers that do not learn: names, beginnings of names, or "trunk"
  std::map<std::string, double> learning_rates;  ///< factors of the learning rate, by layer or beginning of names
  std::string precision = "float";               ///< of the training's passes on a GPU: float, bf16x2, bf16
  std::vector<Index> snapshots;  ///< of the main net: it is looked into as it stands after these epochs, too

  bool operator==(const TrainConfig&) const = default;
};

/// Whether `init_from` means a file, not a net of the study.
[[nodiscard]] inline bool names_weights_file(const std::string& init_from) {
  return init_from.find('/') != std::string::npos || init_from.ends_with(".safetensors");
}

/// `[decode]`: a linear classifier reads the held-out classes from a layer's activations.
struct DecodeConfig {
  std::vector<std::string> layers;  ///< names or aliases; empty: every layer with units but the classifier
  Index images_per_class = 10;      ///< of the held-out classes, at most
  Index folds = 0;                  ///< 0: leave one image out
  double c = 1;                     ///< penalty of the support vector machine's errors
  Index max_features = 4096;        ///< larger layers are projected to so many random directions
};

/// `[attribute]`: shortcuts for the effect of a unit's lesion, beside the effect itself, at the lesioned layers.
struct AttributeConfig {
  Index images = 256;           ///< test images of each task, at most
  Index conductance_steps = 8;  ///< on the path from a grey image
};

/// `[lesion]`
struct LesionConfig {
  std::vector<std::string> layers;       ///< names or aliases; empty: the last convolution
  double fraction = 0.2;                 ///< share of units that the ranking selects; 0: linear ranking
  double group = 0.016;                  ///< share selected per iteration
  Index images = 6400;                   ///< training images of the task that the ranking uses, at most
  std::string selection = "stratified";  ///< stratified, first (the published scripts' literal behaviour)
  std::string kind = "zero";             ///< zero, weights, mean, resample, scale
  double scale = 0;                      ///< what kind `scale` multiplies the units with
  bool keep_only = false;                ///< also the inverse lesions: every unit but the ranked ones
  std::vector<double> fractions = {0, 0.05, 0.1, 0.15, 0.2};  ///< points of the lesion curves
  Index random_lesions = 20;                                  ///< random sets per layer, as many units as `fraction`
  Index random_classes = 0;  ///< rankings for random halves of the classes: the null of the segregation index
  Index pairs = 0;           ///< so many units of each task's ranking, the first ones, are also lesioned two by two
  double audit = 0;          ///< share of the rankings' (lesion, image) pairs that is computed again by the definition
  Index memory_mib = 2048;   ///< for cached activations
  bool racing = false;       ///< rankings by racing, with these settings; false: exact ones
  double delta = 0.01;       ///< of racing: risk of one iteration to select other units than the exact one
  double epsilon = 0;        ///< of racing: nats; differences that do not matter
  double race_audit = 0.02;  ///< of racing: share of the units that is evaluated in full in any case
};

/// `[statistics]`
struct StatisticsConfig {
  Index replicates = 10000;             ///< of the bootstrap
  double level = 0.95;                  ///< of the intervals
  std::string interval = "percentile";  ///< percentile, bca (bias-corrected and accelerated)
  double matched_accuracy = 0;          ///< of the intact net on matched images; 0: what keeps most images of each task
};

/// Everything that concerns one net.
struct NetSettings {
  NetConfig net;
  TrainConfig train;
  std::vector<std::string> analyses = {"decode", "lesion"};  ///< of decode, lesion, attribute, similarity
  DecodeConfig decode;
  LesionConfig lesion;
  AttributeConfig attribute;

  [[nodiscard]] Index resize() const noexcept { return train.resize > 0 ? train.resize : (net.input * 8 + 6) / 7; }
  [[nodiscard]] bool does(std::string_view analysis) const {
    return std::find(analyses.begin(), analyses.end(), analysis) != analyses.end();
  }
  /// Whether single layers are looked into.
  [[nodiscard]] bool lesions_layers() const { return does("lesion") || does("attribute"); }
};

/// `[[variant]]`: another net of the study. In the file it says only what is different from the sections above:
/// `net.tasks = ["faces"]`, `train.epochs = 0`.
struct VariantConfig : NetSettings {
  std::string name;
  std::vector<std::uint64_t> seeds;  ///< empty: those of the study
};

/// Whether `shorter` is on the way of `longer`: the same net, trained in the same way, but for fewer epochs.
[[nodiscard]] inline bool is_on_the_way(const NetSettings& shorter, const NetSettings& longer) {
  const auto recipe = [](TrainConfig train) {
    train.epochs = 0;
    train.snapshots.clear();
    return train;
  };
  return shorter.train.epochs < longer.train.epochs && shorter.net == longer.net &&
         recipe(shorter.train) == recipe(longer.train);
}

/// The study's own settings are those of its main net.
struct StudyConfig : NetSettings {
  std::string name;
  std::vector<std::uint64_t> seeds = {0};
  std::vector<TaskConfig> tasks;
  StatisticsConfig statistics;
  std::vector<VariantConfig> variants;
};

/// The name of the variant that is the main net after some epochs.
[[nodiscard]] inline std::string snapshot_name(Index epochs) { return "after epoch " + std::to_string(epochs); }

/// Makes a variant of each of the main net's snapshots, unless there is one of that name: the same net with the same
/// analyses, trained for fewer epochs.
inline void add_snapshots(StudyConfig& config) {
  for (const Index epochs : config.train.snapshots) {
    VariantConfig variant;
    static_cast<NetSettings&>(variant) = static_cast<const NetSettings&>(config);
    variant.name = snapshot_name(epochs);
    variant.train.epochs = epochs;
    variant.train.snapshots.clear();
    const auto has_name = [&](const VariantConfig& other) { return other.name == variant.name; };
    if (std::none_of(config.variants.begin(), config.variants.end(), has_name))
      config.variants.push_back(std::move(variant));
  }
}

}  // namespace fusiform
