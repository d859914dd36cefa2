#pragma once
/// Reads a study file (TOML). Unknown keys, wrong types and impossible values are errors that name file and line.

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <type_traits>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/study/config.hpp>
#include <fusiform/study/config_check.hpp>

namespace fusiform {

namespace detail {

/// Number of letters to change, add or drop to make `a` into `b` (Levenshtein).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

/// One table of the file: hands out settings and remembers which keys were asked for.
class ConfigTable {
 public:
  ConfigTable(const toml::table& table, std::string file, std::string name)
      : table_(table), file_(std::move(file)), name_(std::move(name)) {}

  /// Makes a key known that is read elsewhere (a section).
  void allow(std::string_view key) { known_.insert(std::string(key)); }

  /// Leaves `setting` alone if the key is absent.
  template <class T>
  void read(std::string_view key, T& setting) {
    known_.insert(std::string(key));
    const toml::node* node = table_.get(key);
    if (node != nullptr) convert(key, *node, setting);
  }

  /// Throws FileError for the first key that nobody asked for, with the nearest one that exists.
  void refuse_others() const {
    for (const auto& [key, node] : table_) {
      const std::string word(key.str());
      if (known_.count(word) > 0) continue;
      const auto nearest = std::min_element(known_.begin(), known_.end(), [&](const auto& a, const auto& b) {
        return edit_distance(a, word) < edit_distance(b, word);
      });
      std::string list;
      for (const std::string& name : known_) list += " " + name;
      fail(node, text("unknown key '", word, "' in ", name_, "; did you mean '", *nearest, "'? There are:", list));
    }
  }

  [[noreturn]] void fail(const toml::node& node, const std::string& problem) const {
    throw FileError(file_, text("line ", node.source().begin.line, ": ", problem));
  }

 private:
  template <class T>
  void convert(std::string_view key, const toml::node& node, T& setting) const {
    if constexpr (std::is_same_v<T, std::string>) {
      if (!node.is_string()) wrong_type(key, node, "a string");
      setting = node.as_string()->get();
    } else if constexpr (std::is_floating_point_v<T>) {
      if (!node.is_number()) wrong_type(key, node, "a number");
      setting = *node.value<double>();
    } else if constexpr (std::is_integral_v<T>) {
      if (!node.is_integer()) wrong_type(key, node, "a whole number");
      if (std::is_unsigned_v<T> && node.as_integer()->get() < 0) wrong_type(key, node, "a whole number, 0 or more");
      setting = static_cast<T>(node.as_integer()->get());
    } else {
      if (!node.is_array()) wrong_type(key, node, "a list in [ ]");
      setting.clear();
      for (const toml::node& element : *node.as_array()) convert(key, element, setting.emplace_back());
    }
  }

  [[noreturn]] void wrong_type(std::string_view key, const toml::node& node, std::string_view expected) const {
    std::ostringstream found;
    if (node.is_value())
      found << toml::node_view<const toml::node>(node);
    else
      found << (node.is_array() ? "a list" : "a table");
    fail(node, text("'", key, "' in ", name_, ": expected ", expected, ", got ", found.str()));
  }

  const toml::table& table_;
  std::string file_;
  std::string name_;
  std::set<std::string> known_;
};

inline TaskConfig read_task(ConfigTable table) {
  TaskConfig task;
  table.read("name", task.name);
  table.read("images", task.images);
  table.read("format", task.format);
  table.read("classes", task.classes);
  table.read("class_prefix", task.class_prefix);
  table.read("min_images", task.min_images);
  table.read("train_per_class", task.train_per_class);
  table.read("test_per_class", task.test_per_class);
  table.read("test_fraction", task.test_fraction);
  table.refuse_others();
  return task;
}

inline void read_section(ConfigTable table, NetConfig& net) {
  table.read("arch", net.arch);
  table.read("input", net.input);
  table.read("branch_after", net.branch_after);
  table.read("dropout", net.dropout);
  table.refuse_others();
}

inline void read_section(ConfigTable table, TrainConfig& train) {
  table.read("epochs", train.epochs);
  table.read("batch", train.batch);
  table.read("optimizer", train.optimizer);
  table.read("learning_rate", train.learning_rate);
  table.read("momentum", train.momentum);
  table.read("weight_decay", train.weight_decay);
  table.read("schedule", train.schedule);
  table.read("step_size", train.step_size);
  table.read("patience", train.patience);
  table.read("factor", train.factor);
  table.read("resize", train.resize);
  table.read("grayscale", train.grayscale);
  table.read("flip", train.flip);
  table.refuse_others();
}

inline void read_section(ConfigTable table, LesionConfig& lesion) {
  table.read("layers", lesion.layers);
  table.read("fraction", lesion.fraction);
  table.read("group", lesion.group);
  table.read("images", lesion.images);
  table.read("selection", lesion.selection);
  table.read("kind", lesion.kind);
  table.read("fractions", lesion.fractions);
  table.read("random_lesions", lesion.random_lesions);
  table.read("memory_mib", lesion.memory_mib);
  table.refuse_others();
}

inline void read_section(ConfigTable table, StatisticsConfig& statistics) {
  table.read("replicates", statistics.replicates);
  table.read("level", statistics.level);
  table.refuse_others();
}

/// The line of a setting, or of its section if it is not written down; nothing if there is neither.
[[nodiscard]] inline std::string line_of(const toml::table& root, const SettingPlace& place) {
  const toml::node* section = place.section.empty() ? &root : root.get(place.section);
  if (section != nullptr && section->is_array()) section = section->as_array()->get(place.entry);
  if (section == nullptr || !section->is_table()) return {};
  const toml::node* setting = section->as_table()->get(place.key);
  if (setting == nullptr && place.section.empty()) return {};
  return text("line ", (setting != nullptr ? setting : section)->source().begin.line, ": ");
}

}  // namespace detail

/// Folders in the file are relative to the file. Throws FileError that names the line.
[[nodiscard]] inline StudyConfig load_study_config(const std::string& path) {
  if (!std::filesystem::is_regular_file(path))
    throw FileError(path, "expected a study file (TOML), found none; see examples/studies/");
  toml::table root;
  try {
    root = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    throw FileError(path, text("line ", error.source().begin.line, ": ", error.description()));
  }
  StudyConfig config;
  detail::ConfigTable table(root, path, "the file");
  table.read("name", config.name);
  table.read("seeds", config.seeds);
  const auto section = [&](std::string_view name, auto& settings) {
    const toml::node* node = root.get(name);
    if (node == nullptr) return;
    if (!node->is_table()) table.fail(*node, text("expected a section [", name, "]"));
    detail::read_section(detail::ConfigTable(*node->as_table(), path, text("[", name, "]")), settings);
  };
  section("net", config.net);
  section("train", config.train);
  section("lesion", config.lesion);
  section("statistics", config.statistics);
  const toml::node* tasks = root.get("task");
  if (tasks != nullptr && !tasks->is_array_of_tables()) table.fail(*tasks, "expected [[task]], in double brackets");
  if (tasks != nullptr)
    for (const toml::node& task : *tasks->as_array())
      config.tasks.push_back(detail::read_task(detail::ConfigTable(*task.as_table(), path, "[[task]]")));
  for (const char* name : {"task", "net", "train", "lesion", "statistics"}) table.allow(name);
  table.refuse_others();
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  for (TaskConfig& task : config.tasks)
    if (task.images.rfind("stimuli:", 0) != 0 && !task.images.empty() &&
        std::filesystem::path(task.images).is_relative())
      task.images = (folder / task.images).lexically_normal().string();
  try {
    check(config);
  } catch (const SettingError& error) {
    throw FileError(path, detail::line_of(root, error.place()) + error.problem());
  }
  return config;
}

}  // namespace fusiform
