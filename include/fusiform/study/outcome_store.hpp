#pragma once
/// Per-image outcomes of all lesions of one layer, on disk: every later number is computed from these.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/analysis/effects.hpp>
#include <fusiform/io/format.hpp>
#include <fusiform/io/safetensors.hpp>

namespace fusiform {

/// The lesions of one layer and what they did to each task.
struct LayerEffects {
  std::string layer;
  Index units = 0;  ///< of the layer
  std::vector<PlannedLesion> lesions;
  std::vector<TaskEffects<float>> tasks;

  /// Position of a lesion (not of an inverse one) in `lesions`; nothing if it was not available. Fractions are compared
  /// as written.
  [[nodiscard]] std::optional<std::size_t> find(const std::string& origin, double fraction) const {
    for (std::size_t i = 0; i < lesions.size(); ++i)
      if (lesions[i].origin == origin && lesions[i].fraction == fraction && !lesions[i].keep_only) return i;
    return std::nullopt;
  }
};

/// Tensors "<task>.labels" (images), "<task>.losses", "<task>.correct", "<task>.in_top5" (lesions, images); the lesions
/// are listed in the metadata "lesions". Crash-safe. Throws FileError.
inline void write_effects(const std::string& path, const LayerEffects& effects) {
  SafetensorsWriter file;
  nlohmann::ordered_json lesions = nlohmann::ordered_json::array();
  for (const PlannedLesion& lesion : effects.lesions)
    lesions.push_back({{"origin", lesion.origin},
                       {"fraction", lesion.fraction},
                       {"repeat", lesion.repeat},
                       {"units", lesion.units},
                       {"keep_only", lesion.keep_only}});
  nlohmann::ordered_json tasks = nlohmann::ordered_json::array();
  for (const TaskEffects<float>& task : effects.tasks) tasks.push_back(task.task);
  file.set_metadata("layer", effects.layer);
  file.set_metadata("units", std::to_string(effects.units));
  file.set_metadata("lesions", lesions.dump());
  file.set_metadata("tasks", tasks.dump());
  for (const TaskEffects<float>& task : effects.tasks) {
    const auto images = static_cast<Index>(task.labels.size());
    std::vector<float> losses;
    std::vector<std::uint8_t> correct;
    std::vector<std::uint8_t> in_top5;
    for (const Outcomes<float>& outcomes : task.lesioned) {
      losses.insert(losses.end(), outcomes.losses.begin(), outcomes.losses.end());
      correct.insert(correct.end(), outcomes.correct.begin(), outcomes.correct.end());
      in_top5.insert(in_top5.end(), outcomes.in_top5.begin(), outcomes.in_top5.end());
    }
    const std::vector<Index> table{static_cast<Index>(task.lesioned.size()), images};
    file.add<Index>(task.task + ".labels", {images}, task.labels);
    file.add<float>(task.task + ".losses", table, losses);
    file.add<std::uint8_t>(task.task + ".correct", table, correct);
    file.add<std::uint8_t>(task.task + ".in_top5", table, in_top5);
  }
  file.write(path);
}

/// Throws FileError if the file is not what `write_effects` writes.
[[nodiscard]] inline LayerEffects read_effects(const std::string& path) {
  const SafetensorsFile file(path);
  const auto metadata = [&](const std::string& key) {
    const auto found = file.metadata().find(key);
    if (found == file.metadata().end()) throw FileError(path, "expected metadata '" + key + "', found none");
    return found->second;
  };
  LayerEffects effects;
  try {
    effects.layer = metadata("layer");
    const auto units = parse_number<Index>(metadata("units"));
    if (!units) throw FileError(path, "metadata 'units': expected a number, found '" + metadata("units") + "'");
    effects.units = *units;
    for (const auto& lesion : nlohmann::json::parse(metadata("lesions")))
      effects.lesions.push_back({lesion.at("origin").get<std::string>(), lesion.at("fraction").get<double>(),
                                 lesion.at("repeat").get<Index>(), lesion.at("units").get<std::vector<Index>>(),
                                 lesion.at("keep_only").get<bool>()});
    if (effects.lesions.empty() || !effects.lesions.front().units.empty())
      throw FileError(path, "expected the intact net as the first lesion");
    for (const auto& name : nlohmann::json::parse(metadata("tasks"))) {
      TaskEffects<float> task{name.get<std::string>(), file.read<Index>(name.get<std::string>() + ".labels"), {}};
      const auto losses = file.read<float>(task.task + ".losses");
      const auto correct = file.read<std::uint8_t>(task.task + ".correct");
      const auto in_top5 = file.read<std::uint8_t>(task.task + ".in_top5");
      const std::size_t images = task.labels.size();
      if (losses.size() != images * effects.lesions.size() || correct.size() != losses.size() ||
          in_top5.size() != losses.size())
        throw FileError(path, text("expected ", images * effects.lesions.size(), " outcomes of task '", task.task,
                                   "', found ", losses.size()));
      for (std::size_t lesion = 0; lesion < effects.lesions.size(); ++lesion) {
        Outcomes<float>& outcomes = task.lesioned.emplace_back(static_cast<Index>(images));
        std::copy_n(losses.data() + lesion * images, images, outcomes.losses.begin());
        std::copy_n(correct.data() + lesion * images, images, outcomes.correct.begin());
        std::copy_n(in_top5.data() + lesion * images, images, outcomes.in_top5.begin());
      }
      effects.tasks.push_back(std::move(task));
    }
  } catch (const nlohmann::json::exception& problem) {
    throw FileError(path, text("damaged list of lesions: ", problem.what()));
  }
  return effects;
}

}  // namespace fusiform
