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

/// All settings of a study, defaults included.
[[nodiscard]] inline nlohmann::ordered_json to_json(const StudyConfig& config) {
  nlohmann::ordered_json json{{"name", config.name}, {"seeds", config.seeds}};
  for (const TaskConfig& task : config.tasks)
    json["task"].push_back({{"name", task.name},
                            {"images", task.images},
                            {"format", task.format},
                            {"classes", task.classes},
                            {"class_prefix", task.class_prefix},
                            {"min_images", task.min_images},
                            {"train_per_class", task.train_per_class},
                            {"test_per_class", task.test_per_class},
                            {"test_fraction", task.test_fraction}});
  json["net"] = {{"arch", config.net.arch},
                 {"input", config.net.input},
                 {"branch_after", config.net.branch_after},
                 {"dropout", config.net.dropout}};
  json["train"] = {{"epochs", config.train.epochs},
                   {"batch", config.train.batch},
                   {"optimizer", config.train.optimizer},
                   {"learning_rate", config.train.learning_rate},
                   {"momentum", config.train.momentum},
                   {"weight_decay", config.train.weight_decay},
                   {"schedule", config.train.schedule},
                   {"step_size", config.train.step_size},
                   {"patience", config.train.patience},
                   {"factor", config.train.factor},
                   {"resize", config.resize()},
                   {"grayscale", config.train.grayscale},
                   {"flip", config.train.flip}};
  json["lesion"] = {{"layers", config.lesion.layers},       {"fraction", config.lesion.fraction},
                    {"group", config.lesion.group},         {"images", config.lesion.images},
                    {"selection", config.lesion.selection}, {"kind", config.lesion.kind},
                    {"fractions", config.lesion.fractions}, {"random_lesions", config.lesion.random_lesions}};
  json["statistics"] = {{"replicates", config.statistics.replicates}, {"level", config.statistics.level}};
  return json;
}

/// Program, compiler and device: what is the same for every run of one build on one machine.
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
