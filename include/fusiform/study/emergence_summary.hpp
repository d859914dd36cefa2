#pragma once
/// How segregation arises over one training: the index and the accuracies of the main net's snapshots.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/study/config.hpp>
#include <fusiform/study/interval_summary.hpp>

namespace fusiform::detail {

/// The entry of a list that belongs to a net and, if `layer` is not empty, to a layer; none if there is none.
[[nodiscard]] inline const Json* entry_of(const Json& list, const std::string& net, const Json& seed,
                                          const std::string& layer = {}) {
  for (const Json& entry : list)
    if (entry.at("net") == net && entry.at("seed") == seed && (layer.empty() || entry.at("layer") == layer))
      return &entry;
  return nullptr;
}

/// One layer of a net of the study, after some epochs.
[[nodiscard]] inline Json emergence_point(const Json& net, const Json& layer) {
  const Json& segregation = layer.at("segregation");
  Json point{{"net", net.at("net")}, {"epochs", net.at("epochs")}};
  point["index"] = segregation.is_null() ? Json(nullptr) : segregation.at("index");
  point["p"] = segregation.is_null() ? Json(nullptr) : segregation.at("p");
  for (const Json& task : net.at("tasks"))
    point["top1"].push_back({{"task", task.at("name")}, {"top1", task.at("top1_interval")}});
  return point;
}

/// For each lesioned layer and seed of the main net its points, epochs ascending, the trained net last; from the
/// summary's "nets" and "layers". Empty without snapshots.
[[nodiscard]] inline Json summarize_emergence(const StudyConfig& config, const Json& summary) {
  Json result = Json::array();
  if (config.train.snapshots.empty()) return result;
  std::vector<Index> snapshots = config.train.snapshots;
  std::sort(snapshots.begin(), snapshots.end());
  std::vector<std::string> names;
  for (const Index epochs : snapshots) names.push_back(snapshot_name(epochs));
  names.emplace_back();  // the main net
  for (const Json& trained : summary.at("layers")) {
    if (!trained.at("net").get<std::string>().empty()) continue;
    Json points = Json::array();
    for (const std::string& name : names) {
      const Json* net = entry_of(summary.at("nets"), name, trained.at("seed"));
      const Json* layer =
          entry_of(summary.at("layers"), name, trained.at("seed"), trained.at("layer").get<std::string>());
      if (net != nullptr && layer != nullptr) points.push_back(emergence_point(*net, *layer));
    }
    result.push_back({{"layer", trained.at("layer")}, {"seed", trained.at("seed")}, {"points", std::move(points)}});
  }
  return result;
}

}  // namespace fusiform::detail
