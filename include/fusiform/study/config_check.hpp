#pragma once
/// Which settings of a study are possible.

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/study/config.hpp>
#include <fusiform/study/setting_check.hpp>

namespace fusiform {

namespace detail {

inline void check_train(const NetSettings& settings, const NetPlace& place) {
  const SectionCheck check("train", place.entry, place.variant);
  const TrainConfig& train = settings.train;
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
  check.require(settings.resize() >= settings.net.input, "resize",
                text("at least the net's input, ", settings.net.input), train.resize);
  check.probability("grayscale", train.grayscale);
  check.probability("flip", train.flip);
  check.one_of("precision", train.precision, {"float", "bf16x2", "bf16"});
  check.all_different("freeze", train.freeze);
  for (const auto& [layer, factor] : train.learning_rates)
    check.require(factor > 0 && std::isfinite(factor), "learning_rates", text("a factor above 0 for '", layer, "'"),
                  factor);
}

inline void check_lesion(const LesionConfig& lesion, const NetPlace& place) {
  const SectionCheck check("lesion", place.entry, place.variant);
  check.all_different("layers", lesion.layers);
  check.probability("fraction", lesion.fraction);
  check.probability("group", lesion.group);
  check.at_least("images", lesion.images, 1);
  check.one_of("selection", lesion.selection, {"stratified", "first"});
  check.one_of("kind", lesion.kind, {"zero", "weights", "mean", "resample", "scale"});
  check.require(std::isfinite(lesion.scale), "scale", "a finite number", lesion.scale);
  for (const double fraction : lesion.fractions) check.probability("fractions", fraction);
  check.all_different("fractions", lesion.fractions);
  check.at_least("random_lesions", lesion.random_lesions, 0);
  check.at_least("random_classes", lesion.random_classes, 0);
  check.at_least("pairs", lesion.pairs, 0);
  check.probability("audit", lesion.audit);
  check.at_least("memory_mib", lesion.memory_mib, 1);
  check.require(lesion.delta > 0 && lesion.delta < 1, "delta", "a risk between 0 and 1", lesion.delta);
  check.require(lesion.epsilon >= 0 && std::isfinite(lesion.epsilon), "epsilon", "at least 0 nats", lesion.epsilon);
  check.probability("race_audit", lesion.race_audit);
}

/// A task that is judged as another one has no other purpose.
inline void check_classes_of(const StudyConfig& config, std::size_t entry) {
  const SectionCheck check("task", entry);
  const TaskConfig& task = config.tasks[entry];
  if (task.classes_of.empty()) return;
  const auto is_named = [&](const TaskConfig& other) {
    return other.name == task.classes_of && other.name != task.name && other.classes_of.empty();
  };
  check.require(std::any_of(config.tasks.begin(), config.tasks.end(), is_named), "classes_of",
                "the name of a task that nets are trained on", "'" + task.classes_of + "'");
  check.require(!task.one_category && task.held_out_classes == 0, "classes_of",
                "neither one_category nor held_out_classes beside it", "both");
}

inline void check_groups(const TaskConfig& task, std::size_t entry) {
  const SectionCheck check("task", entry);
  for (const auto& [group, patterns] : task.groups) {
    check.require(!patterns.empty(), "groups", text("classes in group '", group, "'"), "none");
    for (const std::string& pattern : patterns)
      check.require(!pattern.empty() && pattern.find('*') >= pattern.size() - 1, "groups",
                    "names of classes, or beginnings of names with one '*' behind them", "'" + pattern + "'");
  }
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
  check.at_least("held_out_classes", task.held_out_classes, 0);
  check_classes_of(config, entry);
  check_groups(task, entry);
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

/// Trained tasks of a net: known ones, each once.
inline void check_net_tasks(const StudyConfig& config, const NetSettings& settings, const NetPlace& place) {
  const SectionCheck check("net", place.entry, place.variant);
  check.all_different("tasks", settings.net.tasks);
  for (const std::string& name : settings.net.tasks)
    check.require(std::any_of(config.tasks.begin(), config.tasks.end(),
                              [&](const TaskConfig& task) { return task.name == name && task.classes_of.empty(); }),
                  "tasks", "names of tasks (without classes_of)", "'" + name + "'");
}

inline void check_net(const StudyConfig& config, const NetSettings& settings, const NetPlace& place) {
  const SectionCheck check("net", place.entry, place.variant);
  check_net_tasks(config, settings, place);
  check.require(!settings.net.arch.empty(), "arch", "an architecture or layer tokens", "none");
  check.at_least("input", settings.net.input, 1);
  check.require(settings.net.dropout >= 0 && settings.net.dropout < 1, "dropout", "0 <= p < 1", settings.net.dropout);
  const SectionCheck top("", place.entry, place.variant);
  for (const std::string& analysis : settings.analyses)
    top.one_of("analyses", analysis, {"decode", "lesion", "attribute", "similarity"});
  top.all_different("analyses", settings.analyses);
  check_train(settings, place);
  check_lesion(settings.lesion, place);
  const SectionCheck decode("decode", place.entry, place.variant);
  decode.all_different("layers", settings.decode.layers);
  decode.at_least("images_per_class", settings.decode.images_per_class, 2);
  decode.require(settings.decode.folds == 0 || settings.decode.folds >= 2, "folds", "0 (leave one out) or 2 and more",
                 settings.decode.folds);
  decode.require(settings.decode.c > 0 && std::isfinite(settings.decode.c), "c", "more than 0", settings.decode.c);
  decode.at_least("max_features", settings.decode.max_features, 1);
  const SectionCheck attribute("attribute", place.entry, place.variant);
  attribute.at_least("images", settings.attribute.images, 1);
  attribute.at_least("conductance_steps", settings.attribute.conductance_steps, 1);
}

/// A net can start from the main one or from a variant above it, with the same seed, or from a file.
inline void check_init_from(const StudyConfig& config, std::size_t entry) {
  const VariantConfig& variant = config.variants[entry];
  const std::string& from = variant.train.init_from;
  if (from.empty() || names_weights_file(from)) return;
  const SectionCheck check("train", entry, variant.name);
  const std::vector<std::uint64_t>* seeds = from == "main" ? &config.seeds : nullptr;
  for (std::size_t above = 0; above < entry; ++above)
    if (config.variants[above].name == from)
      seeds = config.variants[above].seeds.empty() ? &config.seeds : &config.variants[above].seeds;
  check.require(seeds != nullptr, "init_from", "'main', a variant further up or a file of weights", "'" + from + "'");
  for (const std::uint64_t seed : variant.seeds.empty() ? config.seeds : variant.seeds)
    check.require(std::find(seeds->begin(), seeds->end(), seed) != seeds->end(), "init_from",
                  text("'", from, "' to be trained with seed ", seed), "none of that seed");
}

/// Of the main net, before its last epoch; a variant of a snapshot's name is that snapshot.
inline void check_snapshots(const StudyConfig& config) {
  const SectionCheck check("train");
  check.all_different("snapshots", config.train.snapshots);
  for (const Index epochs : config.train.snapshots) {
    check.require(epochs >= 0 && epochs < config.train.epochs, "snapshots",
                  text("numbers of epochs from 0 to below the ", config.train.epochs, " of the training"), epochs);
    const auto is_variant = [&](const VariantConfig& variant) { return variant.name == snapshot_name(epochs); };
    check.require(std::any_of(config.variants.begin(), config.variants.end(), is_variant), "snapshots",
                  "a variant for each (add_snapshots)", text("none for ", epochs));
    for (const VariantConfig& variant : config.variants)
      check.require(
          variant.name != snapshot_name(epochs) || (variant.train.epochs == epochs && is_on_the_way(variant, config)),
          "snapshots", "no variant of other settings with a snapshot's name", "'" + variant.name + "'");
  }
}

inline void check_variant(const StudyConfig& config, std::size_t entry) {
  const SectionCheck check("variant", entry);
  const VariantConfig& variant = config.variants[entry];
  check.require(!variant.name.empty() && variant.name != "main", "name", "a name other than 'main'",
                "'" + variant.name + "'");
  for (std::size_t other = 0; other < entry; ++other)
    check.require(config.variants[other].name != variant.name, "name", "another name for each variant",
                  "'" + variant.name + "' twice");
  check.all_different("seeds", variant.seeds);
  check.require(variant.resize() == config.resize(), "train.resize",
                text("the main net's ", config.resize(), ": all nets of a study read the same images"),
                variant.resize());
  SectionCheck("train", entry, variant.name)
      .require(variant.train.snapshots.empty(), "snapshots", "them in the main net's [train] only",
               text(variant.train.snapshots.size(), " in a variant"));
  check_net(config, variant, {entry, variant.name});
  check_init_from(config, entry);
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
  detail::check_net(config, config, {});
  const std::string& from = config.train.init_from;
  detail::SectionCheck("train").require(from.empty() || names_weights_file(from), "init_from",
                                        "a file of weights (the main net is trained first)", "'" + from + "'");
  detail::check_snapshots(config);
  for (std::size_t entry = 0; entry < config.variants.size(); ++entry) detail::check_variant(config, entry);
  const detail::SectionCheck statistics("statistics");
  statistics.at_least("replicates", config.statistics.replicates, 100);
  statistics.require(config.statistics.level > 0 && config.statistics.level < 1, "level", "0 < level < 1",
                     config.statistics.level);
  statistics.one_of("interval", config.statistics.interval, {"percentile", "bca"});
  statistics.require(config.statistics.matched_accuracy >= 0 && config.statistics.matched_accuracy < 1,
                     "matched_accuracy", "0 <= matched_accuracy < 1", config.statistics.matched_accuracy);
}

}  // namespace fusiform
