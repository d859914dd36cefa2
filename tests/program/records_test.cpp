#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/program/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

TEST_CASE("records of a study are written and read again") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml");
  REQUIRE(run(folder, {"lesion", "study.toml", "--out", "results", "--threads", "1", "--quiet"}).status == 0);
  const Run written = run(folder, {"records", "export", "results", "--out", "LESION_NAME_tiny"});
  CAPTURE(written.err);
  REQUIRE(written.status == 0);
  CHECK_THAT(written.err, Contains("2 layers"));

  const std::vector<std::string> import = {"records",      "import", "LESION_NAME_tiny", "--fraction", "0.25",
                                           "--replicates", "200"};
  std::vector<std::string> as_json = import;
  as_json.emplace_back("--json");
  const Run read = run(folder, as_json);
  CAPTURE(read.err);
  REQUIRE(read.status == 0);
  const auto records = nlohmann::json::parse(read.out);
  const auto summary = nlohmann::json::parse(read_file(folder / "results/summary.json"));
  REQUIRE(records["layers"].size() == 2);
  REQUIRE(records["rankings"].size() == 4);
  for (const auto& ranking : records["rankings"]) CHECK(ranking["iterations"] == ranking["iterations_by_the_rule"]);
  for (const auto& layer : records["layers"]) {  // conv1 and conv2: the pairs of weight and bias number 0 and 1
    const std::string name = layer["layer"] == 0 ? "conv1" : "conv2";
    CAPTURE(name);
    const auto base = layer["drops"][0]["base"].get<double>();
    CHECK(base > 0);
    CHECK(layer["random_sets"] == 3);
    const auto ours = std::find_if(summary["layers"].begin(), summary["layers"].end(),
                                   [&](const auto& other) { return other["layer"] == name; });
    REQUIRE(ours != summary["layers"].end());
    for (const auto& drop : layer["drops"])
      for (const auto& task : (*ours)["effects"])
        for (const auto& lesion : task["lesions"])
          if (task["task"] == drop["task"] && lesion["sort_task"] == drop["sort_task"] && lesion["fraction"] == 0.25)
            CHECK(lesion["drop"]["estimate"] == drop["drop"]["estimate"]);
  }
  const Run text = run(folder, import);
  CHECK(text.status == 0);
  CHECK_THAT(text.out, Contains("sorted by faces") && Contains("segregation index"));

  const Run nothing = run(folder, {"records", "import", "results"});
  CHECK(nothing.status == 1);
  CHECK_THAT(nothing.err, Contains("results: expected lesion.jsonl"));
  CHECK(run(folder, {"records"}).status == 2);
  CHECK(run(folder, {"records", "export", "results"}).status == 2);
  const Run none = run(folder, {"records", "export", "results", "--out", "x", "--seed", "7"});
  CHECK(none.status == 1);
  CHECK_THAT(none.err, Contains("expected lesion effects of seed 7, found none"));
}
