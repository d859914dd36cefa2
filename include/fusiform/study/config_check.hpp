#pragma once
/// Which settings of a study are possible.

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/study/config.hpp>

namespace fusiform {

/// Where a setting stands in a study file.
struct SettingPlace {
  std::string section;  ///< "" for the keys before the first section
  std::string key;
  std::size_t entry = 0;  ///< which [[task]]
};

/// A setting of a study with an impossible value.
class SettingError : public ConfigError {
 public:
  SettingError(SettingPlace place, const std::string& problem)
      : ConfigError("study: " + title(place) + ": " + problem), place_(std::move(place)), problem_(problem) {}

  [[nodiscard]] const SettingPlace& place() const noexcept { return place_; }
  /// "[train] epochs: expected 0 or more, got -1"
  [[nodiscard]] std::string problem() const { return title(place_) + ": " + problem_; }

 private:
  static std::string title(const SettingPlace& place) {
    if (place.section.empty()) return place.key;
    if (place.section == "task") return text("[[task]] number ", place.entry + 1, ", ", place.key);
    return "[" + place.section + "] " + place.key;
  }

  SettingPlace place_;
  std::string problem_;
};

namespace detail {

/// Checks the settings of one section.
class SectionCheck {
 public:
  explicit SectionCheck(std::string section, std::size_t entry = 0) : section_(std::move(section)), entry_(entry) {}

  template <class A>
  void require(bool condition, std::string_view key, std::string_view expectation, const A& found) const {
    if (!condition)
      throw SettingError({section_, std::string(key), entry_}, text("expected ", expectation, ", got ", found));
  }
  void one_of(std::string_view key, const std::string& word, const std::vector<std::string>& words) const {
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i)
      list += (i == 0 ? "" : i + 1 < words.size() ? ", " : " or ") + words[i];
    require(std::find(words.begin(), words.end(), word) != words.end(), key, list, "'" + word + "'");
  }
  void at_least(std::string_view key, Index number, Index least) const {
    require(number >= least, key, text(least, " or more"), number);
  }
  void probability(std::string_view key, double p) const { require(p >= 0 && p <= 1, key, "a number from 0 to 1", p); }
  template <class A>
  void all_different(std::string_view key, std::vector<A> values) const {
    std::sort(values.begin(), values.end());
    const auto twice = std::adjacent_find(values.begin(), values.end());
    if (twice != values.end()) require(false, key, "each value once", text(*twice, " twice"));
  }

 private:
  std::string section_;
  std::size_t entry_;
};

inline void check_train(const StudyConfig& config) {
  const SectionCheck check("train");
  const TrainConfig& train = config.train;
  check.at_least("epochs", train.epochs, 0);
  check.at_least("batch", train.batch, 1);
  check.one_of("optimizer", train.optimizer, {"sgd", "adam"});
  check.require(train.learning_rate > 0 && std::isfinite(train.learning_rate), "learning_rate", "more than 0",
                train.learning_rate);
  check.require(train.momentum >= 0 && train.momentum < 1, "momentum", "0 <= momentum < 1", train.momentum);
  check.require(train.weight_decay >= 0, "weight_decay", "0 or more", train.weight_decay);
  check.one_of("schedule", train.schedule, {"plateau", "step", "constant"});
  check.at_least("step_size", train.step_size, 1);
  check.at_least("patience", train.patience, 0);
  check.require(train.factor > 0 && (train.factor < 1 || train.schedule != "plateau"), "factor", "0 < factor < 1",
                train.factor);
  check.at_least("resize", train.resize, 0);
  check.require(config.resize() >= config.net.input, "resize", text("at least the net's input, ", config.net.input),
                train.resize);
  check.probability("grayscale", train.grayscale);
  check.probability("flip", train.flip);
}

inline void check_lesion(const LesionConfig& lesion) {
  const SectionCheck check("lesion");
  check.all_different("layers", lesion.layers);
  check.probability("fraction", lesion.fraction);
  check.probability("group", lesion.group);
  check.at_least("images", lesion.images, 1);
  check.one_of("selection", lesion.selection, {"stratified", "first"});
  check.one_of("kind", lesion.kind, {"zero", "weights"});
  for (const double fraction : lesion.fractions) check.probability("fractions", fraction);
  check.all_different("fractions", lesion.fractions);
  check.at_least("random_lesions", lesion.random_lesions, 0);
  check.at_least("memory_mib", lesion.memory_mib, 1);
}

inline void check_task(const StudyConfig& config, std::size_t entry) {
  const SectionCheck check("task", entry);
  const TaskConfig& task = config.tasks[entry];
  check.require(!task.name.empty(), "name", "a name", "none");
  check.require(task.name != "none" && task.name != "random", "name",
                "another name than those of the lesions 'none' and 'random'", "'" + task.name + "'");
  check.require(config.net.branch_after.empty() || task.name.find('.') == std::string::npos, "name",
                "a name without '.', as heads of a branched net need", "'" + task.name + "'");
  for (std::size_t other = 0; other < entry; ++other)
    check.require(config.tasks[other].name != task.name, "name", "another name for each task",
                  "'" + task.name + "' twice");
  check.require(!task.images.empty(), "images", "a folder, stimuli:faces or stimuli:objects", "none");
  check.one_of("format", task.format, {"folders", "cifar10", "idx", "stimuli"});
  const bool stimuli = task.images.rfind("stimuli:", 0) == 0;
  check.require(stimuli ? task.images == "stimuli:faces" || task.images == "stimuli:objects" : task.format != "stimuli",
                "images", "stimuli:faces or stimuli:objects", "'" + task.images + "'");
  check.at_least("classes", task.classes, 0);
  check.at_least("min_images", task.min_images, 0);
  check.at_least("train_per_class", task.train_per_class, 0);
  check.at_least("test_per_class", task.test_per_class, 0);
  check.require(task.test_fraction >= 0 && task.test_fraction < 1, "test_fraction", "0 <= test_fraction < 1",
                task.test_fraction);
  if (!stimuli && task.format == "folders") return;
  check.require(task.min_images == 0, "min_images", "no such setting unless the format is folders", task.min_images);
  check.require(task.class_prefix.empty(), "class_prefix", "no such setting unless the format is folders",
                "'" + task.class_prefix + "'");
  check.require(stimuli || task.classes == 0, "classes", "no such setting for cifar10 and idx", task.classes);
}

}  // namespace detail

/// Throws SettingError for settings that contradict each other or are out of range.
inline void check(const StudyConfig& config) {
  const detail::SectionCheck top("");
  top.require(!config.name.empty(), "name", "a name of the study", "none");
  top.require(!config.seeds.empty(), "seeds", "at least one seed", "none");
  top.all_different("seeds", config.seeds);
  top.require(!config.tasks.empty(), "task", "at least one [[task]]", "none");
  for (std::size_t entry = 0; entry < config.tasks.size(); ++entry) detail::check_task(config, entry);
  const detail::SectionCheck net("net");
  net.require(!config.net.arch.empty(), "arch", "an architecture or layer tokens", "none");
  net.at_least("input", config.net.input, 1);
  net.require(config.net.dropout >= 0 && config.net.dropout < 1, "dropout", "0 <= p < 1", config.net.dropout);
  detail::check_train(config);
  detail::check_lesion(config.lesion);
  const detail::SectionCheck statistics("statistics");
  statistics.at_least("replicates", config.statistics.replicates, 100);
  statistics.require(config.statistics.level > 0 && config.statistics.level < 1, "level", "0 < level < 1",
                     config.statistics.level);
}

}  // namespace fusiform
