#pragma once
/// The numbers of the decoded layers, computed from the stored predictions.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/decoding_journal.hpp>
#include <fusiform/study/interval_summary.hpp>

namespace fusiform::detail {

/// Of the resamples of one task's held-out images: the same for all layers and nets, so that they can be compared.
[[nodiscard]] inline Rng decoding_stream(const StudyContext& study, const std::string& task) {
  return Rng(study.config.seeds.front()).stream("bootstrap").stream("decoding " + task);
}

[[nodiscard]] inline Json summarize_decoding(const StudyContext& study, const StudyNet& net,
                                             const StoredDecoding& decoding) {
  const BootstrapOptions options = bootstrap_options(study.config.statistics);
  const HierarchicalBootstrap bootstrap(decoding.labels, decoding_stream(study, decoding.task));
  return {{"net", net.variant},
          {"seed", net.seed},
          {"task", decoding.task},
          {"layer", decoding.layer},
          {"depth", decoding.depth},
          {"classes", bootstrap.class_count()},
          {"images", decoding.labels.size()},
          {"chance", 1.0 / static_cast<double>(bootstrap.class_count())},
          {"accuracy", to_json(bootstrap_mean(bootstrap, decoding.correct(), options))},
          {"matching", to_json(bootstrap_mean(bootstrap, decoding.match_scores, options))}};
}

/// The decodings of one net.
using NetDecodings = std::pair<StudyNet, std::vector<StoredDecoding>>;

/// The deepest decoded layer of a task; nullptr if there is none.
[[nodiscard]] inline const StoredDecoding* deepest(const std::vector<StoredDecoding>& decodings,
                                                   const std::string& task) {
  const StoredDecoding* found = nullptr;
  for (const StoredDecoding& decoding : decodings)
    if (decoding.task == task && (found == nullptr || decoding.depth > found->depth)) found = &decoding;
  return found;
}

/// The deepest layers of two nets of one seed, on the same images, resampled together.
[[nodiscard]] inline Json compare_deepest(const StudyContext& study, const NetDecodings& first,
                                          const NetDecodings& second, const std::string& task) {
  const StoredDecoding* const a = deepest(first.second, task);
  const StoredDecoding* const b = deepest(second.second, task);
  if (a == nullptr || b == nullptr) return nullptr;
  const auto as_decoding = [](const StoredDecoding& stored) {
    const std::vector<double> correct = stored.correct();
    return Decoding{stored.layer, stored.labels, stored.predicted, {correct.begin(), correct.end()}};
  };
  const DecodingDifference difference = compare_decodings(
      as_decoding(*a), as_decoding(*b), decoding_stream(study, task), bootstrap_options(study.config.statistics));
  return {{"task", task},
          {"seed", first.first.seed},
          {"first", first.first.variant},
          {"second", second.first.variant},
          {"layer", a->layer},
          {"difference", to_json(difference.difference)},
          {"p", difference.p}};
}

/// All decodings of the study into "decoding", differences between its nets into "decoding_differences".
inline void summarize_decodings(const StudyContext& study, Json& summary) {
  summary["decoding"] = Json::array();
  summary["decoding_differences"] = Json::array();
  std::vector<NetDecodings> nets;
  std::vector<std::string> tasks;
  for (const StudyNet& net : study_nets(study.config)) {
    if (!net.settings->does("decode")) continue;
    nets.emplace_back(net, read_decodings(study.paths.decoding(net)));
    for (const StoredDecoding& decoding : nets.back().second) {
      summary["decoding"].push_back(summarize_decoding(study, net, decoding));
      if (std::find(tasks.begin(), tasks.end(), decoding.task) == tasks.end()) tasks.push_back(decoding.task);
    }
  }
  for (const std::string& task : tasks)
    for (std::size_t i = 0; i < nets.size(); ++i)
      for (std::size_t j = i + 1; j < nets.size(); ++j) {
        if (nets[i].first.seed != nets[j].first.seed) continue;
        Json difference = compare_deepest(study, nets[i], nets[j], task);
        if (!difference.is_null()) summary["decoding_differences"].push_back(std::move(difference));
      }
}

}  // namespace fusiform::detail
