#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/record_log.hpp>
#include <fusiform/study/serve.hpp>

#include "cmake/own_study/study.hpp"
#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"
#include "tests/support/thread_team.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

/// One process of a team as the program runs it. `config` and `folder` may differ between processes by mistake.
void take_part(Communicator& team, const StudyConfig& config, const std::string& folder, StudyStage last) {
  const ThreadCount one(1);
  StudyContext study{config, StudyPaths(folder), ProgressLine(true), false, &team};
  if (team.rank() > 0) return own::serve_study(study);
  own::run_study(study, last);
}

void run_in_team(int size, const StudyConfig& config, const std::string& folder, StudyStage last) {
  run_team(size, [&](Communicator& team) { take_part(team, config, folder, last); });
}

StudyConfig tiny_study_with_controls() {
  StudyConfig config = tiny_study();
  config.train.epochs = 1;
  config.seeds = {0, 1};
  config.lesion.random_classes = 1;
  return config;
}

}  // namespace

TEST_CASE("a study has the same bytes for any number of processes") {
  const ScratchFolder alone;
  const StudyConfig config = tiny_study_with_controls();
  run_quietly(config, alone.path(), StudyStage::lesion);
  const auto expected = reproducible_files(alone.path());
  CHECK(expected.contains("rankings/seed1_conv2_objects.jsonl"));
  CHECK(expected.contains("rankings/seed0_conv1_random%20classes%200.1.jsonl"));
  for (const int size : {2, 3}) {
    const ScratchFolder folder;
    run_in_team(size, config, folder.path(), StudyStage::lesion);
    CHECK(reproducible_files(folder.path()) == expected);
  }
}

TEST_CASE("a ranking stopped by a full disk goes on with another number of processes") {
  const StudyConfig config = tiny_study();
  const ScratchFolder alone;
  run_quietly(config, alone.path(), StudyStage::rank);
  const auto expected = reproducible_files(alone.path());

  const ScratchFolder folder;
  run_quietly(config, folder.path(), StudyStage::train);
  // Something stands where work is to be kept.
  const std::string work = folder / "rankings/seed0_conv2_faces.jsonl.work";
  std::filesystem::create_directory(work);
  CHECK_THAT(error_of([&] { run_in_team(3, config, folder.path(), StudyStage::rank); }),
             Contains("conv2_faces.jsonl.work"));
  CHECK(std::filesystem::exists(folder / "rankings/seed0_conv1_faces.jsonl"));
  std::filesystem::remove(work);
  run_in_team(2, config, folder.path(), StudyStage::rank);
  CHECK(reproducible_files(folder.path()) == expected);
}

TEST_CASE("work of a ranking is used again, and removed at its end") {
  const StudyConfig config = tiny_study();
  const ScratchFolder folder;
  const std::string ranking = folder / "rankings/seed0_conv2_objects.jsonl";
  const std::string work = ranking + ".work";
  run_quietly(config, folder.path(), StudyStage::rank);
  const auto expected = reproducible_files(folder.path());
  CHECK_FALSE(std::filesystem::exists(work));
  SECTION("a file left by a kill behind the last iteration") {
    write_file_atomically(work, "anything");
    run_quietly(config, folder.path(), StudyStage::rank);
    CHECK(reproducible_files(folder.path()) == expected);
  }
  SECTION("work of other weights is refused") {
    std::filesystem::remove(ranking);
    { const RecordLog other(work, "layer conv2 of seed 0 with weights 1"); }
    CHECK_THAT(error_of([&] { run_in_team(2, config, folder.path(), StudyStage::rank); }),
               Contains(work + ": expected records of 'layer conv2 of seed 0 with weights ") &&
                   Contains("found those of 'layer conv2 of seed 0 with weights 1'; delete the file"));
  }
}

TEST_CASE("processes with other settings or without the results are named by process 0") {
  const StudyConfig config = tiny_study();
  const ScratchFolder folder;
  const ScratchFolder elsewhere;
  StudyConfig other = config;
  other.lesion.images = 8;
  CHECK(error_of([&] {
          run_team(3, [&](Communicator& team) {
            take_part(team, team.rank() == 2 ? other : config, folder.path(), StudyStage::rank);
          });
        }) == "process 2: study: expected the settings of process 0, found others");
  CHECK(std::filesystem::is_empty(folder.path()));

  const auto with_wrong_folder = [&] {
    run_team(2, [&](Communicator& team) {
      take_part(team, config, team.rank() == 1 ? elsewhere.path() : folder.path(), StudyStage::rank);
    });
  };
  CHECK_THAT(error_of(with_wrong_folder), Contains(elsewhere / "images.pack") && Contains("process 1: "));
  CHECK(std::filesystem::is_empty(elsewhere.path()));
  // Results of the same study, but other weights.
  StudyConfig longer = config;
  longer.train.epochs = 1;
  run_quietly(longer, elsewhere.path(), StudyStage::train);
  CHECK_THAT(error_of(with_wrong_folder),
             Contains("process 1: study: expected the work of process 0, layer conv1 of seed 0"));
  run_in_team(2, config, folder.path(), StudyStage::rank);
}

TEST_CASE("errors of process 0 let the others go") {
  StudyConfig config = tiny_study();
  config.lesion.layers = {"conv9"};
  const ScratchFolder folder;
  CHECK_THAT(error_of([&] { run_in_team(3, config, folder.path(), StudyStage::rank); }), Contains("no layer 'conv9'"));
}
