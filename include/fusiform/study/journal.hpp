#pragma once
/// Rankings on disk: one line per finished iteration, so that a killed ranking goes on where it was.

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/analysis/ranking.hpp>
#include <fusiform/io/json_lines.hpp>

namespace fusiform {

/// Everything there is to know about one iteration. Of an exact one as ever; a race has an entry more.
[[nodiscard]] inline nlohmann::ordered_json to_json(const RankingIteration& iteration) {
  nlohmann::ordered_json json{{"base_loss", iteration.base_loss},   {"selected", iteration.selection.units},
                              {"gap", iteration.selection.gap},     {"tied_at_cut", iteration.selection.tied_at_cut},
                              {"candidates", iteration.candidates}, {"losses", iteration.losses},
                              {"accuracies", iteration.accuracies}};
  if (iteration.race)
    json["race"] = {{"list", iteration.race->list},
                    {"images", iteration.race->images},
                    {"cut_noise", iteration.race->cut_noise},
                    {"audited", iteration.race->audited},
                    {"missed", iteration.race->missed}};
  return json;
}

namespace detail {

/// Throws FileError unless there is one loss and one accuracy for each candidate, and candidates were selected.
inline void require_whole(const std::string& path, Index line, const RankingIteration& iteration) {
  const std::vector<Index>& candidates = iteration.candidates;
  const auto damaged = [&](const std::string& problem) { return FileError(path, text("line ", line, ": ", problem)); };
  for (const std::size_t count : {iteration.losses.size(), iteration.accuracies.size()})
    if (count != candidates.size())
      throw damaged(text("expected ", candidates.size(), " losses and accuracies, one per candidate, found ", count));
  if (iteration.race && iteration.race->images.size() != candidates.size())
    throw damaged(text("expected numbers of images for ", candidates.size(), " candidates of a race, found ",
                       iteration.race->images.size()));
  if (!std::is_sorted(candidates.begin(), candidates.end())) throw damaged("expected candidates in ascending order");
  if (iteration.selection.units.empty()) throw damaged("expected selected units, found none");
  for (const Index unit : iteration.selection.units)
    if (!std::binary_search(candidates.begin(), candidates.end(), unit))
      throw damaged(text("expected selected units among the candidates, found ", unit));
}

[[nodiscard]] inline std::optional<RaceRecord> race_record(const nlohmann::json& iteration) {
  if (!iteration.contains("race")) return std::nullopt;
  const nlohmann::json& json = iteration.at("race");
  RaceRecord race;
  json.at("list").get_to(race.list);
  json.at("images").get_to(race.images);
  if (!json.at("cut_noise").is_null()) json.at("cut_noise").get_to(race.cut_noise);
  json.at("audited").get_to(race.audited);
  json.at("missed").get_to(race.missed);
  return race;
}

}  // namespace detail

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
      iteration.race = detail::race_record(record);
      detail::require_whole(path, line, iteration);
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
