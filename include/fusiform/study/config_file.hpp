#pragma once
/// Reads a study file (TOML). Unknown keys, wrong types and impossible values are errors that name file and line.

#include <filesystem>
#include <string>
#include <string_view>
#include <toml++/toml.h>

#include <fusiform/core/error.hpp>
#include <fusiform/study/config.hpp>
#include <fusiform/study/config_check.hpp>
#include <fusiform/study/config_table.hpp>

namespace fusiform {

namespace detail {

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
  table.read("inverted", task.inverted);
  table.read("one_category", task.one_category);
  table.read("held_out_classes", task.held_out_classes);
  table.read("classes_of", task.classes_of);
  table.read("groups", task.groups);
  table.refuse_others();
  return task;
}

inline void read_section(ConfigTable table, NetConfig& net) {
  table.read("tasks", net.tasks);
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
  table.read("init_from", train.init_from);
  table.read("reset_head", train.reset_head);
  table.read("freeze", train.freeze);
  table.read("learning_rates", train.learning_rates);
  table.read("precision", train.precision);
  table.read("snapshots", train.snapshots);
  table.refuse_others();
}

inline void read_section(ConfigTable table, DecodeConfig& decode) {
  table.read("layers", decode.layers);
  table.read("images_per_class", decode.images_per_class);
  table.read("folds", decode.folds);
  table.read("c", decode.c);
  table.read("max_features", decode.max_features);
  table.refuse_others();
}

inline void read_section(ConfigTable table, AttributeConfig& attribute) {
  table.read("images", attribute.images);
  table.read("conductance_steps", attribute.conductance_steps);
  table.refuse_others();
}

inline void read_section(ConfigTable table, LesionConfig& lesion) {
  table.read("layers", lesion.layers);
  table.read("fraction", lesion.fraction);
  table.read("group", lesion.group);
  table.read("images", lesion.images);
  table.read("selection", lesion.selection);
  table.read("kind", lesion.kind);
  table.read("scale", lesion.scale);
  table.read("keep_only", lesion.keep_only);
  table.read("fractions", lesion.fractions);
  table.read("random_lesions", lesion.random_lesions);
  table.read("random_classes", lesion.random_classes);
  table.read("pairs", lesion.pairs);
  table.read("audit", lesion.audit);
  table.read("memory_mib", lesion.memory_mib);
  table.read("racing", lesion.racing);
  table.read("delta", lesion.delta);
  table.read("epsilon", lesion.epsilon);
  table.read("race_audit", lesion.race_audit);
  table.refuse_others();
}

inline void read_section(ConfigTable table, StatisticsConfig& statistics) {
  table.read("replicates", statistics.replicates);
  table.read("level", statistics.level);
  table.read("interval", statistics.interval);
  table.read("matched_accuracy", statistics.matched_accuracy);
  table.refuse_others();
}

template <class Settings>
void ConfigTable::read_section(std::string_view name, Settings& settings) {
  known_.insert(std::string(name));
  const toml::node* node = table_.get(name);
  if (node == nullptr) return;
  if (!node->is_table()) fail(*node, text("expected a section [", name, "]"));
  detail::read_section(ConfigTable(*node->as_table(), file_, text("[", name, "]")), settings);
}

/// Reads the sections of one net out of the file itself or out of a [[variant]].
inline void read_net_settings(ConfigTable& table, NetSettings& settings) {
  table.read("analyses", settings.analyses);
  table.read_section("net", settings.net);
  table.read_section("train", settings.train);
  table.read_section("decode", settings.decode);
  table.read_section("lesion", settings.lesion);
  table.read_section("attribute", settings.attribute);
}

/// What a variant does not say is as in the main net; but it starts from random weights unless it says otherwise.
inline VariantConfig read_variant(ConfigTable table, const NetSettings& main) {
  VariantConfig variant;
  static_cast<NetSettings&>(variant) = main;
  variant.train.snapshots.clear();
  table.read("name", variant.name);
  table.read("seeds", variant.seeds);
  read_net_settings(table, variant);
  table.refuse_others();
  return variant;
}

/// The line of a setting, or of its section if it is not written down; nothing if there is neither.
[[nodiscard]] inline std::string line_of(const toml::table& root, const SettingPlace& place) {
  const toml::node* above = &root;
  const auto descend = [&](const std::string& name) {
    const toml::node* below = above->is_table() ? above->as_table()->get(name) : nullptr;
    if (below != nullptr && below->is_array()) below = below->as_array()->get(place.entry);
    if (below != nullptr && below->is_table()) above = below;
    return below != nullptr;
  };
  if (!place.variant.empty()) descend("variant");
  if (!place.section.empty() && !descend(place.section) && place.variant.empty()) return {};
  const toml::node* setting = above->as_table()->get(place.key);
  if (setting == nullptr && above == &root) return {};
  return text("line ", (setting != nullptr ? setting : above)->source().begin.line, ": ");
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
  detail::read_net_settings(table, config);
  table.read_section("statistics", config.statistics);
  table.for_each("task", [&](detail::ConfigTable task) { config.tasks.push_back(detail::read_task(std::move(task))); });
  table.for_each("variant", [&](detail::ConfigTable variant) {
    config.variants.push_back(detail::read_variant(std::move(variant), config));
  });
  table.refuse_others();
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  for (TaskConfig& task : config.tasks)
    if (task.images.rfind("stimuli:", 0) != 0 && !task.images.empty() &&
        std::filesystem::path(task.images).is_relative())
      task.images = (folder / task.images).lexically_normal().string();
  const auto weights_beside_file = [&](TrainConfig& train) {
    if (names_weights_file(train.init_from)) train.init_from = (folder / train.init_from).lexically_normal().string();
  };
  weights_beside_file(config.train);
  for (VariantConfig& variant : config.variants) weights_beside_file(variant.train);
  add_snapshots(config);
  try {
    check(config);
  } catch (const SettingError& error) {
    throw FileError(path, detail::line_of(root, error.place()) + error.problem());
  }
  return config;
}

}  // namespace fusiform
