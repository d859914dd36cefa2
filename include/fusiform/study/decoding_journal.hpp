#pragma once
/// Decodings on disk: one line per task and layer, so that a killed study goes on with the next layer.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/analysis/decoding.hpp>
#include <fusiform/analysis/matching.hpp>
#include <fusiform/io/json_lines.hpp>

namespace fusiform {

/// What was read from one layer about the held-out classes of one task. Numbers with intervals are computed from it.
struct StoredDecoding {
  std::string task;
  std::string layer;
  Index depth = 0;                   ///< the layer's position in the net
  std::vector<Index> labels;         ///< class of each image
  std::vector<Index> predicted;      ///< class that was predicted when the image was left out
  std::vector<double> match_scores;  ///< of each image as target: share of its triplets that are right

  [[nodiscard]] std::vector<double> correct() const {
    std::vector<double> scores;
    for (std::size_t i = 0; i < labels.size(); ++i) scores.push_back(predicted[i] == labels[i] ? 1 : 0);
    return scores;
  }
};

[[nodiscard]] inline nlohmann::ordered_json to_json(const StoredDecoding& decoding) {
  return {{"task", decoding.task},     {"layer", decoding.layer},         {"depth", decoding.depth},
          {"labels", decoding.labels}, {"predicted", decoding.predicted}, {"match_scores", decoding.match_scores}};
}

/// None if there is no journal. Throws FileError that names the line if one cannot be understood.
[[nodiscard]] inline std::vector<StoredDecoding> read_decodings(const std::string& path) {
  std::vector<StoredDecoding> decodings;
  if (!std::filesystem::exists(path)) return decodings;
  for (const std::string& line : read_json_lines(path).lines) {
    const std::size_t number = decodings.size() + 1;
    StoredDecoding decoding;
    try {
      const auto record = nlohmann::json::parse(line);
      record.at("task").get_to(decoding.task);
      record.at("layer").get_to(decoding.layer);
      record.at("depth").get_to(decoding.depth);
      record.at("labels").get_to(decoding.labels);
      record.at("predicted").get_to(decoding.predicted);
      record.at("match_scores").get_to(decoding.match_scores);
    } catch (const nlohmann::json::exception& problem) {
      throw FileError(path, text("line ", number, ": expected one decoding: ", problem.what()));
    }
    const std::size_t images = decoding.labels.size();
    if (images == 0 || decoding.predicted.size() != images || decoding.match_scores.size() != images)
      throw FileError(path, text("line ", number, ": expected as many predictions and match scores as labels, found ",
                                 decoding.predicted.size(), " and ", decoding.match_scores.size(), " for ", images));
    decodings.push_back(std::move(decoding));
  }
  return decodings;
}

}  // namespace fusiform
