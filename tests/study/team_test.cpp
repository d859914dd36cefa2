#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/record_log.hpp>
#include <fusiform/study/context.hpp>

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
void take_part(Communicator& team, const StudyConfig& config, const std::string& folder, StudyStage last,
               bool share_batches = false) {
  const ThreadCount one(1);
  StudyContext study{config, StudyPaths(folder), ProgressLine(true), false, share_batches, &team};
  if (team.rank() > 0) return own::serve_study(study);
  own::run_study(study, last);
}

void run_in_team(int size, const StudyConfig& config, const std::string& folder, StudyStage last) {
  run_team(size, [&](Communicator& team) { take_part(team, config, folder, last); });
}

/// A process that dies when it is to take part in a sum, after some.
class DyingProcess final : public Communicator {
 public:
  DyingProcess(Communicator& team, int sums) : team_(team), sums_left_(sums) {}

  [[nodiscard]] int rank() const noexcept override { return team_.rank(); }
  [[nodiscard]] int size() const noexcept override { return team_.size(); }
  [[nodiscard]] std::vector<std::string> gather(std::string_view mine) override { return team_.gather(mine); }
  [[nodiscard]] std::string broadcast(std::string_view from_first) override { return team_.broadcast(from_first); }
  void sum(std::span<float> values) override {
    if (sums_left_-- == 0) throw CommunicationError("dead");
    team_.sum(values);
  }
  void sum(std::span<double> values) override { team_.sum(values); }
  void barrier() override { team_.barrier(); }
  void give_up() noexcept override { team_.give_up(); }

 private:
  Communicator& team_;
  int sums_left_;
};

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

TEST_CASE("races have the same bytes for any number of processes") {
  StudyConfig config = tiny_study();
  config.lesion.racing = true;
  config.lesion.images = 40;
  const ScratchFolder alone;
  run_quietly(config, alone.path(), StudyStage::rank);
  const auto expected = reproducible_files(alone.path());
  for (const int size : {2, 5}) {
    const ScratchFolder folder;
    run_in_team(size, config, folder.path(), StudyStage::rank);
    CHECK(reproducible_files(folder.path()) == expected);
  }
}

TEST_CASE("a ranking that could not write goes on with another number of processes") {
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

TEST_CASE("training that processes share repeats itself, also when one died in the second epoch") {
  StudyConfig config = tiny_study();
  config.net.arch = "8B M 8 M fc16";
  config.seeds = {0, 1};
  const auto train = [&](const std::string& folder, int sums) {
    run_team(3, [&](Communicator& team) {
      DyingProcess dying(team, sums);
      take_part(team.rank() == 2 ? dying : team, config, folder, StudyStage::train, true);
    });
  };
  const ScratchFolder undisturbed;
  train(undisturbed.path(), 1'000'000);
  const auto expected = reproducible_files(undisturbed.path());
  REQUIRE(expected.contains("checkpoints/seed1.safetensors"));

  const ScratchFolder folder;
  train(folder.path(), 15);  // an epoch has 10 steps; the team ends without a word of its own
  CHECK(std::filesystem::exists(folder / "checkpoints/seed0.safetensors"));
  CHECK_FALSE(std::filesystem::exists(folder / "checkpoints/seed1.safetensors"));
  CHECK(reproducible_files(folder.path()) != expected);
  train(folder.path(), 1'000'000);
  CHECK(reproducible_files(folder.path()) == expected);

  const ScratchFolder alone;
  run_quietly(config, alone.path(), StudyStage::train);
  CHECK(reproducible_files(alone.path()) != expected);  // other batch statistics, other dropout
}

TEST_CASE("a shared training that leaves the numbers is an error of process 0") {
  StudyConfig config = tiny_study();
  config.train.learning_rate = 1e30;
  const ScratchFolder folder;
  CHECK_THAT(error_of([&] {
               run_team(2,
                        [&](Communicator& team) { take_part(team, config, folder.path(), StudyStage::train, true); });
             }),
             Contains("expected a finite loss"));
}
