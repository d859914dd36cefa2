/// Studies whose rankings are races.

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include <fusiform/analysis/rank_by_racing.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/provenance.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using nlohmann::json;

namespace {

/// Enough images for a check before the last one.
StudyConfig study_of_races() {
  StudyConfig config = tiny_study();
  for (TaskConfig& task : config.tasks) task.train_per_class = 50;
  config.train.epochs = 1;
  config.lesion.layers = {"conv2"};
  config.lesion.images = 200;
  config.lesion.racing = true;
  return config;
}

const std::string faces = "/rankings/seed0_conv2_faces.jsonl";

}  // namespace

TEST_CASE("a study by racing ranks the units that an exact one ranks, and tells what it took") {
  const ScratchFolder exact;
  const ScratchFolder raced;
  StudyConfig config = study_of_races();
  run_quietly(config, raced.path());
  config.lesion.racing = false;
  run_quietly(config, exact.path(), StudyStage::rank);
  const Ranking expected = read_ranking(exact.path() + faces);
  const Ranking found = read_ranking(raced.path() + faces);
  CHECK(found.units == expected.units);
  // The same images in another order: means to rounding.
  for (std::size_t i = 0; i < found.units.size(); ++i)
    CHECK(found.losses[i] == Approx(expected.losses[i]).epsilon(1e-12));
  const RacingSummary races = summarize_races(found);
  CHECK(races.evaluations + races.saved == (8 + 7 + 6) * 200);
  const json summary = json::parse(read_file(raced.path() + "/summary.json"));
  const json& racing = summary["layers"][0]["rankings"][0]["racing"];
  CHECK(racing["evaluations"] == races.evaluations);
  CHECK(racing["miss_rate_limit"] == races.miss_rate_limit);
}

TEST_CASE("a study by racing has the same bytes when it goes on from a part of its journal") {
  StudyConfig config = study_of_races();
  config.lesion.epsilon = 10;  // all but the leaders are eliminated at the first check
  config.lesion.audit = 0.01;
  const ScratchFolder whole;
  run_quietly(config, whole.path(), StudyStage::rank);
  CHECK(summarize_races(read_ranking(whole.path() + faces)).saved > 0);
  const std::string journal = read_file(whole.path() + faces);
  const ScratchFolder folder;
  run_quietly(config, folder.path(), StudyStage::train);
  std::filesystem::create_directories(folder.path() + "/rankings");
  std::ofstream(folder.path() + faces) << journal.substr(0, journal.find('\n') + 1);
  run_quietly(config, folder.path(), StudyStage::rank);
  CHECK(reproducible_files(folder.path()) == reproducible_files(whole.path()));
}

TEST_CASE("settings of races bind results; those of exact rankings are what they were") {
  StudyConfig config = study_of_races();
  CHECK(to_json(config)["lesion"]["delta"] == 0.01);
  const ScratchFolder folder;
  run_quietly(config, folder.path(), StudyStage::train);
  config.lesion.delta = 0.05;
  CHECK_THAT(error_of([&] { run_quietly(config, folder.path(), StudyStage::train); }), Catch::Contains("delta"));
  config.lesion.racing = false;
  CHECK_FALSE(to_json(config)["lesion"].contains("racing"));
  CHECK_FALSE(to_json(config)["lesion"].contains("delta"));
}
