#pragma once
/// Rankings on disk: one line per finished iteration, so that a killed ranking goes on where it was.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include <fusiform/analysis/ranking.hpp>
#include <fusiform/io/json_lines.hpp>

namespace fusiform {

/// Everything there is to know about one iteration.
[[nodiscard]] inline nlohmann::ordered_json to_json(const RankingIteration& iteration) {
  return {{"base_loss", iteration.base_loss},   {"selected", iteration.selection.units},
          {"gap", iteration.selection.gap},     {"tied_at_cut", iteration.selection.tied_at_cut},
          {"candidates", iteration.candidates}, {"losses", iteration.losses},
          {"accuracies", iteration.accuracies}};
}

/// Reads the finished iterations of a ranking; an empty ranking if there is no journal. Throws FileError that names
/// the line if one cannot be understood.
[[nodiscard]] inline Ranking read_ranking(const std::string& path) {
  Ranking ranking;
  if (!std::filesystem::exists(path)) return ranking;
  Index line = 0;
  for (const std::string& json : read_json_lines(path).lines) {
    ++line;
    try {
      const auto record = nlohmann::json::parse(json);
      RankingIteration iteration;
      record.at("base_loss").get_to(iteration.base_loss);
      record.at("candidates").get_to(iteration.candidates);
      record.at("losses").get_to(iteration.losses);
      record.at("accuracies").get_to(iteration.accuracies);
      record.at("selected").get_to(iteration.selection.units);
      record.at("tied_at_cut").get_to(iteration.selection.tied_at_cut);
      if (!record.at("gap").is_null()) record.at("gap").get_to(iteration.selection.gap);
      ranking.layer_units = static_cast<Index>(iteration.candidates.size() + ranking.units.size());
      ranking.append(std::move(iteration));
    } catch (const nlohmann::json::exception& problem) {
      throw FileError(path, text("line ", line, ": expected one iteration of a ranking: ", problem.what()));
    }
  }
  return ranking;
}

}  // namespace fusiform
