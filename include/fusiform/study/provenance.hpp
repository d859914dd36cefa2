#pragma once
/// With what a result was made.

#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include <fusiform/core/parallel.hpp>
#include <fusiform/study/config.hpp>
#include <fusiform/version.hpp>

namespace fusiform {

/// `[lesion]`. What only races have is there if there are races: exact rankings are bound to the same settings as ever.
[[nodiscard]] inline nlohmann::ordered_json lesion_settings_json(const LesionConfig& lesion) {
  nlohmann::ordered_json json{{"layers", lesion.layers},
                              {"fraction", lesion.fraction},
                              {"group", lesion.group},
                              {"images", lesion.images},
                              {"selection", lesion.selection},
                              {"kind", lesion.kind},
                              {"scale", lesion.scale},
                              {"keep_only", lesion.keep_only},
                              {"fractions", lesion.fractions},
                              {"random_lesions", lesion.random_lesions},
                              {"random_classes", lesion.random_classes},
                              {"pairs", lesion.pairs},
                              {"audit", lesion.audit}};
  if (lesion.racing)
    json.update(
        {{"racing", true}, {"delta", lesion.delta}, {"epsilon", lesion.epsilon}, {"race_audit", lesion.race_audit}});
  return json;
}

/// `[train]`. The precision is there unless it is the usual one: folders are bound to the same settings as ever.
[[nodiscard]] inline nlohmann::ordered_json train_settings_json(const NetSettings& settings) {
  const TrainConfig& train = settings.train;
  nlohmann::ordered_json json{{"epochs", train.epochs},
                              {"batch", train.batch},
                              {"optimizer", train.optimizer},
                              {"learning_rate", train.learning_rate},
                              {"momentum", train.momentum},
                              {"weight_decay", train.weight_decay},
                              {"schedule", train.schedule},
                              {"step_size", train.step_size},
                              {"patience", train.patience},
                              {"factor", train.factor},
                              {"resize", settings.resize()},
                              {"grayscale", train.grayscale},
                              {"flip", train.flip},
                              {"init_from", train.init_from},
                              {"reset_head", train.reset_head},
                              {"freeze", train.freeze},
                              {"learning_rates", train.learning_rates},
                              {"snapshots", train.snapshots}};
  if (train.precision != "float") json["precision"] = train.precision;
  return json;
}

/// The sections of one net.
[[nodiscard]] inline nlohmann::ordered_json net_settings_json(const NetSettings& settings) {
  const auto& [net, train, analyses, decode, lesion, attribute] = settings;
  return {{"net",
           {{"tasks", net.tasks},
            {"arch", net.arch},
            {"input", net.input},
            {"branch_after", net.branch_after},
            {"dropout", net.dropout}}},
          {"train", train_settings_json(settings)},
          {"analyses", analyses},
          {"decode",
           {{"layers", decode.layers},
            {"images_per_class", decode.images_per_class},
            {"folds", decode.folds},
            {"c", decode.c},
            {"max_features", decode.max_features}}},
          {"lesion", lesion_settings_json(lesion)},
          {"attribute", {{"images", attribute.images}, {"conductance_steps", attribute.conductance_steps}}}};
}

/// All settings of a study, defaults included.
[[nodiscard]] inline nlohmann::ordered_json to_json(const StudyConfig& config) {
  nlohmann::ordered_json json{{"name", config.name}, {"seeds", config.seeds}};
  for (const TaskConfig& task : config.tasks) {
    json["task"].push_back({{"name", task.name},
                            {"images", task.images},
                            {"format", task.format},
                            {"classes", task.classes},
                            {"class_prefix", task.class_prefix},
                            {"min_images", task.min_images},
                            {"train_per_class", task.train_per_class},
                            {"test_per_class", task.test_per_class},
                            {"test_fraction", task.test_fraction},
                            {"inverted", task.inverted},
                            {"one_category", task.one_category},
                            {"held_out_classes", task.held_out_classes},
                            {"classes_of", task.classes_of}});
    if (!task.groups.empty()) json["task"].back()["groups"] = task.groups;
  }
  json.update(net_settings_json(config));
  const auto& [replicates, level, interval, matched_accuracy] = config.statistics;
  json["statistics"] = {
      {"replicates", replicates}, {"level", level}, {"interval", interval}, {"matched_accuracy", matched_accuracy}};
  json["variants"] = nlohmann::ordered_json::object();
  for (const VariantConfig& variant : config.variants) {
    json["variants"][variant.name] = net_settings_json(variant);
    json["variants"][variant.name]["seeds"] = variant.seeds;
  }
  return json;
}

/// Program and compiler: what is the same for every run of one build on one machine; and the device, if it is the CPU.
[[nodiscard]] inline nlohmann::ordered_json build_provenance() {
  return {
    {"program", std::string("fusiform ") + version},
#if defined(__clang__)
        {"compiler", "clang " __clang_version__},
#else
        {"compiler", "g++ " __VERSION__},
#endif
#if defined(__AVX512F__)
        {"vectors", "AVX-512"},
#elif defined(__AVX2__)
        {"vectors", "AVX2"},
#else
        {"vectors", "portable"},
#endif
    {
      "device", "cpu"
    }
  };
}

/// The time now, in UTC: "2026-01-31T12:00:00Z".
[[nodiscard]] inline std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return buffer;
}

}  // namespace fusiform
