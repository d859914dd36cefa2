#include <nlohmann/json.hpp>

#include <fusiform/data/pack.hpp>
#include <fusiform/io/npy.hpp>
#include <fusiform/io/safetensors.hpp>
#include <fusiform/version.hpp>

#include "tests/program/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

TEST_CASE("help and version succeed, wrong usage exits with 2") {
  const ScratchFolder folder;
  const Run help = run(folder, {"--help"});
  CHECK(help.status == 0);
  for (const char* command :
       {"demo", "study", "train", "rank", "lesion", "report", "pack", "evaluate", "features", "inspect"}) {
    CHECK_THAT(help.out, Contains(command));
    const Run command_help = run(folder, {command, "--help"});
    CHECK(command_help.status == 0);
    CHECK(command_help.err.empty());
  }
  const Run version_run = run(folder, {"--version"});
  CHECK(version_run.status == 0);
  CHECK_THAT(version_run.out, Contains(version));

  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"studdy"},
      {"study"},
      {"study", "a.toml", "--sed", "1"},
      {"study", "a.toml", "--threads", "-1"},
      {"rank", "a.toml", "--audit", "1.5"},
      {"train", "a.toml", "--json"},
      {"pack", "a"},
      {"pack", "a", "--out", "b", "--resize", "0"},
      {"pack", "a", "--out", "b", "--test-fraction", "2"},
      {"features", "a", "b", "--layer", "c", "--out", "d", "--split", "x"},
      {"evaluate", "a"},
      {"inspect"}};
  for (const auto& arguments : wrong) {
    const Run refused = run(folder, arguments);
    CAPTURE(arguments);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK_THAT(refused.err, Contains("--help"));
  }
}

TEST_CASE("the sub-commands do a study step by step and look at its results") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml");
  const std::vector<std::string> rest = {"study.toml", "--out", "results", "--threads", "1"};
  const auto stage = [&](std::vector<std::string> words) {
    words.insert(words.begin() + 1, rest.begin(), rest.end());
    const Run result = run(folder, words);
    CAPTURE(words, result.err);
    CHECK(result.status == 0);
    return result;
  };
  CHECK_THAT(stage({"train"}).err, Contains("seed 0, epoch 3/3") && Contains("images/s"));
  CHECK(std::filesystem::exists(folder / "results/checkpoints/seed0.safetensors"));
  CHECK(std::filesystem::is_empty(folder / "results/rankings"));
  CHECK(stage({"rank", "--quiet"}).err.empty());
  CHECK(std::filesystem::exists(folder / "results/rankings/seed0_conv2_objects.jsonl"));
  const Run lesion = stage({"lesion", "--json", "--quiet"});
  CHECK_FALSE(std::filesystem::exists(folder / "results/report.html"));
  const auto summary = nlohmann::json::parse(lesion.out);  // nothing but JSON
  CHECK(summary == nlohmann::json::parse(read_file(folder / "results/summary.json")));
  CHECK(summary["layers"].size() == 2);
  const auto before = reproducible_files(folder / "results");
  const Run report = stage({"report", "--json"});
  CHECK(report.out == lesion.out);
  CHECK_FALSE(report.err.empty());
  CHECK_THAT(read_file(folder / "results/report.html"), Contains("<svg"));
  CHECK(reproducible_files(folder / "results") == before);

  const Run full = run(folder, {"lesion", "study.toml", "--out", "results", "--quiet", "--json"}, {.out = "/dev/full"});
  CHECK(full.status == 1);
  CHECK_THAT(full.err, Contains("standard output: cannot write: No space left on device"));

  const std::string checkpoint = "results/checkpoints/seed0.safetensors";
  const Run evaluate = run(folder, {"evaluate", checkpoint, "results/images.pack", "--json"});
  REQUIRE(evaluate.status == 0);
  CHECK(evaluate.err.empty());
  const auto scores = nlohmann::json::parse(evaluate.out);
  REQUIRE(scores.size() == 2);
  for (std::size_t t = 0; t < 2; ++t) {
    CHECK(scores[t]["task"] == summary["nets"][0]["tasks"][t]["name"]);
    CHECK(scores[t]["top1"] == summary["nets"][0]["tasks"][t]["top1"]);
  }
  CHECK_THAT(run(folder, {"evaluate", checkpoint, "results/images.pack"}).err, Contains("faces: 20 test images"));

  const Run features = run(folder, {"features", checkpoint, "results/images.pack", "--layer", "conv2", "--task",
                                    "objects", "--split", "train", "--out", "conv2"});
  CAPTURE(features.err);
  REQUIRE(features.status == 0);
  const NpyArray<float> array = read_npy<float>(folder / "conv2.npy");
  CHECK(array.shape == std::vector<Index>{40, 8, 8, 8});
  CHECK(*std::min_element(array.values.begin(), array.values.end()) == 0);  // behind the ReLU
  CHECK(*std::max_element(array.values.begin(), array.values.end()) > 0);
  const NpyArray<Index> labels = read_npy<Index>(folder / "conv2.labels.npy");
  CHECK(labels.shape == std::vector<Index>{40});
  CHECK(*std::min_element(labels.values.begin(), labels.values.end()) == 4);  // objects follow the 4 faces
  const Run no_task = run(
      folder, {"features", checkpoint, "results/images.pack", "--layer", "conv2", "--task", "cars", "--out", "cars"});
  CHECK(no_task.status == 1);
  CHECK_THAT(no_task.err, Contains("results/images.pack: expected images of task 'cars', found none"));
  const Run no_layer = run(folder, {"features", checkpoint, "results/images.pack", "--layer", "conv9", "--out", "c"});
  CHECK(no_layer.status == 1);
  CHECK_THAT(no_layer.err, Contains("no layer 'conv9'") && Contains("=conv2"));

  const Run net = run(folder, {"inspect", checkpoint});
  CHECK(net.status == 0);
  CHECK_THAT(net.out, Contains("features.0.weight") && Contains("(8, 3, 3, 3)") && Contains("epoch: 3"));
  const Run pack = run(folder, {"inspect", "results/images.pack"});
  CHECK(pack.status == 0);
  CHECK_THAT(pack.out, Contains("pack of 120 images") && Contains("faces: 4 classes, 40 training and 20 test images"));
  const Run other = run(folder, {"inspect", "study.toml"});
  CHECK(other.status == 1);
  CHECK_THAT(other.err, Contains("study.toml: "));
}

TEST_CASE("pack decodes folders of pictures and says which are damaged") {
  const ScratchFolder folder;
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directories(folder / "pictures/" + name);
    for (const char* file : {"1.jpg", "2.jpg", "3.jpg", "4.jpg"})
      std::filesystem::copy(std::string(FUSIFORM_GOLDENS) + "/photo.jpg", folder / "pictures/" + name + "/" + file);
  }
  const std::vector<std::string> arguments = {"pack", "pictures", "--out", "p.pack", "--resize", "16"};
  REQUIRE(run(folder, arguments).status == 0);
  CHECK(ImagePack(folder / "p.pack").count() == 8);
  const std::string whole = read_file(folder / "p.pack");

  const std::string photo = read_file(folder / "pictures/a/2.jpg");
  std::ofstream(folder / "pictures/a/2.jpg", std::ios::binary) << photo.substr(0, photo.size() / 2);
  std::ofstream(folder / "pictures/b/3.jpg", std::ios::binary) << "Dear reader, this is a letter.";
  const Run refused = run(folder, arguments);
  CHECK(refused.status == 1);
  CHECK_THAT(refused.err, Contains("pictures/a/2.jpg: damaged JPEG"));
  CHECK_THAT(refused.err,
             Contains("pictures/b/3.jpg: expected a JPEG") && Contains("found text that starts with 'Dear"));
  CHECK(read_file(folder / "p.pack") == whole);
  CHECK_FALSE(has_temporaries(folder.path()));

  std::vector<std::string> tolerant = arguments;
  tolerant.emplace_back("--skip-damaged");
  const Run skipped = run(folder, tolerant);
  CHECK(skipped.status == 0);
  CHECK_THAT(skipped.err, Contains("left out: pictures/a/2.jpg") && Contains("6 images"));
  CHECK(ImagePack(folder / "p.pack").count() == 6);

  const Run missing = run(folder, {"pack", "picturse", "--out", "q.pack"});
  CHECK(missing.status == 1);
  CHECK_THAT(missing.err, Contains("picturse: expected a folder of images"));
  std::filesystem::create_directories(folder / "pictures/empty");
  const Run empty = run(folder, {"pack", "pictures", "--out", "q.pack"});
  CHECK(empty.status == 1);
  CHECK_THAT(empty.err, Contains("pictures/empty: expected pictures of a class") && Contains("found none"));
  const Run nowhere = run(folder, {"pack", "pictures/a/..", "--out", "no/q.pack"});
  CHECK(nowhere.status == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "q.pack"));
}
