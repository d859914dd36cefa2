#include <nlohmann/json.hpp>

#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/study/outcome_store.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;

TEST_CASE("units are attributed to tasks, and each shortcut is held against the lesions") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.analyses = {"lesion", "attribute"};
  config.lesion.layers = {"conv2"};
  config.lesion.images = 1000;  // all
  config.attribute.images = 1000;
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  REQUIRE(summary["attribution"].size() == 2);
  for (const json& task : summary["attribution"]) {
    CHECK(task["images"] == 20);
    CHECK(task["measures"].size() == 6);
    for (const char* name :
         {"taylor", "gradient_squared", "conductance", "selectivity_t", "d_prime", "variance_share"}) {
      CAPTURE(name);
      const json& spearman = task["measures"][name]["spearman"];
      const auto effect = task["units"]["effect"].get<std::vector<double>>();
      REQUIRE(effect.size() == 8);
      if (spearman["estimate"].is_null()) continue;  // dead units only
      std::vector<double> shortcut;
      std::vector<double> compared;
      for (std::size_t u = 0; u < 8; ++u) {
        if (task["units"][name][u].is_null()) continue;
        shortcut.push_back(task["units"][name][u].get<double>());
        compared.push_back(effect[u]);
      }
      CHECK(spearman["estimate"].get<double>() == Approx(spearman_correlation(compared, shortcut)).margin(1e-12));
    }
  }
  REQUIRE(summary["unit_preferences"].size() == 1);
  CHECK(summary["unit_preferences"][0]["units"].size() == 8);

  // The effect of a unit on the test images is that of its stored lesion.
  const StudyNetwork network = load_network<float>(StudyPaths(folder.path()).checkpoint({"", 0}));
  const ImagePack pack(StudyPaths(folder.path()).tasks().pack);
  const auto faces = labelled_images<float>(pack, pack.select("faces", Split::test), {.crop = 16});
  LesionEvaluator<float> evaluator(network, lesion_site(network, "conv2"), network.heads().front(), faces);
  const double base = evaluator.evaluate_one(std::vector<Index>{}).mean_loss();
  for (Index unit = 0; unit < 8; ++unit) {
    const double effect = evaluator.evaluate_one(std::vector<Index>{unit}).mean_loss() - base;
    // per-image differences are stored in float
    CHECK(summary["attribution"][0]["units"]["effect"][static_cast<std::size_t>(unit)].get<double>() ==
          Approx(effect).margin(1e-6));
  }
}

TEST_CASE("lesions of other kinds and inverse lesions are ranked, stored and told apart") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.lesion.layers = {"conv2"};
  config.lesion.keep_only = true;
  std::vector<json> rankings;
  for (const std::string kind : {"zero", "mean", "resample", "scale"}) {
    CAPTURE(kind);
    config.lesion.kind = kind;
    config.lesion.scale = kind == "scale" ? 1 : 0;
    run_quietly(config, folder / kind);
    const json layer = summary_in(folder / kind)["layers"][0];
    rankings.push_back(layer["single_units"]["loss_increase"]["faces"]);
    const json& effect = layer["effects"][0];
    REQUIRE(effect["lesions"].size() == 6);
    REQUIRE(effect["keep_only"].size() == 6);
    if (kind == "scale")  // by 1: nothing happens
      for (const char* list : {"lesions", "keep_only"})
        for (const json& lesion : effect[list]) CHECK(lesion["mean_loss"] == effect["mean_loss"]);
  }
  CHECK(rankings[0] != rankings[1]);
  CHECK(rankings[1] != rankings[2]);
  for (const json& increase : rankings[3]) CHECK(increase == 0.0);
}
