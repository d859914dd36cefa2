#include <fstream>
#include <nlohmann/json.hpp>

#include <fusiform/analysis/statistics.hpp>
#include <fusiform/study/decoding_journal.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

StudyConfig decoding_study() {
  StudyConfig config = tiny_study();
  for (TaskConfig& task : config.tasks) task.held_out_classes = 3;
  config.decode.images_per_class = 5;
  config.analyses = {"decode", "similarity"};
  VariantConfig faces;
  static_cast<NetSettings&>(faces) = config;
  faces.name = "faces only";
  faces.net.tasks = {"faces"};
  config.variants = {faces};
  return config;
}

const std::string& finished_study() {
  static const ScratchFolder folder;
  static const std::string path = [] {
    run_quietly(decoding_study(), folder / "results");
    return folder / "results";
  }();
  return path;
}

}  // namespace

TEST_CASE("every net is asked for the held-out classes of every task, layer by layer") {
  const std::string& folder = finished_study();
  const json decoding = summary_in(folder)["decoding"];
  REQUIRE(decoding.size() == 2 * 2 * 3);  // nets, tasks, layers conv1, conv2 and fc1
  for (const json& entry : decoding) {
    CHECK(entry["classes"] == 3);
    CHECK(entry["images"] == 15);
    CHECK(entry["chance"].get<double>() == Approx(1.0 / 3));
    const StudyNet net{entry["net"].get<std::string>(), 0};
    bool found = false;
    for (const StoredDecoding& stored : read_decodings(StudyPaths(folder).decoding(net))) {
      if (stored.task != entry["task"] || stored.layer != entry["layer"]) continue;
      found = true;
      double right = 0;
      for (std::size_t i = 0; i < stored.labels.size(); ++i) right += stored.labels[i] == stored.predicted[i] ? 1 : 0;
      CHECK(entry["accuracy"]["estimate"].get<double>() == Approx(right / 15).margin(1e-12));
      CHECK(entry["accuracy"]["low"] <= entry["accuracy"]["estimate"]);
      CHECK(entry["matching"]["estimate"].get<double>() == Approx(mean(stored.match_scores)).margin(1e-12));
    }
    CHECK(found);
  }
}

TEST_CASE("differences between nets are those of their deepest layers") {
  const json summary = summary_in(finished_study());
  REQUIRE(summary["decoding_differences"].size() == 2);
  for (const json& difference : summary["decoding_differences"]) {
    CHECK(difference["layer"] == "fc1");
    double expected = 0;
    for (const json& entry : summary["decoding"])
      if (entry["task"] == difference["task"] && entry["layer"] == "fc1")
        expected += (entry["net"] == difference["first"] ? 1 : -1) * entry["accuracy"]["estimate"].get<double>();
    CHECK(difference["difference"]["estimate"].get<double>() == Approx(expected).margin(1e-12));
    CHECK(difference["p"] > 0);
    CHECK(difference["p"] <= 1);
  }
}

TEST_CASE("a killed decoding goes on with the next layer and ends with the same bytes") {
  const ScratchFolder folder;
  const StudyConfig config = decoding_study();
  const std::string path = StudyPaths(folder.path()).decoding({"", 0});
  run_quietly(config, folder.path(), StudyStage::decode);
  const std::string whole = read_file(path);
  CHECK(whole == read_file(StudyPaths(finished_study()).decoding({"", 0})));
  const std::size_t second_line = whole.find('\n', whole.find('\n') + 1);
  std::ofstream(path, std::ios::binary) << whole.substr(0, second_line + 20);  // torn in the third line
  run_quietly(config, folder.path(), StudyStage::decode);
  CHECK(read_file(path) == whole);

  std::ofstream(path, std::ios::binary) << "{\"task\": \"faces\"}\n";
  CHECK_THAT(error_of([&] { run_quietly(config, folder.path()); }),
             Contains("decoding/seed0.jsonl") && Contains("line 1") && Contains("layer"));
}

TEST_CASE("a layer to decode must exist") {
  const ScratchFolder folder;
  StudyConfig config = decoding_study();
  config.decode.layers = {"conv7"};
  CHECK_THAT(error_of([&] { run_quietly(config, folder.path()); }), Contains("conv7"));
  CHECK_FALSE(std::filesystem::exists(folder / "checkpoints/seed0.safetensors"));
}

TEST_CASE("representations of all layers and nets are compared with each other") {
  const json similarity = summary_in(finished_study())["similarity"];
  const std::size_t sites = similarity["sites"].size();
  REQUIRE(sites == 2 * 3);
  CHECK(similarity["conditions"] == 8);
  for (std::size_t a = 0; a < sites; ++a) {
    CHECK(similarity["rsa"][a][a].get<double>() == Approx(1).margin(1e-12));
    CHECK(similarity["cka"][a][a].get<double>() == Approx(1).margin(1e-9));  // sums of squares in double
    for (std::size_t b = 0; b < sites; ++b) {
      CHECK(similarity["rsa"][a][b] == similarity["rsa"][b][a]);
      CHECK(similarity["cka"][a][b] == similarity["cka"][b][a]);
    }
  }
  // Spearman of the stored matrices' upper triangles
  const auto upper = [&](std::size_t site) {
    const auto rows = similarity["rdms"][site]["values"].get<std::vector<std::vector<double>>>();
    std::vector<double> values;
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t j = i + 1; j < rows.size(); ++j) {
        CHECK(rows[i][j] == rows[j][i]);
        values.push_back(rows[i][j]);
      }
    return values;
  };
  CHECK(similarity["rsa"][0][4].get<double>() == Approx(spearman_correlation(upper(0), upper(4))).margin(1e-12));
}
