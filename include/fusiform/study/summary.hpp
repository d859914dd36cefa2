#pragma once
/// The numbers of a study. Everything is computed from what its stages stored.

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/analysis/across_nets.hpp>
#include <fusiform/io/file.hpp>
#include <fusiform/study/attribution_summary.hpp>
#include <fusiform/study/decoding_summary.hpp>
#include <fusiform/study/emergence_summary.hpp>
#include <fusiform/study/layer_summary.hpp>
#include <fusiform/study/pair_summary.hpp>
#include <fusiform/study/provenance.hpp>
#include <fusiform/study/training.hpp>

namespace fusiform {

namespace detail {

/// Accuracies of one net on the test images of its tasks.
[[nodiscard]] inline Json summarize_net(const StudyContext& study, const ImagePack& pack, const StudyNet& net) {
  const LayerEffects intact = read_effects(study.paths.intact(net));
  const BootstrapOptions options = bootstrap_options(study.config.statistics);
  const NetConfig& described = net.settings->net;
  Json tasks = Json::array();
  const std::vector<NetTask> judged = net_tasks(study, net, pack);
  for (std::size_t t = 0; t < judged.size(); ++t) {
    const TaskEffects<float>& task = intact.tasks[t];
    const Outcomes<float>& outcomes = task.lesioned.front();
    const HierarchicalBootstrap bootstrap(task.labels, Rng(net.seed).stream("bootstrap").stream("intact").stream(t));
    const std::vector<double> correct(outcomes.correct.begin(), outcomes.correct.end());
    tasks.push_back({{"name", task.task},
                     {"trained_as", judged[t].trained_as},
                     {"images", outcomes.count()},
                     {"classes", judged[t].classes},
                     {"chance_top1", 1.0 / static_cast<double>(classes_to_tell_apart(described, judged, judged[t]))},
                     {"top1", outcomes.top1()},
                     {"top1_interval", to_json(bootstrap_mean(bootstrap, correct, options))},
                     {"top5", outcomes.top5()},
                     {"mean_loss", outcomes.mean_loss()}});
  }
  Json entry{
      {"net", net.variant}, {"seed", net.seed}, {"arch", described.arch}, {"epochs", net.settings->train.epochs}};
  entry["trained_tasks"] = names_of(ranked_tasks(judged));
  entry["branch_after"] = described.branch_after;
  entry["shared_layers"] = nullptr;
  if (net_heads(described, judged).size() > 1) {
    const NetworkPlan plan = net_plan(described, judged);
    entry["shared_layers"] = std::count_if(plan.layers.begin(), plan.layers.end(), [&](const PlannedLayer& layer) {
      return std::none_of(judged.begin(), judged.end(),
                          [&](const NetTask& task) { return layer.name.starts_with(task.task + "."); });
    });
  }
  entry["tasks"] = std::move(tasks);
  return entry;
}

/// Each task of the images, with its accuracy in the main nets that are judged on it.
[[nodiscard]] inline Json summarize_task(const ImagePack& pack, const std::string& task, const Json& nets) {
  std::vector<double> top1;
  std::vector<double> top5;
  double chance = undefined;  // of guesses; no net's if only variants are judged on the task
  for (const Json& net : nets)
    for (const Json& score : net["tasks"])
      if (net["net"].get<std::string>().empty() && score["name"] == task) {
        top1.push_back(score["top1"].get<double>());
        top5.push_back(score["top5"].get<double>());
        chance = score["chance_top1"].get<double>();
      }
  return {{"name", task},
          {"classes", pack.manifest().class_count(task)},
          {"train_images", pack.select(task, Split::train).size()},
          {"test_images", pack.select(task, Split::test).size()},
          {"chance_top1", chance},
          {"top1", mean(top1)},
          {"top5", mean(top5)}};
}

/// The index over seeds: nets are the sample. The bootstrap's standard error of each is what lies within a net.
[[nodiscard]] inline Json summarize_seeds(const Json& layers, double level) {
  Json result = Json::array();
  for (const Json& layer : layers) {
    const auto known = [&](const Json& entry) {
      return entry["net"] == layer["net"] && entry["layer"] == layer["layer"];
    };
    if (std::any_of(result.begin(), result.end(), known)) continue;
    std::vector<Interval> indices;
    for (const Json& other : layers) {
      if (!known(other) || other["segregation"].is_null() || other["segregation"]["index"].is_null()) continue;
      const Json& index = other["segregation"]["index"];
      indices.push_back({.estimate = index["estimate"].get<double>(), .deviation = index["sd"].get<double>()});
    }
    const AcrossNets across = across_nets(indices, {.level = level});
    Json mixed = nullptr;
    if (across.mixed.reason.empty() && across.nets > 1)
      mixed = {{"estimate", across.mixed.estimate},
               {"low", across.mixed.low},
               {"high", across.mixed.high},
               {"p", across.mixed.p},
               {"between_variance", across.mixed.between_variance},
               {"within_variance", across.mixed.within_variance}};
    result.push_back({{"net", layer["net"]},
                      {"layer", layer["layer"]},
                      {"nets", indices.size()},
                      {"mean_index", across.mean},
                      {"sd_index", across.deviation},
                      {"mixed", std::move(mixed)},
                      {"sign_flip_p", across.sign_flip_p}});
  }
  return result;
}

/// Layer by layer into "layers", "attribution", "unit_preferences" and "pairs"; single classes into a table of their
/// own.
inline void summarize_layers(const StudyContext& study, const ImagePack& pack, const StudyNet& net, Json& summary) {
  const StudyNetwork network = build<float, Cpu>(net_plan(net.settings->net, net_tasks(study, net, pack)));
  std::optional<CsvWriter> class_effects;
  if (net.settings->does("lesion")) class_effects.emplace(study.paths.class_effects(net), class_effects_columns);
  for (const std::string& layer : lesioned_layers(net.settings->lesion, network)) {
    if (class_effects) {
      summary["layers"].push_back(summarize_layer(study, pack, net, layer, *class_effects));
      summarize_pairs(study, pack, net, layer, summary["pairs"]);
    }
    if (net.settings->does("attribute")) summarize_attributions(study, pack, net, layer, summary);
  }
  if (class_effects) class_effects->commit();
}

}  // namespace detail

/// All results of a study whose stages are done. The same results give the same text.
[[nodiscard]] inline nlohmann::ordered_json summarize(StudyContext& study, const ImagePack& pack) {
  using detail::Json;
  study.progress.start("statistics", "layers");
  Json summary{{"name", study.config.name},
               {"level", study.config.statistics.level},
               {"replicates", study.config.statistics.replicates},
               {"interval", study.config.statistics.interval},
               {"headline_fraction", headline_fraction(study.config.lesion)}};
  summary["nets"] = Json::array();
  for (const char* list : {"layers", "attribution", "unit_preferences", "pairs"}) summary[list] = Json::array();
  for (const StudyNet& net : study_nets(study.config)) {
    summary["nets"].push_back(detail::summarize_net(study, pack, net));
    if (net.settings->lesions_layers()) detail::summarize_layers(study, pack, net, summary);
  }
  for (const std::string& task : pack.tasks())
    summary["tasks"].push_back(detail::summarize_task(pack, task, summary["nets"]));
  summary["across_seeds"] = detail::summarize_seeds(summary["layers"], study.config.statistics.level);
  detail::correct_over_layers(summary["layers"], "segregation", {"net", "seed"});
  detail::correct_over_layers(summary["across_seeds"], "mixed", {"net"});
  summary["emergence"] = detail::summarize_emergence(study.config, summary);
  detail::summarize_decodings(study, summary);
  if (std::filesystem::exists(study.paths.similarity()))
    summary["similarity"] = Json::parse(read_file(study.paths.similarity()));
  Json provenance = build_provenance();
  provenance["device"] = device_of(study).description();
  provenance["seeds"] = study.config.seeds;
  provenance["images"] = pack.hash();
  provenance["images_left_out"] = pack.left_out();
  summary["provenance"] = std::move(provenance);
  study.progress.finish(text(summary["layers"].size(), " layers, ", study.config.statistics.replicates, " replicates"));
  return summary;
}

}  // namespace fusiform
