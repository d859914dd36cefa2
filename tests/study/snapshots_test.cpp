/// Nets as they stand after some epochs: the bits of a training that ends there, and what a study says of them.

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include <fusiform/io/csv.hpp>
#include <fusiform/io/safetensors.hpp>
#include <fusiform/study/config_file.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

StudyConfig snapshot_study(std::vector<Index> snapshots = {}) {
  StudyConfig config = tiny_study();
  config.train.snapshots = std::move(snapshots);
  config.lesion.layers = {"conv2"};
  config.train.epochs = 3;
  config.train.schedule = "plateau";
  config.train.patience = 0;
  add_snapshots(config);
  return config;
}

std::string problem_of(const std::string& train, const std::string& variants = "") {
  const ScratchFolder folder;
  const std::string path = folder / "study.toml";
  std::ofstream(path) << "name = 's'\nnet.arch = '8'\n[[task]]\nname = 'faces'\nimages = 'faces'\n[train]\n"
                      << train << "\n"
                      << variants;
  return error_of([&] { (void)load_study_config(path); });
}

}  // namespace

TEST_CASE("a snapshot has the bits of a training that ends there") {
  const ScratchFolder folder;
  const StudyConfig config = snapshot_study({2, 0, 1});
  run_quietly(config, folder / "one", StudyStage::train);
  const StudyPaths one(folder / "one");
  for (const Index epochs : {0, 1, 2}) {
    CAPTURE(epochs);
    StudyConfig alone = snapshot_study();
    alone.train.epochs = epochs;
    run_quietly(alone, folder / std::to_string(epochs), StudyStage::train);
    const std::string expected = StudyPaths(folder / std::to_string(epochs)).checkpoint({"", 0});
    const std::string found = one.checkpoint({snapshot_name(epochs), 0});
    CHECK(read_file(found) == read_file(expected));
    const SafetensorsFile net(found);
    CHECK(net.read<float>("features.0.weight") == SafetensorsFile(expected).read<float>("features.0.weight"));
    const CsvTable log = read_csv(one.training_log({snapshot_name(epochs), 0}));
    CHECK(log.rows.size() == static_cast<std::size_t>(epochs) + 1);
  }
  StudyConfig plain = snapshot_study();
  run_quietly(plain, folder / "plain", StudyStage::train);
  CHECK(read_file(one.checkpoint({"", 0})) == read_file(StudyPaths(folder / "plain").checkpoint({"", 0})));
}

TEST_CASE("snapshots come from the one training, also after a kill, and may be added later") {
  const ScratchFolder folder;
  const StudyPaths paths(folder / "results");
  const auto run_with = [&](std::vector<Index> snapshots) {
    StudyConfig config = snapshot_study(std::move(snapshots));
    config.seeds = {0, 4};
    run_quietly(config, folder / "results", StudyStage::train);
  };
  const auto time_of = [&](const std::string& variant, std::uint64_t seed) {
    return std::filesystem::last_write_time(paths.checkpoint({variant, seed}));
  };
  run_with({1});
  const std::string first = read_file(paths.checkpoint({snapshot_name(1), 4}));
  // Had the snapshot been trained by itself, it would be newer than the main net's last checkpoint.
  for (const std::uint64_t seed : {0, 4}) CHECK(time_of(snapshot_name(1), seed) < time_of("", seed));
  // Killed in the second epoch: the main net stands where the first one ended.
  std::filesystem::copy_file(paths.checkpoint({snapshot_name(1), 4}), paths.checkpoint({"", 4}),
                             std::filesystem::copy_options::overwrite_existing);
  run_with({1, 2});
  CHECK(read_file(paths.checkpoint({snapshot_name(1), 4})) == first);
  CHECK(time_of(snapshot_name(2), 4) < time_of("", 4));
  CHECK(time_of(snapshot_name(2), 0) > time_of("", 0));  // its seed was finished: trained by itself
  run_with({});
}

TEST_CASE("the emergence of a layer's index is that of its snapshots, in the order of epochs") {
  const ScratchFolder folder;
  const StudyConfig config = snapshot_study({2, 0});
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  REQUIRE(summary["emergence"].size() == 1);
  const json& entry = summary["emergence"][0];
  CHECK(entry["layer"] == "conv2");
  CHECK(entry["seed"] == 0);
  REQUIRE(entry["points"].size() == 3);
  const Index epochs[] = {0, 2, 3};
  for (std::size_t i = 0; i < 3; ++i) {
    const json& point = entry["points"][i];
    CHECK(point["epochs"] == epochs[i]);
    for (const json& layer : summary["layers"])
      if (layer["net"] == point["net"]) CHECK(layer["segregation"]["index"] == point["index"]);
    for (const json& net : summary["nets"])
      if (net["net"] == point["net"]) {
        CHECK(net["epochs"] == epochs[i]);
        CHECK(net["tasks"][1]["top1_interval"] == point["top1"][1]["top1"]);
      }
  }
  const CsvTable figure = read_csv(folder / "figures/index_over_training.csv");
  CHECK(figure.rows.size() == 3 * 3);  // the index and two accuracies
  CHECK_THAT(read_file(folder / "report.html"), Contains("over one training per seed"));
}

TEST_CASE("a study file's snapshots are variants of the main net, or errors with their line") {
  const ScratchFolder folder;
  const std::string path = folder / "study.toml";
  std::ofstream(path) << "name = 's'\nseeds = [0, 1]\nnet.arch = '8'\ntrain.snapshots = [1, 5]\n"
                         "[[task]]\nname = 'faces'\nimages = 'faces'\n"
                         "[[variant]]\nname = 'small'\nnet.arch = '4'\n";
  const StudyConfig config = load_study_config(path);
  REQUIRE(config.variants.size() == 3);
  CHECK(config.variants[0].train.snapshots.empty());
  CHECK(config.variants[1].name == "after epoch 1");
  CHECK(config.variants[2].train.epochs == 5);
  CHECK(config.variants[2].net.arch == "8");
  CHECK(is_on_the_way(config.variants[2], config));
  CHECK(is_on_the_way(config.variants[1], config.variants[2]));
  CHECK_FALSE(is_on_the_way(config, config.variants[2]));
  CHECK_FALSE(is_on_the_way(config.variants[1], config.variants[0]));
  StudyConfig without = config;
  without.variants.pop_back();
  CHECK_THAT(error_of([&] { check(without); }), Contains("add_snapshots") && Contains("none for 5"));

  CHECK_THAT(problem_of("epochs = 5\nsnapshots = [1, 5]"),
             Contains("line 8") && Contains("snapshots: expected numbers of epochs from 0 to below the 5") &&
                 Contains("got 5"));
  CHECK_THAT(problem_of("snapshots = [-1]"), Contains("line 7") && Contains("got -1"));
  CHECK_THAT(problem_of("snapshots = [2, 1, 2]"), Contains("line 7") && Contains("each value once, got 2 twice"));
  CHECK_THAT(problem_of("snapshots = 2"), Contains("line 7: 'snapshots'") && Contains("a list"));
  CHECK_THAT(problem_of("snapshots = [2]", "[[variant]]\nname = 'after epoch 2'\ntrain.epochs = 3\n"),
             Contains("line 7") && Contains("no variant of other settings"));
  CHECK_THAT(problem_of("", "[[variant]]\nname = 'a'\ntrain.snapshots = [3]\n"),
             Contains("line 10") && Contains("in the main net's [train] only"));
}
