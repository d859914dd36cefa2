/// fusiform records: read and write the record files of the published lesion scripts.

#include "cmake/own_study/records.hpp"

#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include <fusiform/core/parallel.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/report/table.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/paths.hpp>

#include "commands.hpp"

namespace {

using fusiform::Index;
using Json = nlohmann::ordered_json;

Json interval_json(const fusiform::Interval& interval) {
  return {{"estimate", interval.estimate}, {"low", interval.low}, {"high", interval.high}};  // NaN becomes null
}

std::string interval_text(const fusiform::Interval& interval) {
  return fusiform::interval_text(interval.estimate, {interval.low, interval.high});
}

struct ImportCommand {
  std::string folder;
  std::optional<std::string> version;
  Index layer_units = 0;
  double fraction = 0.2;
  Index replicates = 10'000;
  std::uint64_t seed = 0;
  int threads = 0;
  bool json = false;

  [[nodiscard]] Json summary(const fusiform::AuthorRecords& records) const {
    Json result{{"folder", folder}, {"version", records.version}, {"settings", records.settings}};
    for (const fusiform::RecordedRanking& ranking : records.rankings) {
      if (ranking.random()) continue;
      result["rankings"].push_back({{"layer", ranking.layer},
                                    {"sort_task", ranking.sort_task},
                                    {"complete", ranking.complete},
                                    {"layer_units", ranking.ranking.layer_units},
                                    {"selected", ranking.ranking.units},
                                    {"iterations", ranking.ranking.iterations.size()},
                                    {"iterations_by_the_rule", fusiform::iterations_by_the_rule(ranking.ranking)}});
    }
    result["notes"] = records.notes;
    for (const Index layer : fusiform::recorded_layers(records)) {
      if (fusiform::recorded_tasks(records, layer).empty()) continue;
      const fusiform::RecordedSegregation measures = fusiform::own::recorded_segregation(
          records, layer, fraction, fusiform::Rng(seed).stream("bootstrap").stream(static_cast<std::uint64_t>(layer)),
          {.replicates = replicates});
      result["layers"].push_back(layer_json(measures));
      for (const std::string& note : measures.notes) result["notes"].push_back(note);
    }
    return result;
  }

  static Json layer_json(const fusiform::RecordedSegregation& measures) {
    Json layer{{"layer", measures.layer}, {"fraction", measures.fraction}};
    for (std::size_t t = 0; t < measures.tasks.size(); ++t)
      for (std::size_t s = 0; s < measures.tasks.size(); ++s)
        layer["drops"].push_back({{"task", measures.tasks[t]},
                                  {"sort_task", measures.tasks[s]},
                                  {"base", measures.base[t][s]},
                                  {"drop", interval_json(measures.drop[t][s])}});
    const auto& intervals = measures.intervals;
    for (std::size_t s = 0; s < measures.specificity.size(); ++s) {
      fusiform::Interval specificity{.estimate = measures.specificity[s]};
      if (intervals) specificity = intervals->specificity[s];
      layer["specificity"].push_back({{"task", measures.tasks[s]},
                                      {"specificity", interval_json(specificity)},
                                      {"p", intervals ? Json(intervals->specificity_p[s]) : Json(nullptr)}});
    }
    fusiform::Interval index{.estimate = measures.index};
    if (intervals) index = intervals->index.value_or(fusiform::Interval{});
    layer["index"] = interval_json(index);
    layer["index_p"] = intervals ? Json(intervals->index_p) : Json(nullptr);
    layer["random_sets"] = measures.random_sets;
    return layer;
  }

  static fusiform::Interval interval_of(const Json& json) {
    const auto number = [&](const char* key) {
      return json[key].is_null() ? fusiform::undefined : json[key].get<double>();
    };
    return {.estimate = number("estimate"), .low = number("low"), .high = number("high")};
  }

  static void print(const Json& summary) {
    for (const Json& ranking : summary.value("rankings", Json::array()))
      std::printf("layer %ld, sorted by %s: %zu units selected; %ld of %ld iterations follow the rule\n",
                  ranking["layer"].get<long>(), ranking["sort_task"].get<std::string>().c_str(),
                  ranking["selected"].size(), ranking["iterations_by_the_rule"].get<long>(),
                  ranking["iterations"].get<long>());
    for (const Json& layer : summary.value("layers", Json::array())) {
      std::printf("layer %ld, %s lesioned\n", layer["layer"].get<long>(),
                  fusiform::percent_text(layer["fraction"].get<double>(), 0).c_str());
      for (const Json& drop : layer["drops"])
        std::printf(
            "  drop of %s, sorted by %s: %s\n", drop["task"].get<std::string>().c_str(),
            drop["sort_task"].get<std::string>().c_str(),
            drop["drop"]["estimate"].is_null() ? "not available" : interval_text(interval_of(drop["drop"])).c_str());
      for (const Json& task : layer.value("specificity", Json::array()))
        std::printf("  specificity of %s: %s\n", task["task"].get<std::string>().c_str(),
                    interval_text(interval_of(task["specificity"])).c_str());
      std::printf("  segregation index: %s\n", interval_text(interval_of(layer["index"])).c_str());
    }
    for (const Json& note : summary["notes"]) std::printf("note: %s\n", note.get<std::string>().c_str());
  }

  void run() const {
    if (threads > 0) fusiform::set_thread_count(threads);
    const Json result =
        summary(fusiform::own::read_author_records(folder, {.version = version, .layer_units = layer_units}));
    if (json)
      std::printf("%s\n", result.dump(2).c_str());
    else
      print(result);
  }
};

struct ExportCommand {
  std::string results;
  std::string out;
  std::string variant;
  std::uint64_t seed = 0;
  std::string version;
  std::vector<std::string> indices;  ///< LAYER=NUMBER

  /// i for the i-th layer with weight and bias, as the scripts count.
  [[nodiscard]] Index index_of(const std::string& layer, const std::string& checkpoint) const {
    for (const std::string& given : indices)
      if (given.starts_with(layer + "=")) {
        const auto number = fusiform::parse_number<Index>(std::string_view(given).substr(layer.size() + 1));
        fusiform::require_setting(number && *number >= 0, "--index", "LAYER=NUMBER", given);
        return *number;
      }
    const auto network = fusiform::load_network<float>(checkpoint);
    const fusiform::NodeId site = network.find(layer);
    const auto has_pair = [&](fusiform::NodeId id) {
      bool weight = false;
      bool bias = false;
      for (const auto& parameter : std::as_const(*network.node(id).layer).parameters()) {
        weight = weight || parameter.name == "weight";
        bias = bias || parameter.name == "bias";
      }
      return weight && bias;
    };
    if (!has_pair(site))
      throw fusiform::ConfigError("layer '" + layer + "' has no weight and bias; expected --index " + layer +
                                  "=NUMBER");
    Index index = 0;
    for (fusiform::NodeId id = 1; id < site; ++id) index += has_pair(id) ? 1 : 0;
    return index;
  }

  void run() const {
    const fusiform::StudyPaths paths(results);
    const fusiform::StudyNet net{variant, seed, nullptr};
    fusiform::AuthorRecords records{.version = version, .settings = Json::object()};
    const std::string folder = results + "/outcomes";
    if (!std::filesystem::is_directory(folder))
      throw fusiform::FileError(folder, "expected the results of a study with lesions");
    std::map<Index, std::string> layers;  // by index, files
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".safetensors") continue;
      const auto metadata = fusiform::SafetensorsFile(entry.path().string()).metadata();
      const auto layer = metadata.find("layer");
      if (layer == metadata.end() || paths.outcomes(net, layer->second) != entry.path().string()) continue;
      layers[index_of(layer->second, paths.checkpoint(net))] = entry.path().string();
    }
    if (layers.empty()) throw fusiform::FileError(folder, "expected lesion effects of " + net.title() + ", found none");
    for (const auto& [index, file] : layers) add(records, paths, net, index, file);
    fusiform::own::write_author_records(out, records);
    std::fprintf(stderr, "%s: %zu layers, %zu rankings, %zu curves\n", out.c_str(), layers.size(),
                 records.rankings.size(), records.curves.size());
  }

  static void add(fusiform::AuthorRecords& records, const fusiform::StudyPaths& paths, const fusiform::StudyNet& net,
                  Index index, const std::string& file) {
    const fusiform::LayerEffects effects = fusiform::read_effects(file);
    std::map<std::string, fusiform::Ranking> rankings;
    for (const auto& task : effects.tasks) {
      fusiform::Ranking ranking = fusiform::read_ranking(paths.ranking(net, effects.layer, task.task));
      if (!ranking.units.empty()) rankings.emplace(task.task, std::move(ranking));
    }
    fusiform::add_layer(records, index, rankings, effects);
  }
};

void add_import(CLI::App& records) {
  CLI::App* command = records.add_subcommand("import", "Statistics of a folder LESION_NAME_... of the scripts");
  auto import = std::make_shared<ImportCommand>();
  command->add_option("folder", import->folder, "The folder with lesion.jsonl")->required();
  command->add_option("--version", import->version, "Version of the evaluation: eval<version>.json");
  command->add_option("--layer-units", import->layer_units, "Units of layers that have no progress records")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--fraction", import->fraction, "Lesion size to compare")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--replicates", import->replicates, "Of the bootstrap")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--seed", import->seed, "Of the bootstrap")->capture_default_str();
  command->add_option("--threads", import->threads, "Threads; 0: all cores. Results do not depend on it")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", import->json, "Print everything as JSON");
  command->callback([import] { import->run(); });
}

void add_export(CLI::App& records) {
  CLI::App* command = records.add_subcommand("export", "Write a study's rankings and effects as the scripts do");
  auto exported = std::make_shared<ExportCommand>();
  command->add_option("results", exported->results, "Folder with the results of a study")->required();
  command->add_option("--out", exported->out, "Folder to write; the scripts call it LESION_NAME_<name>")->required();
  command->add_option("--variant", exported->variant, "Net of the study; by default the main net");
  command->add_option("--seed", exported->seed, "Seed of the net")->capture_default_str();
  command->add_option("--eval-version", exported->version, "Version of the evaluation: eval<version>.json");
  command->add_option("--index", exported->indices,
                      "Number of a layer, LAYER=NUMBER; by default it is counted in the checkpoint");
  command->callback([exported] { exported->run(); });
}

}  // namespace

void add_records_command(CLI::App& program) {
  CLI::App* records =
      program.add_subcommand("records", "Read and write the record files of the published lesion scripts");
  records->require_subcommand(1);
  add_import(*records);
  add_export(*records);
}
