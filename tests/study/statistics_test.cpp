#include <nlohmann/json.hpp>
#include <set>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/io/csv.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/report/layer_tables.hpp>
#include <fusiform/study/segregation_summary.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;
using Json = nlohmann::ordered_json;

namespace {

Json layer_with(const std::string& net, int seed, const Json& p) {
  return {{"net", net}, {"seed", seed}, {"segregation", {{"p", p}}}};
}

}  // namespace

TEST_CASE("p-values of the index are corrected for the layers of each net and seed") {
  Json layers = {layer_with("", 0, 0.01),
                 layer_with("", 1, 0.5),
                 layer_with("", 0, 0.04),
                 layer_with("", 0, 0.03),
                 layer_with("", 1, nullptr),
                 layer_with("other", 0, 0.02),
                 {{"net", ""}, {"seed", 0}, {"segregation", nullptr}}};
  detail::correct_over_layers(layers, "segregation", {"net", "seed"});
  const auto check = [&](std::size_t layer, double holm, double fdr) {
    CAPTURE(layer);
    CHECK(layers[layer]["segregation"]["p_holm"].get<double>() == Approx(holm));
    CHECK(layers[layer]["segregation"]["p_fdr"].get<double>() == Approx(fdr));
  };
  check(0, 0.03, 0.03);  // 3 · 0.01
  check(3, 0.06, 0.04);  // Holm 2 · 0.03; BH min(3/2 · 0.03, 0.04)
  check(2, 0.06, 0.04);  // Holm not below the smaller p's
  check(1, 0.5, 0.5);    // the other layer has no test
  CHECK(layers[4]["segregation"]["p_holm"].dump() == "null");
  check(5, 0.02, 0.02);
  CHECK(layers[6]["segregation"].is_null());
  CHECK(layers[0]["segregation"]["p"] == 0.01);
}

TEST_CASE("settings of the statistics change no stored result, and are read from it again") {
  const ScratchFolder folder;
  const std::string results = folder / "results";
  StudyConfig config = tiny_study();
  config.seeds = {0, 1};
  run_quietly(config, results);
  const json before = summary_in(results);
  const std::string settings_before = read_file(results + "/study.json");
  CHECK_THAT(settings_before, !Contains("groups"));
  CHECK(before["interval"] == "percentile");
  for (const json& layer : before["layers"]) {
    const json& test = layer["segregation"];
    for (const char* corrected : {"p_holm", "p_fdr"}) {
      REQUIRE(test.contains(corrected));
      CHECK(test[corrected].is_null() == test["p"].is_null());
      if (!test["p"].is_null()) CHECK(test[corrected].get<double>() >= test["p"].get<double>());
    }
    CHECK(layer["groups"].empty());
  }
  CHECK_THAT(read_file(results + "/report.html"), Contains("p, Holm") && Contains("percentile interval"));
  const CsvTable classes = read_csv(results + "/class_effects_seed1.csv");
  CHECK(classes.rows.size() == 2 * 8 * 2);  // layers, classes, lesions
  CHECK(std::filesystem::exists(results + "/figures/class_effects_seed1.svg"));

  std::map<std::string, std::string> stored;
  for (const auto& [name, contents] : reproducible_files(results))
    if (name.ends_with(".safetensors") || name.ends_with(".jsonl")) stored[name] = contents;
  REQUIRE(stored.size() == 2 + 2 * 4 + 2 * 3);
  const std::string first_class = classes.rows[0][classes.column("class")];
  config.tasks[0].groups = {{"first", {first_class}}, {"all", {"0*"}}};
  CHECK_THAT(error_of([&] { run_quietly(config, results); }), Contains("each class in one group"));
  config.tasks[0].groups = {{"first", {first_class}}};
  config.statistics.interval = "bca";
  config.statistics.matched_accuracy = 0.4;
  run_quietly(config, results);
  for (const auto& [name, contents] : stored) CHECK(read_file(results + "/" + name) == contents);
  const json after = summary_in(results);
  CHECK(after["interval"] == "bca");
  CHECK_THAT(read_file(results + "/study.json"), Contains("\"groups\""));
  CHECK_THAT(read_file(results + "/report.html"), Contains("BCa bootstrap") && !Contains("percentile bootstrap"));
  for (std::size_t l = 0; l < 4; ++l) {
    CHECK(after["layers"][l]["groups"].size() == 2);
    CHECK(after["layers"][l]["effects"][0]["top1"]["estimate"] ==
          before["layers"][l]["effects"][0]["top1"]["estimate"]);
  }

  // The ends are those of the net's own outcomes, from the same stream.
  const LayerEffects intact = read_effects(StudyPaths(results).intact({"", 0}));
  for (std::size_t t = 0; t < 2; ++t) {
    const std::vector<double> correct(intact.tasks[t].lesioned[0].correct.begin(),
                                      intact.tasks[t].lesioned[0].correct.end());
    const HierarchicalBootstrap bootstrap(intact.tasks[t].labels,
                                          Rng(0).stream("bootstrap").stream("intact").stream(t));
    for (const auto& [summary, kind] :
         {std::pair(&before, IntervalKind::percentile), std::pair(&after, IntervalKind::bca)}) {
      const Interval expected = bootstrap_mean(bootstrap, correct, {.replicates = 200, .kind = kind});
      const json& found = (*summary)["nets"][0]["tasks"][t]["top1_interval"];
      CHECK(found["low"] == expected.low);
      CHECK(found["high"] == expected.high);
      CHECK(found.contains("reason") == !expected.reason.empty());
    }
  }

  config.tasks[0].groups.clear();
  config.statistics = tiny_study().statistics;
  run_quietly(config, results);
  CHECK(summary_in(results) == before);
  CHECK(read_file(results + "/study.json") == settings_before);
}

TEST_CASE("the same images are matched in all layers of a net, and the report says how many") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.train.epochs = 12;  // some images of both tasks are found
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  const json& first = summary["layers"][0]["matched"];
  REQUIRE_FALSE(first.contains("reason"));
  for (const json& layer : summary["layers"]) {
    CHECK(layer["matched"]["tasks"] != nullptr);
    for (std::size_t t = 0; t < 2; ++t) CHECK(layer["matched"]["tasks"][t]["images"] == first["tasks"][t]["images"]);
  }
  CHECK_THAT(read_file(folder / "report.html"), Contains("Performance-matched evaluation") &&
                                                    Contains("images of faces") &&
                                                    Contains("specificity, units of objects"));
}

TEST_CASE("the report says why nothing is matched") {
  Json summary{{"layers", Json::array()}};
  for (const char* layer : {"conv1", "conv2"})
    summary["layers"].push_back(
        {{"net", ""}, {"seed", 3}, {"layer", layer}, {"matched", {{"reason", "no images of faces are found"}}}});
  CHECK(detail::unmatched_words(summary) == std::vector<std::string>{"seed 3: no images of faces are found"});
  summary["level"] = 0.95;
  CHECK(detail::matched_table(summary).table.rows.empty());
}
