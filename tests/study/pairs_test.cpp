/// Pairs of units in a study: against the definition of a lesion, image by image.

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include <fusiform/analysis/direct_lesion.hpp>
#include <fusiform/data/sampling.hpp>
#include <fusiform/nets/checkpoint.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

StudyConfig pair_study() {
  StudyConfig config = tiny_study();
  config.lesion.layers = {"conv2"};
  config.lesion.fraction = 0.5;
  config.lesion.pairs = 3;
  config.attribute.images = 11;  // of 20
  return config;
}

}  // namespace

TEST_CASE("synergies of a study's pairs follow from the definition of a lesion") {
  const ScratchFolder folder;
  StudyConfig config = pair_study();
  config.lesion.kind = "mean";
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  REQUIRE(summary["pairs"].size() == 2);

  const StudyPaths paths(folder.path());
  const StudyNetwork network = load_network<float>(paths.checkpoint({"", 0}));
  const ImagePack pack(paths.tasks().pack);
  const LesionSite site = lesion_site(network, "conv2");
  std::set<Index> expected_units;
  for (const json& ranking : summary["layers"][0]["rankings"])
    for (std::size_t i = 0; i < 3; ++i) expected_units.insert(ranking["selected"][i].get<Index>());

  for (const json& entry : summary["pairs"]) {
    const auto task = entry["task"].get<std::string>();
    const auto units = entry["units"].get<std::vector<Index>>();
    CAPTURE(task);
    CHECK(std::set<Index>(units.begin(), units.end()) == expected_units);
    CHECK(units.size() == expected_units.size());
    CHECK(entry["images"] == 11);
    const auto test = stratified_images(pack.manifest(), pack.select(task, Split::test), 11,
                                        Rng(0).stream("attributed images").stream(task));
    const auto images = labelled_images<float>(pack, test, {.crop = 16});
    DirectLesion<float> direct(network, site, network.heads().front(), images);
    std::vector<Index> all;
    for (Index i = 0; i < 11; ++i) all.push_back(i);
    const auto mean_loss = [&](std::vector<Index> lesioned) {
      return direct.evaluate({std::move(lesioned), LesionKind::mean}, all).mean_loss();
    };
    const double intact = mean_loss({});
    for (std::size_t i = 0; i < units.size(); ++i) {
      CHECK(entry["effects"][i].get<double>() == Approx(mean_loss({units[i]}) - intact).margin(4e-6));
      for (std::size_t j = 0; j < i; ++j) {
        const double synergy = mean_loss({units[i], units[j]}) - mean_loss({units[i]}) - mean_loss({units[j]}) + intact;
        // four losses of about 1, each within float rounding of the fast path
        CHECK(entry["synergies"][i][j].get<double>() == Approx(synergy).margin(1e-5));
        CHECK(entry["synergies"][j][i] == entry["synergies"][i][j]);
      }
      CHECK(entry["synergies"][i][i] == 0.0);
    }
  }
}

TEST_CASE("mean synergies count each pair within its task's units, or between the two tasks'") {
  const ScratchFolder folder;
  run_quietly(pair_study(), folder.path());
  const json summary = summary_in(folder.path());
  for (const json& entry : summary["pairs"]) {
    const auto units = entry["units"].get<std::vector<Index>>();
    std::set<Index> first[2];
    for (std::size_t t = 0; t < 2; ++t)
      for (std::size_t i = 0; i < 3; ++i)
        first[t].insert(summary["layers"][0]["rankings"][t]["selected"][i].get<Index>());
    double sums[3] = {0, 0, 0};
    int counts[3] = {0, 0, 0};
    for (std::size_t i = 0; i < units.size(); ++i)
      for (std::size_t j = i + 1; j < units.size(); ++j) {
        bool within = false;
        for (std::size_t t = 0; t < 2; ++t)
          if (first[t].contains(units[i]) && first[t].contains(units[j])) {
            within = true;
            sums[t] += entry["synergies"][i][j].get<double>();
            ++counts[t];
          }
        if (within) continue;
        sums[2] += entry["synergies"][i][j].get<double>();
        ++counts[2];
      }
    const std::size_t place[3] = {0, 2, 1};  // faces, faces and objects, objects
    for (std::size_t kind = 0; kind < 3; ++kind) {
      const json& mean = entry["means"][place[kind]];
      CHECK(mean["pairs"] == counts[kind]);
      if (counts[kind] == 0) {
        CHECK(mean["synergy"].is_null());
        continue;
      }
      CHECK(mean["synergy"]["estimate"].get<double>() == Approx(sums[kind] / counts[kind]).margin(1e-12));
      CHECK(mean["synergy"]["low"] <= mean["synergy"]["high"]);
    }
    std::size_t grouped = 0;
    for (const json& group : entry["groups"]) grouped += group["units"].get<std::size_t>();
    CHECK(grouped == units.size());
  }
  CHECK_THAT(read_file(folder / "report.html"), Contains("Mean synergy of pairs") && Contains("Synergy of each two"));
}

TEST_CASE("stored pairs are not lesioned again, and other pairs may be asked for later") {
  const ScratchFolder folder;
  StudyConfig config = pair_study();
  config.lesion.pairs = 0;
  run_quietly(config, folder.path());
  CHECK(summary_in(folder.path())["pairs"].empty());
  const std::string path = StudyPaths(folder.path()).pairs({"", 0}, "conv2");
  CHECK_FALSE(std::filesystem::exists(path));
  config.lesion.pairs = 2;
  run_quietly(config, folder.path());
  const auto written = std::filesystem::last_write_time(path);
  config.statistics.level = 0.9;
  run_quietly(config, folder.path());
  CHECK(std::filesystem::last_write_time(path) == written);
  config.lesion.pairs = 100;  // all that are ranked
  run_quietly(config, folder.path());
  CHECK(std::filesystem::last_write_time(path) != written);
  CHECK(summary_in(folder.path())["pairs"][0]["units"].size() >= 4);
  CHECK(summary_in(folder.path())["pairs"][0]["units"].size() <= 8);
}
