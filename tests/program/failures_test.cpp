#include <cmath>
#include <thread>

#include "tests/program/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

const std::vector<std::string> whole_study = {"study", "study.toml", "--out", "results", "--threads", "1", "--quiet"};
const std::vector<std::string> training = {"train", "study.toml", "--out", "results", "--threads", "1", "--quiet"};

/// The same study, never disturbed.
const std::map<std::string, std::string>& undisturbed() {
  static const auto files = [] {
    const ScratchFolder folder;
    write_tiny_study(folder / "study.toml");
    REQUIRE(run(folder, whole_study).status == 0);
    return reproducible_files(folder / "results");
  }();
  return files;
}

void check_undisturbed(const ScratchFolder& folder) {
  const auto found = reproducible_files(folder / "results");
  REQUIRE(found.size() == undisturbed().size());
  for (const auto& [name, contents] : undisturbed()) {
    CAPTURE(name);
    CHECK(found.at(name) == contents);
  }
}

}  // namespace

TEST_CASE("mistakes in a study file are named before anything is written") {
  const ScratchFolder folder;
  const auto problem = [&](const std::string& command) {
    const Run failed = run(folder, {command, "study.toml", "--out", "results"});
    CHECK(failed.status == 1);
    CHECK(failed.out.empty());
    CHECK_FALSE(std::filesystem::exists(folder / "results"));
    return failed.err;
  };
  CHECK_THAT(problem("study"), Contains("study.toml: expected a study file"));
  write_tiny_study(folder / "study.toml", "lerning_rate = 0.02");
  CHECK_THAT(problem("study"), Contains("study.toml: line ") && Contains("did you mean 'learning_rate'?"));
  write_tiny_study(folder / "study.toml", "learning_rate = 0.02", "['conv1', 'conv3']");
  for (const char* command : {"train", "rank", "study"})
    CHECK_THAT(problem(command), Contains("no layer 'conv3'; expected one of:") && Contains("=conv2"));
  std::ofstream(folder / "study.toml") << "name = 's'\nnet.arch = '8'\n[[task]]\nname = 'a'\nimages = 'a'\n";
  CHECK_THAT(problem("study"), Contains("a: expected a folder of images, found no such folder"));

  write_tiny_study(folder / "study.toml");
  const Run failed = run(folder, {"train", "study.toml", "--out", "study.toml"});
  CHECK(failed.status == 1);
  CHECK_THAT(failed.err, Contains("study.toml: expected a folder for the results, found a file"));
}

TEST_CASE("a full disk is named, leaves no half file, and the study goes on when there is room") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml");
  const Run no_pack = run(folder, training, {.file_limit = 20'000});
  CHECK(no_pack.status == 1);
  CHECK_THAT(no_pack.err, Contains("results/images.pack: cannot write: File too large"));
  CHECK_FALSE(std::filesystem::exists(folder / "results/images.pack"));
  CHECK_FALSE(has_temporaries(folder.path()));

  REQUIRE(run(folder, training).status == 0);
  const auto trained = reproducible_files(folder / "results");
  std::filesystem::remove(folder / "results/checkpoints/seed0.safetensors");
  const Run no_checkpoint = run(folder, training, {.file_limit = 4'000});
  CHECK(no_checkpoint.status == 1);
  CHECK_THAT(no_checkpoint.err, Contains("results/checkpoints/seed0.safetensors: cannot write: File too large"));
  CHECK(std::filesystem::is_empty(folder / "results/checkpoints"));
  REQUIRE(run(folder, training).status == 0);
  CHECK(reproducible_files(folder / "results") == trained);

  const Run no_ranking = run(folder, whole_study, {.file_limit = 1'800});
  CHECK(no_ranking.status == 1);
  CHECK_THAT(no_ranking.err, Contains("results/") && Contains("cannot write: File too large"));
  CHECK_FALSE(has_temporaries(folder.path()));
  for (const auto& [name, contents] : trained) CHECK(read_file(folder / "results/" + name) == contents);
  REQUIRE(run(folder, whole_study).status == 0);
  check_undisturbed(folder);
}

TEST_CASE("half a checkpoint is named and left alone") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml");
  REQUIRE(run(folder, training).status == 0);
  const std::string checkpoint = folder / "results/checkpoints/seed0.safetensors";
  const std::string whole = read_file(checkpoint);
  std::ofstream(checkpoint, std::ios::binary) << whole.substr(0, whole.size() / 2);
  const Run failed = run(folder, training);
  CHECK(failed.status == 1);
  CHECK_THAT(failed.err, Contains("results/checkpoints/seed0.safetensors: ") && Contains("expected"));
  CHECK(read_file(checkpoint) == whole.substr(0, whole.size() / 2));
  const Run evaluated = run(folder, {"evaluate", "results/checkpoints/seed0.safetensors", "results/images.pack"});
  CHECK(evaluated.status == 1);
  std::filesystem::remove(checkpoint);  // what the user does then
  REQUIRE(run(folder, whole_study).status == 0);
  check_undisturbed(folder);
}

TEST_CASE("a net for other classes is refused") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml", "learning_rate = 0.02", "['conv1']");
  REQUIRE(run(folder, training).status == 0);
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directories(folder / "pictures/" + name);
    for (const char* file : {"1.jpg", "2.jpg"})
      std::filesystem::copy(std::string(FUSIFORM_GOLDENS) + "/photo.jpg", folder / "pictures/" + name + "/" + file);
  }
  const std::string checkpoint = "results/checkpoints/seed0.safetensors";
  REQUIRE(run(folder, {"pack", "pictures", "--out", "p.pack", "--resize", "18"}).status == 0);
  const Run other = run(folder, {"evaluate", checkpoint, "p.pack"});
  CHECK(other.status == 1);
  CHECK_THAT(other.err, Contains("expected a classifier for the 2 classes of the images, got one for 8"));
  REQUIRE(run(folder, {"pack", "pictures", "--out", "p.pack", "--resize", "12"}).status == 0);
  const Run small = run(folder, {"features", checkpoint, "p.pack", "--layer", "conv1", "--out", "f"});
  CHECK(small.status == 1);
  CHECK_THAT(small.err, Contains("16") && Contains("12"));
  CHECK_FALSE(std::filesystem::exists(folder / "f.npy"));
}

TEST_CASE("a loss that is no number stops the training and keeps the last checkpoint") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml", "learning_rate = 1e6");
  const Run at_once = run(folder, training);
  CHECK(at_once.status == 1);
  CHECK_THAT(at_once.err, Contains("epoch 1") && Contains("step") && Contains("expected a finite loss") &&
                              Contains("at learning rate 1e+06"));
  CHECK(std::filesystem::is_empty(folder / "results/checkpoints"));

  // fine in the first epoch, far too fast in the second
  write_tiny_study(folder / "study.toml", "learning_rate = 0.02\nschedule = 'step'\nstep_size = 1\nfactor = 1e8");
  std::filesystem::remove_all(folder / "results");
  const Run later = run(folder, training);
  CHECK(later.status == 1);
  CHECK_THAT(later.err, Contains("epoch 2") && Contains("expected a finite loss"));
  CHECK_THAT(run(folder, {"inspect", "results/checkpoints/seed0.safetensors"}).out, Contains("epoch: 1"));
  CHECK_FALSE(has_temporaries(folder.path()));
}

TEST_CASE("killed at any moment, a study ends with the same bytes") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml");
  const auto start = std::chrono::steady_clock::now();
  {
    const ScratchFolder other;
    write_tiny_study(other / "study.toml");
    REQUIRE(run(other, whole_study).status == 0);
  }
  const std::chrono::duration<double> undisturbed_time = std::chrono::steady_clock::now() - start;
  int killed = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {
    const Started program(folder, whole_study);
    std::this_thread::sleep_for(undisturbed_time * (0.08 + 0.13 * attempt));
    program.kill();
    killed += program.finish().status == -SIGKILL ? 1 : 0;
  }
  CHECK(killed >= 2);  // the rest may have come to the end
  const Run last = run(folder, whole_study);
  CAPTURE(last.err);
  REQUIRE(last.status == 0);
  check_undisturbed(folder);
  CHECK_FALSE(has_temporaries(folder.path()));
}
