#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/io/csv.hpp>
#include <fusiform/io/safetensors.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/report/table.hpp>
#include <fusiform/study/outcome_store.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

/// One finished study that several tests look at; none changes it.
const std::string& finished_study() {
  static const ScratchFolder folder;
  static const std::string path = [] {
    const int threads = thread_count();
    set_thread_count(1);
    run_quietly(tiny_study(), folder / "results");
    set_thread_count(threads);
    return folder / "results";
  }();
  return path;
}

/// The stored outcomes of one layer, read without the library's reader of outcomes.
struct StoredOutcomes {
  SafetensorsFile file;
  json lesions;

  StoredOutcomes(const std::string& folder, const std::string& layer)
      : file(folder + "/outcomes/seed0_" + layer + ".safetensors"),
        lesions(json::parse(file.metadata().at("lesions"))) {}

  [[nodiscard]] double mean_of(const std::string& task, const std::string& what, std::size_t lesion) const {
    const auto values = file.read<double>(task + "." + what);
    const std::size_t images = values.size() / lesions.size();
    double sum = 0;
    for (std::size_t i = 0; i < images; ++i) sum += values[lesion * images + i];
    return sum / static_cast<double>(images);
  }
  [[nodiscard]] std::size_t find(const std::string& origin, double fraction) const {
    for (std::size_t i = 0; i < lesions.size(); ++i)
      if (lesions[i]["origin"] == origin && lesions[i]["fraction"] == fraction) return i;
    FAIL("no lesion of " << origin << " at " << fraction);
    return 0;
  }
  /// (intact - lesioned) / intact
  [[nodiscard]] double drop(const std::string& task, std::size_t lesion) const {
    const double intact = mean_of(task, "correct", 0);
    return (intact - mean_of(task, "correct", lesion)) / intact;
  }
};

/// JSON says null where a number is undefined.
void check_number(const json& found, double expected) {
  if (std::isfinite(expected))
    CHECK(found.get<double>() == Approx(expected).margin(1e-12));  // sums of up to 20 flags, in double
  else
    CHECK(found.is_null());
}

bool is_between(const json& interval, double low, double high) {
  if (interval["low"].is_null()) return true;
  return low <= interval["low"] && interval["low"] <= interval["high"] && interval["high"] <= high;
}

const std::vector<std::string> both_tasks = {"faces", "objects"};

}  // namespace

TEST_CASE("the numbers of the summary follow from the stored outcomes") {
  const std::string& folder = finished_study();
  const json summary = summary_in(folder);
  REQUIRE(summary["layers"].size() == 2);
  for (const json& layer : summary["layers"]) {
    const auto name = layer["layer"].get<std::string>();
    CAPTURE(name);
    const StoredOutcomes stored(folder, name);
    REQUIRE(stored.lesions.size() == 1 + 2 * 3 + 3);  // intact, three fractions of two rankings, three random sets
    CHECK(layer["units"] == 8);
    for (std::size_t t = 0; t < 2; ++t) {
      const json& effect = layer["effects"][t];
      const std::string& task = both_tasks[t];
      CHECK(effect["task"] == task);
      CHECK(effect["images"] == 20);
      check_number(effect["top1"]["estimate"], stored.mean_of(task, "correct", 0));
      check_number(effect["mean_loss"], stored.mean_of(task, "losses", 0));
      CHECK(is_between(effect["top1"], 0, 1));
      REQUIRE(effect["lesions"].size() == 6);
      for (const json& lesion : effect["lesions"]) {
        const std::size_t i = stored.find(lesion["sort_task"], lesion["fraction"]);
        CHECK(lesion["units"] == stored.lesions[i]["units"].size());
        check_number(lesion["top1"]["estimate"], stored.mean_of(task, "correct", i));
        check_number(lesion["drop"]["estimate"], stored.drop(task, i));
        check_number(lesion["mean_loss"], stored.mean_of(task, "losses", i));
        if (lesion["fraction"] == 0.0) check_number(lesion["mean_loss"], stored.mean_of(task, "losses", 0));
      }
      double random_drop = 0;
      for (std::size_t i = 7; i < 10; ++i) {
        CHECK(stored.lesions[i]["origin"] == "random");
        CHECK(stored.lesions[i]["units"].size() == 2);
        random_drop += stored.drop(task, i) / 3;
      }
      check_number(effect["random_lesions"]["mean_drop"], random_drop);
      const json& net = summary["nets"][0]["tasks"][t];
      check_number(net["top1"], stored.mean_of(task, "correct", 0));
      check_number(net["top5"], stored.mean_of(task, "in_top5", 0));
      check_number(net["mean_loss"], stored.mean_of(task, "losses", 0));
      CHECK(summary["tasks"][t]["top1"] == net["top1"]);   // the mean over one net
      CHECK(summary["tasks"][t]["chance_top1"] == 0.125);  // one classifier for 4 + 4 classes
      CHECK(summary["tasks"][t]["train_images"] == 40);
    }

    // index = sum of [own - other] / sum of [own + other] at the headline fraction
    double difference = 0;
    double sum = 0;
    for (std::size_t s = 0; s < 2; ++s) {
      const std::size_t lesion = stored.find(both_tasks[s], 0.25);
      const double own = stored.drop(both_tasks[s], lesion);
      const double other = stored.drop(both_tasks[1 - s], lesion);
      difference += own - other;
      sum += own + other;
      check_number(layer["segregation"]["specificity"][s]["specificity"]["estimate"], own - other);
    }
    check_number(layer["segregation"]["denominator"]["estimate"], sum);
    if (!layer["segregation"]["index"].is_null())
      check_number(layer["segregation"]["index"]["estimate"], difference / sum);
    CHECK(layer["segregation"]["fraction"] == 0.25);

    const auto first = layer["rankings"][0]["selected_at_headline"].get<std::set<int>>();
    const auto second = layer["rankings"][1]["selected_at_headline"].get<std::set<int>>();
    CHECK(stored.lesions[stored.find("faces", 0.25)]["units"].get<std::set<int>>() == first);
    std::vector<int> common;
    std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(common));
    CHECK(layer["overlap"][0]["common"] == common.size());
    CHECK(layer["overlap"][0]["expected_by_chance"] == 2 * 2 / 8.0);

    for (std::size_t t = 0; t < 2; ++t) {  // journals hold what the summary says
      std::ifstream journal(folder + "/rankings/seed0_" + name + "_" + both_tasks[t] + ".jsonl");
      std::string line;
      std::getline(journal, line);
      const json iteration = json::parse(line);
      for (std::size_t unit = 0; unit < 8; ++unit)
        check_number(layer["single_units"]["loss_increase"][both_tasks[t]][unit],
                     iteration["losses"][unit].get<double>() - iteration["base_loss"].get<double>());
      CHECK(layer["rankings"][t]["images"] == 16);
      CHECK(layer["rankings"][t]["classes_covered"] == 4);
    }
  }
  CHECK(summary["across_seeds"].size() == 2);
  CHECK(summary["across_seeds"][0]["sd_index"].is_null());  // one net has no spread
}

TEST_CASE("stored outcomes are those of the stored net with the units' weights set to zero") {
  const std::string& folder = finished_study();
  const ImagePack pack(folder + "/images.pack");
  for (const std::string layer : {"conv1", "conv2"}) {
    const StoredOutcomes stored(folder, layer);
    for (std::size_t lesion = 0; lesion < stored.lesions.size(); ++lesion) {
      StudyNetwork network = load_network<float>(folder + "/checkpoints/seed0.safetensors");
      for (Parameter<float, Cpu>& parameter : network.node(network.find(layer)).layer->parameters()) {
        const Index row = parameter.value.size() / 8;  // weights (out, kh, kw, in) and biases (out)
        for (const Index unit : stored.lesions[lesion]["units"].get<std::vector<Index>>())
          std::fill_n(parameter.value.data() + unit * row, row, 0.0F);
      }
      for (const std::string& task : both_tasks) {
        const auto images = labelled_images<float>(pack, pack.select(task, Split::test), {.crop = 16});
        const Outcomes<float> outcomes = evaluate(network, network.heads().front(), images, 20);
        // sums of float32 products may be grouped otherwise for another batch: some ulp of losses of about 2
        CHECK(outcomes.mean_loss() == Approx(stored.mean_of(task, "losses", lesion)).epsilon(1e-5));
        CHECK(outcomes.top1() == Approx(stored.mean_of(task, "correct", lesion)).margin(1e-12));
      }
    }
  }
}

TEST_CASE("the report is one file that shows the numbers") {
  const std::string& folder = finished_study();
  const std::string report = read_file(folder + "/report.html");
  for (const char* outside : {"src=\"http", "href=\"http", "<link", "@import", "src=\"figures", "url(http"})
    CHECK_THAT(report, !Contains(outside));
  CHECK_THAT(report, Contains("<svg") && Contains("faces") && Contains("conv2") && Contains("segregation index"));
  const json summary = summary_in(folder);
  for (const json& task : summary["tasks"]) CHECK_THAT(report, Contains(percent_text(task["top1"].get<double>())));
  for (const json& layer : summary["layers"]) {
    const json& lesion = layer["effects"][0]["lesions"][1];
    CHECK_THAT(report, Contains(percent_text(lesion["top1"]["estimate"].get<double>())));
  }
  CHECK_THAT(report, Contains(summary["provenance"]["images"].get<std::string>()));
}

TEST_CASE("one and two threads give the same bytes") {
  const ScratchFolder folder;
  const int threads = thread_count();
  set_thread_count(2);
  run_quietly(tiny_study(), folder / "results");
  set_thread_count(threads);
  const auto expected = reproducible_files(finished_study());
  const auto found = reproducible_files(folder / "results");
  CHECK(expected.size() ==
        1 + 4 + 3 +
            5);  // checkpoint, rankings, outcomes with the intact net; settings, manifest, pack, classes, summary
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, contents] : expected) {
    CAPTURE(name);
    CHECK(found.at(name) == contents);
  }
}

TEST_CASE("other settings are refused in a used folder, other seeds and statistics are not") {
  const ScratchFolder folder;
  const std::string results = folder / "results";
  std::filesystem::copy(finished_study(), results, std::filesystem::copy_options::recursive);
  const auto problem_with = [&](const auto& change) {
    StudyConfig config = tiny_study();
    change(config);
    return error_of([&] { run_quietly(config, results); });
  };
  CHECK_THAT(problem_with([](StudyConfig& config) { config.train.epochs = 3; }),
             Contains(results) && Contains("train/epochs was 2, now it is 3"));
  CHECK_THAT(problem_with([](StudyConfig& config) { config.lesion.kind = "weights"; }), Contains("lesion/kind"));
  CHECK_THAT(problem_with([](StudyConfig& config) { config.lesion.layers = {"conv1"}; }),
             Contains("lesion/layers/1 was \"conv2\", now it is not there"));
  CHECK_THAT(problem_with([](StudyConfig& config) { config.lesion.fractions.push_back(0.5); }),
             Contains("lesion/fractions/3 was not there, now it is 0.5"));
  CHECK_THAT(problem_with([](StudyConfig& config) { config.tasks.pop_back(); }), Contains("task/1/"));
  CHECK_THAT(problem_with([](StudyConfig& config) { config.tasks[0].train_per_class = 9; }),
             Contains("task/0/train_per_class was 10, now it is 9"));
  CHECK(reproducible_files(results) == reproducible_files(finished_study()));

  StudyConfig config = tiny_study();
  config.seeds = {0, 1};
  config.statistics = {.replicates = 100, .level = 0.9};
  run_quietly(config, results, StudyStage::lesion);
  const json summary = summary_in(results);
  CHECK(summary["replicates"] == 100);
  CHECK(summary["nets"].size() == 2);
  CHECK(summary["layers"].size() == 4);
  for (const auto& [name, contents] : reproducible_files(finished_study()))
    if (name.find("seed0") != std::string::npos || name == "images.pack")
      CHECK(read_file(results + "/" + name) == contents);
  for (std::size_t t = 0; t < 2; ++t)
    for (const char* measure : {"top1", "top5", "mean_loss"})
      CHECK(summary["nets"][0]["tasks"][t][measure] == summary_in(finished_study())["nets"][0]["tasks"][t][measure]);

  std::ofstream(results + "/study.json") << "{";
  CHECK_THAT(error_of([&] { run_quietly(config, results); }), Contains("study.json: expected the settings of a study"));
}

TEST_CASE("a lost or cut ranking is made again, with the same bytes") {
  const ScratchFolder folder;
  const std::string results = folder / "results";
  std::filesystem::copy(finished_study(), results, std::filesystem::copy_options::recursive);
  std::filesystem::remove(results + "/rankings/seed0_conv1_faces.jsonl");
  const std::string cut = results + "/rankings/seed0_conv2_objects.jsonl";
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 20);
  std::ofstream(results + "/checkpoints/seed0.safetensors.77.0.tmp") << "half";
  run_quietly(tiny_study(), results, StudyStage::lesion);
  CHECK(reproducible_files(results) == reproducible_files(finished_study()));
}

TEST_CASE("layers and architectures that are not there are refused before anything is written") {
  const ScratchFolder folder;
  const std::string results = folder / "results";
  for (const StudyStage last : {StudyStage::train, StudyStage::report}) {
    StudyConfig config = tiny_study();
    config.lesion.layers = {"conv2", "conv5_3"};
    CHECK_THAT(error_of([&] { run_quietly(config, results, last); }), Contains("'conv5_3'") && Contains("=conv2"));
  }
  StudyConfig config = tiny_study();
  config.net.arch = "vgg17";
  CHECK_THAT(error_of([&] { run_quietly(config, results); }), Contains("'vgg17'") && Contains("vgg16"));
  config = tiny_study();
  config.net.branch_after = "conv7";
  CHECK_THAT(error_of([&] { run_quietly(config, results); }), Contains("'conv7'"));
  config.net.branch_after = "conv1";
  config.lesion.layers = {"faces.conv2"};
  CHECK_THAT(error_of([&] { run_quietly(config, results); }),
             Contains("expected layers that all tasks share, got 'faces.conv2'"));
  config.net.branch_after = "input";
  config.lesion.layers.clear();
  CHECK_THAT(error_of([&] { run_quietly(config, results); }), Contains("no convolution that all tasks share"));
  config = tiny_study();
  config.tasks[0] = {.name = "faces", .images = folder / "nowhere"};
  CHECK_THAT(error_of([&] { run_quietly(config, results); }), Contains("nowhere: expected a folder of images"));
  CHECK_FALSE(std::filesystem::exists(results));
}

TEST_CASE("a study of a single task has no segregation") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.tasks.pop_back();
  config.lesion.layers = {"conv2"};
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  CHECK(summary["layers"][0]["segregation"].is_null());
  CHECK(summary["layers"][0]["overlap"].empty());
  CHECK(summary["across_seeds"][0]["nets"] == 0);
  CHECK_THAT(read_file(folder / "report.html"), Contains("faces") && !Contains("segregation index, conv2"));
}

TEST_CASE("a branched net runs end to end, each task at its own head") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.net.branch_after = "conv2";
  config.lesion.layers.clear();  // the last convolution that both share: conv2
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  REQUIRE(summary["layers"].size() == 1);
  CHECK(summary["layers"][0]["layer"] == "conv2");
  const StoredOutcomes stored(folder.path(), "conv2");
  const StudyNetwork network = load_network<float>(folder / "checkpoints/seed0.safetensors");
  REQUIRE(network.heads().size() == 2);
  const ImagePack pack(folder / "images.pack");
  for (const NetTask& task : net_tasks(config.net, config.tasks, pack.classes())) {
    CHECK(task.classes == 4);
    const NodeId head = task_head(network, task);
    CHECK(network.node(head).name.starts_with(task.task + "."));
    const auto labels = stored.file.read<Index>(task.task + ".labels");
    CHECK(*std::max_element(labels.begin(), labels.end()) == 3);  // of the task's own classifier
    const auto images = labelled_images<float>(pack, pack.select(task.task, Split::test), {.crop = 16}, task.outputs);
    CHECK(evaluate(network, head, images).mean_loss() == Approx(stored.mean_of(task.task, "losses", 0)).epsilon(1e-5));
  }
}

TEST_CASE("the headline fraction is always lesioned, and what was not ranked is left out") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.lesion.layers = {"conv1"};
  config.lesion.fractions = {0.125, 1};
  run_quietly(config, folder / "greedy");
  const LayerEffects greedy = read_effects(StudyPaths(folder / "greedy").outcomes({"", 0}, "conv1"));
  CHECK(greedy.find("faces", 0.125).has_value());
  CHECK(greedy.find("faces", 0.25).has_value());     // not asked for, but the headline
  CHECK_FALSE(greedy.find("faces", 1).has_value());  // not ranked so far
  CHECK_FALSE(summary_in(folder / "greedy")["layers"][0]["segregation"].is_null());

  config.lesion.fraction = 0;  // linear: all units are sorted in one pass
  config.train.epochs = 0;
  run_quietly(config, folder / "linear");
  const LayerEffects linear = read_effects(StudyPaths(folder / "linear").outcomes({"", 0}, "conv1"));
  CHECK(linear.find("faces", 1).has_value());
  REQUIRE(linear.find("random", 0.2).has_value());
  CHECK(linear.lesions[*linear.find("random", 0.2)].units.size() == 2);  // 20 % of 8
  CHECK(summary_in(folder / "linear")["headline_fraction"] == 0.2);
}

TEST_CASE("no epochs leave the untrained net with its log") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.train.epochs = 0;
  config.train.schedule = "plateau";
  for (int run = 0; run < 2; ++run) {
    run_quietly(config, folder.path(), StudyStage::train);
    const CsvTable log = read_csv(folder / "training_seed0.csv");
    REQUIRE(log.rows.size() == 1);
    CHECK(log.number(0, "epoch") == 0);
    CHECK(load_network<float>(folder / "checkpoints/seed0.safetensors").size() > 5);
  }
}

TEST_CASE("a loss that leaves the numbers after an epoch's last step keeps the checkpoint before") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.train.epochs = 3;
  config.train.batch = 100;  // one step per epoch: its own loss is still finite
  config.train.schedule = "step";
  config.train.step_size = 1;
  config.train.factor = 1e30;
  CHECK_THAT(error_of([&] { run_quietly(config, folder.path(), StudyStage::train); }),
             Contains("epoch 2") && Contains("finite") && Contains("learning rate"));
  CHECK(load_training_state<float>(folder / "checkpoints/seed0.safetensors").epoch == 1);
  StudyNetwork network = load_network<float>(folder / "checkpoints/seed0.safetensors");
  for (const Parameter<float, Cpu>* parameter : network.learned_parameters())
    for (const float value : parameter->value.span()) CHECK(std::isfinite(value));
}

TEST_CASE("a net that does not fit the images is refused") {
  const std::vector<ClassInfo> classes = {{"faces", "a"}, {"faces", "b"}, {"objects", "c"}};
  const auto problem_with = [&](const NetOptions& options) {
    const StudyNetwork network = build_network<float, Cpu>("4 M", options, Rng(0));
    const NetConfig net{.branch_after = options.branch_after};
    return error_of([&] { require_fitting_net(network, net_tasks(net, {}, classes)); });
  };
  CHECK(problem_with({.image = {8, 8, 3}, .heads = {{"", 3}}}).empty());
  CHECK(problem_with({.image = {8, 8, 3}, .heads = {{"faces", 2}, {"objects", 1}}, .branch_after = "conv1"}).empty());
  CHECK_THAT(problem_with({.image = {8, 6, 3}, .heads = {{"", 3}}}), Contains("square RGB images, got (8, 6, 3)"));
  CHECK_THAT(problem_with({.image = {8, 8, 1}, .heads = {{"", 3}}}), Contains("square RGB images"));
  CHECK_THAT(problem_with({.image = {8, 8, 3}, .heads = {{"", 2}}}),
             Contains("the 3 classes") && Contains("one for 2"));
  CHECK_THAT(problem_with({.image = {8, 8, 3}, .heads = {{"faces", 3}, {"objects", 1}}, .branch_after = "conv1"}),
             Contains("head of task 'faces'") && Contains("the 2 classes") && Contains("one for 3"));
  CHECK_THAT(problem_with({.image = {8, 8, 3}, .heads = {{"faces", 2}, {"cars", 1}}, .branch_after = "conv1"}),
             Contains("no head for task 'objects'") && Contains("cars."));
}
