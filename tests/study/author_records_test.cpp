#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "cmake/own_study/records.hpp"
#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

const std::string asian = "data_AFD_matched";
const std::string white = "dataset_white_CASIA_facecar_na";

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string made(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  return path;
}

std::string line(const std::string& key, const json& value) { return json{{key, value}}.dump() + "\n"; }

void append(const std::string& path, const std::string& lines) { std::ofstream(made(path), std::ios::app) << lines; }

// A progress record as the scripts write it; units in the order in which they were evaluated.
struct ProgressRecord {
  std::vector<Index> selected = {};
  std::vector<Index> dropped = {};
  std::vector<double> losses = {};
  std::vector<Index> remaining = {};
  std::vector<Index> pending = {};
  Index seed = 0;

  void write(const std::string& path) const {
    NpzWriter file;
    file.add("selected_units", selected);
    file.add("selected_losses", std::vector<double>(selected.size(), 1));
    file.add("selected_accuracies", std::vector<double>(selected.size(), 0.5));
    file.add("selected_subperformances", std::vector<double>{});
    file.add("remaining_units", remaining);
    file.add("pending_units", pending);
    file.add("dropped_units", dropped);
    file.add("dropped_losses", losses);
    file.add("dropped_accuracies", std::vector<double>(losses.size(), 0.5));
    file.add("seed", std::vector<Index>{seed});
    file.write(made(path));
  }
};

// The recorded run laid out in the scripts' files (the golden holds one of its two tasks). Units of a record are
// listed backwards: workers append in any order.
void lay_out_recorded_run(const std::string& root, const json& run) {
  const json& greedy = run.at("greedy").at(asian);
  std::string lines = line("meta/greedy_p", 0.25) + line("meta/shuffle", false) + line("meta/max_batches", 50);
  lines += line("status/SORTEDBY_" + asian + "/12", "complete");
  for (const char* key : {"selected_units", "selected_losses", "selected_accuracies"})
    lines += line(std::string(key) + "/SORTEDBY_" + asian + "/12", greedy.at(key));
  append(root + "/lesion.jsonl", lines);

  const auto all = greedy.at("selected_units").get<std::vector<Index>>();
  const std::string progress = root + "/progress_records/SORTEDBY_" + asian + "/PARAM_GROUP_INDEX_12/";
  std::size_t k = 0;
  for (const json& iteration : greedy.at("iterations")) {
    NpzWriter file;
    const auto backwards = [&](auto values) { return decltype(values)(values.rbegin(), values.rend()); };
    const std::vector<Index> selected(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(8 * (k + 1)));
    file.add("selected_units", selected);
    file.add("selected_losses", std::vector<double>(selected.size()));
    file.add("selected_accuracies", std::vector<double>(selected.size()));
    file.add("remaining_units", std::vector<Index>{});
    file.add("pending_units", std::vector<Index>{});
    file.add("dropped_units", backwards(iteration.at("units").get<std::vector<Index>>()));
    file.add("dropped_losses", backwards(iteration.at("losses").get<std::vector<double>>()));
    file.add("dropped_accuracies", backwards(iteration.at("accuracies").get<std::vector<double>>()));
    file.add("seed", std::vector<Index>{iteration.at("seed").get<Index>()});
    file.write(made(progress + "progress_record_ITER_" + std::to_string(k++) + ".npz"));
  }
  std::vector<Index> left;
  for (Index unit = 0; unit < 512; ++unit)
    if (std::find(all.begin(), all.end(), unit) == all.end()) left.push_back(unit);
  ProgressRecord{.selected = all, .remaining = left}.write(progress + "progress_record_ITER_17.npz");

  // The curves in the order of the real file: all lists of fractions are the same there.
  const json& evaluation = run.at("eval");
  for (const std::string& s : {white, asian})
    for (const std::string& t : {asian, white}) {
      std::string curve = line("meta/drop_percents", evaluation.at("meta/drop_percents"));
      for (const char* what : {"losses", "accuracies"}) {
        const std::string key = std::string("validated_") + what + "_SORTEDBY_" + s + "/" + t + "/12";
        curve += line(key, evaluation.at(key));
      }
      append(root + "/eval_layer12.json", curve);
    }
  for (const auto& [key, value] : run.at("predictions").at(asian).items())
    append(root + "/drop_percents_records/VERSION__layer12/EVALUATION_TASK_" + asian +
               "/predictions/PARAM_GROUP/predictions.jsonl",
           line(key, value));
}

json recorded_run() {
  std::ifstream file(std::string(FUSIFORM_GOLDENS) + "/ore_lesion.json");
  return json::parse(file);
}

// Two tasks with 6 and 4 classes of 5 images, lesions of either task's units at two sizes and two random sets; flags
// and losses are made up but differ everywhere.
LayerEffects some_effects() {
  LayerEffects effects{.layer = "conv2", .units = 8, .lesions = {}, .tasks = {}};
  const auto add = [&](const std::string& origin, double fraction, Index repeat, std::vector<Index> units) {
    PlannedLesion lesion;
    lesion.origin = origin;
    lesion.fraction = fraction;
    lesion.repeat = repeat;
    lesion.units = std::move(units);
    effects.lesions.push_back(lesion);
  };
  add("none", 0, 0, {});
  add("faces", 0.125, 0, {5});
  add("faces", 0.25, 0, {5, 2});
  add("objects", 0.25, 0, {1, 2});
  add("random", 0.25, 0, {0, 7});
  add("random", 0.25, 17, {3, 4});
  Rng rng(8);
  for (const Index classes : {6, 4}) {
    TaskEffects<float> task{classes == 6 ? "faces" : "objects", {}, {}};
    for (Index i = 0; i < classes * 5; ++i) task.labels.push_back(i / 5 + (classes == 6 ? 0 : 6));
    for (std::size_t lesion = 0; lesion < effects.lesions.size(); ++lesion) {
      Outcomes<float>& outcomes = task.lesioned.emplace_back(classes * 5);
      for (std::size_t i = 0; i < outcomes.losses.size(); ++i) {
        outcomes.losses[i] = static_cast<float>(rng.uniform());
        outcomes.correct[i] = rng.uniform() < (lesion == 0 ? 0.9 : 0.5) ? 1 : 0;
      }
    }
    effects.tasks.push_back(std::move(task));
  }
  return effects;
}

// 8 units, two selected at a time; the losses of two candidates tie at the cut of the first iteration.
Ranking some_ranking(Index first) {
  Ranking ranking;
  ranking.layer_units = 8;
  std::vector<Index> candidates{0, 1, 2, 3, 4, 5, 6, 7};
  for (int k = 0; k < 2; ++k) {
    RankingIteration iteration;
    iteration.base_loss = undefined;
    iteration.candidates = candidates;
    for (const Index unit : candidates) {
      iteration.losses.push_back(unit == first ? 3 : (k == 0 ? 1 : 1 + 0.1 * static_cast<double>(unit)));
      iteration.accuracies.push_back(0.3 / static_cast<double>(unit + 1));
    }
    iteration.selection = select_group(iteration.candidates, iteration.losses, 2);
    for (const Index unit : iteration.selection.units) std::erase(candidates, unit);
    ranking.append(std::move(iteration));
  }
  return ranking;
}

AuthorRecords some_records() {
  AuthorRecords records{.version = "_b", .settings = {{"greedy_p", 0.25}, {"shuffle", false}, {"batch_size", 16}}};
  add_layer(records, 1, {{"faces", some_ranking(5)}, {"objects", some_ranking(1)}}, some_effects());
  return records;
}

void check_equal(const Ranking& found, const Ranking& expected) {
  CHECK(found.units == expected.units);
  CHECK(found.losses == expected.losses);
  CHECK(found.accuracies == expected.accuracies);
  REQUIRE(found.iterations.size() == expected.iterations.size());
  for (std::size_t k = 0; k < found.iterations.size(); ++k) {
    const RankingIteration& a = found.iterations[k];
    const RankingIteration& b = expected.iterations[k];
    CHECK(std::isnan(a.base_loss));
    CHECK(a.candidates == b.candidates);
    CHECK(a.losses == b.losses);
    CHECK(a.accuracies == b.accuracies);
    CHECK(a.selection.units == b.selection.units);
    CHECK(a.selection.tied_at_cut == b.selection.tied_at_cut);
    CHECK(a.selection.gap == b.selection.gap);
  }
}

}  // namespace

TEST_CASE("author records: a published run comes in with its 17 iterations, curves and predictions") {
  const ScratchFolder folder;
  const json run = recorded_run();
  lay_out_recorded_run(folder.path(), run);
  const AuthorRecords records = own::read_author_records(folder.path());
  CHECK(records.version == "_layer12");
  CHECK(records.settings["greedy_p"] == 0.25);

  REQUIRE(records.rankings.size() == 1);
  const RecordedRanking& ranking = records.rankings.front();
  CHECK(ranking.complete);
  CHECK(ranking.layer == 12);
  CHECK(ranking.ranking.layer_units == 512);
  REQUIRE(ranking.ranking.iterations.size() == 17);
  CHECK(ranking.seeds.front() == 992);
  CHECK(iterations_by_the_rule(ranking.ranking) == 17);
  const json& greedy = run.at("greedy").at(asian);
  CHECK(ranking.ranking.units == greedy.at("selected_units").get<std::vector<Index>>());
  CHECK(ranking.ranking.losses == greedy.at("selected_losses").get<std::vector<double>>());
  CHECK(ranking.ranking.accuracies == greedy.at("selected_accuracies").get<std::vector<double>>());
  CHECK(ranking.ranking.top(0.2).size() == 102);

  REQUIRE(records.curves.size() == 4);
  const RecordedCurve* own = records.curve(asian, asian, 12);
  REQUIRE(own != nullptr);
  REQUIRE(own->points.size() == 13);
  CHECK(own->find(0.3) != nullptr);  // recorded as 0.30000000000000004
  CHECK(own->find(0.2)->accuracy == 0.25199516324062876);
  CHECK(own->find(0.2)->loss == 5.9131711152883675);
  CHECK(own->find(0.2)->y_true.size() == 8270);
  CHECK_FALSE(own->find(0.25)->has_predictions());
  CHECK(own->find(0.25)->available);  // 128 of the 136 ranked units
  for (const double fraction : {0.3, 0.45, 0.6}) CHECK_FALSE(own->find(fraction)->available);
  REQUIRE_FALSE(records.notes.empty());
  CHECK_THAT(records.notes.front(), Contains("not available at 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60") &&
                                        Contains("only 136 of 512 units were ranked"));
}

TEST_CASE("author records: statistics of a published run") {
  const ScratchFolder folder;
  lay_out_recorded_run(folder.path(), recorded_run());
  const RecordedSegregation measures =
      own::recorded_segregation(own::read_author_records(folder.path()), 12, 0.2, Rng(0));
  REQUIRE(measures.tasks == std::vector<std::string>{asian, white});
  // Values and tolerances as in the test "drops of a recorded run agree with its published re-computation".
  const Interval& own = measures.drop[0][0];
  CHECK(own.estimate == Approx(0.631).margin(0.001));
  CHECK(own.deviation == Approx(0.0103).margin(0.002));
  CHECK(own.low == Approx(0.610).margin(0.002));
  CHECK(own.high == Approx(0.652).margin(0.002));
  const Interval& other = measures.drop[0][1];
  CHECK(other.estimate == Approx(0.478).margin(0.001));
  CHECK(other.low == Approx(0.455).margin(0.002));
  CHECK(other.high == Approx(0.501).margin(0.002));
  // There are no predictions of the other task here: estimates from the recorded accuracies, each with its own base.
  CHECK(measures.drop[1][0].estimate == Approx(1 - 0.3939540507859734 / 0.7707376058041112));
  CHECK(measures.drop[1][1].estimate == Approx(1 - 0.27412333736396616 / 0.7767835550181379));
  CHECK_FALSE(measures.drop[1][0].defined());
  CHECK_FALSE(measures.intervals.has_value());
  CHECK(measures.specificity[0] == Approx(0.142).margin(0.0005));
  // Published: 0.166 and 0.137, with the base of the other curve (0.7707) for both; the run's own base gives 0.169.
  CHECK(measures.specificity[1] == Approx(0.1689).margin(0.0001));
  CHECK(measures.index == Approx(0.1386).margin(0.0001));
  REQUIRE(measures.notes.size() == 1);
  CHECK_THAT(measures.notes[0], Contains(white) && Contains("0.7707") && Contains("0.7768"));

  const RecordedSegregation beyond =
      own::recorded_segregation(own::read_author_records(folder.path()), 12, 0.4, Rng(0));
  CHECK(std::isnan(beyond.drop[0][0].estimate));  // not available
  CHECK(std::isnan(beyond.index));
}

TEST_CASE("author records: what is written comes back") {
  const ScratchFolder folder;
  const AuthorRecords written = some_records();
  own::write_author_records(folder / "LESION_NAME_x", written);
  const AuthorRecords read = own::read_author_records(folder / "LESION_NAME_x");
  CHECK(read.version == written.version);
  CHECK(read.settings == written.settings);
  CHECK(read.notes.empty());
  REQUIRE(read.rankings.size() == 4);
  for (const RecordedRanking& expected : written.rankings) {
    CAPTURE(expected.sort_task);
    const RecordedRanking* found = read.ranking(expected.sort_task, 1);
    REQUIRE(found != nullptr);
    CHECK(found->complete);
    CHECK(found->ranking.layer_units == 8);
    check_equal(found->ranking, expected.ranking);
  }
  REQUIRE(read.curves.size() == 8);
  for (const RecordedCurve& expected : written.curves) {
    const RecordedCurve* found = read.curve(expected.sort_task, expected.task, 1);
    REQUIRE(found != nullptr);
    REQUIRE(found->points.size() == expected.points.size());
    for (std::size_t i = 0; i < found->points.size(); ++i) {
      CHECK(found->points[i].fraction == expected.points[i].fraction);
      CHECK(found->points[i].loss == expected.points[i].loss);
      CHECK(found->points[i].accuracy == expected.points[i].accuracy);
      CHECK(found->points[i].y_true == expected.points[i].y_true);
      CHECK(found->points[i].y_pred == expected.points[i].y_pred);
      CHECK(found->points[i].available);
    }
  }
  CHECK(read.ranking("random00000000000000000000000000000011", 1)->ranking.units == std::vector<Index>{3, 4});

  own::write_author_records(folder / "again", read);
  for (const char* file :
       {"lesion.jsonl", "eval_b.json", "progress_records/SORTEDBY_faces/PARAM_GROUP_INDEX_1/progress_record_ITER_2.npz",
        "drop_percents_records/VERSION__b/EVALUATION_TASK_faces/predictions/PARAM_GROUP/"
        "predictions.jsonl"})
    CHECK(read_file(folder / "LESION_NAME_x/" + file).size() == read_file(folder / "again/" + file).size());
}

TEST_CASE("author records: exported effects give the statistics of the study, to the bit") {
  const ScratchFolder folder;
  own::write_author_records(folder.path(), some_records());
  const BootstrapOptions options{.replicates = 300};
  const RecordedSegregation imported =
      own::recorded_segregation(own::read_author_records(folder.path()), 1, 0.25, Rng(5), options);
  REQUIRE(imported.intervals.has_value());
  CHECK(imported.random_sets == 2);

  const LayerEffects effects = some_effects();
  std::vector<TaskResponses> responses;
  for (const TaskEffects<float>& task : effects.tasks)
    responses.push_back({.task = task.task,
                         .labels = task.labels,
                         .base = task.lesioned[0].correct,
                         .lesioned = {task.lesioned[2].correct, task.lesioned[3].correct},
                         .random = {task.lesioned[4].correct, task.lesioned[5].correct}});
  const Segregation direct = segregation(responses, Rng(5), options);
  REQUIRE(direct.index.has_value());
  CHECK(imported.intervals->index_replicates == direct.index_replicates);
  CHECK(imported.index == direct.index->estimate);
  CHECK(imported.intervals->index->low == direct.index->low);
  CHECK(imported.intervals->index_p == direct.index_p);
  for (std::size_t t = 0; t < 2; ++t) {
    CHECK(imported.intervals->specificity[t].high == direct.specificity[t].high);
    CHECK(imported.intervals->random_drop[t].estimate == direct.random_drop[t].estimate);
    for (std::size_t s = 0; s < 2; ++s) {
      CHECK(imported.drop[t][s].low == direct.drop[t][s].low);
      CHECK(imported.base[t][s] == direct.base[t].estimate);
    }
  }
}

TEST_CASE("author records: other images for another ranking are a sample of their own, and said") {
  AuthorRecords records = some_records();
  for (RecordedCurve& curve : records.curves)
    if (curve.task == "objects" && curve.sort_task == "objects")
      for (RecordedPoint& point : curve.points) {  // without the last two images
        point.y_true.resize(18);
        point.y_pred.resize(18);
        point.accuracy = 0;
        for (std::size_t i = 0; i < 18; ++i) point.accuracy += point.y_true[i] == point.y_pred[i] ? 1.0 / 18 : 0;
      }
  const BootstrapOptions options{.replicates = 200};
  const RecordedSegregation measures = own::recorded_segregation(records, 1, 0.25, Rng(5), options);
  REQUIRE(measures.intervals.has_value());
  REQUIRE(measures.notes.size() == 1);
  CHECK_THAT(measures.notes[0], Contains("objects") && Contains("the test images differ"));
  CHECK(measures.drop[1][1].defined());
  CHECK(measures.drop[1][1].estimate ==
        Approx(proportional_drop(measures.base[1][1], records.curve("objects", "objects", 1)->find(0.25)->accuracy)));
}

TEST_CASE("author records: an unfinished ranking counts up to its last selection") {
  const ScratchFolder folder;
  const std::string progress = folder / "progress_records/SORTEDBY_a/PARAM_GROUP_INDEX_3/progress_record_ITER_";
  // Unit 2 was evaluated twice; the scripts keep the first.
  ProgressRecord{.selected = {2}, .dropped = {1, 2, 0, 2}, .losses = {5, 7, 6, 1}, .seed = 9}.write(progress + "0.npz");
  ProgressRecord{.selected = {2}, .dropped = {1}, .losses = {8}, .remaining = {}, .pending = {0}}.write(progress +
                                                                                                        "1.npz");
  const AuthorRecords records = own::read_author_records(folder.path());
  REQUIRE(records.rankings.size() == 1);
  const RecordedRanking& ranking = records.rankings.front();
  CHECK_FALSE(ranking.complete);
  CHECK(ranking.ranking.layer_units == 3);
  CHECK(ranking.ranking.units == std::vector<Index>{2});
  CHECK(ranking.ranking.losses == std::vector<double>{7});
  REQUIRE(ranking.ranking.iterations.size() == 1);
  CHECK(ranking.ranking.iterations[0].losses == std::vector<double>{6, 5, 7});
  CHECK(ranking.seeds == std::vector<Index>{9});
}

TEST_CASE("author records: units of a layer without progress records can be given") {
  const ScratchFolder folder;
  append(folder / "lesion.jsonl", line("selected_units/SORTEDBY_a/0", {4, 1}) +
                                      line("selected_losses/SORTEDBY_a/0", {2.5, 2.0}) +
                                      line("selected_accuracies/SORTEDBY_a/0", {0.5, 0.25}));
  append(folder / "eval.json",
         line("meta/drop_percents", {0.0, 0.2, 0.4}) + line("validated_accuracies_SORTEDBY_a/a/0", {0.8, 0.4, 0.4}));
  CHECK(own::read_author_records(folder.path()).curves[0].points[2].available);  // unknown
  const AuthorRecords records = own::read_author_records(folder.path(), {.layer_units = 10});
  CHECK(records.curves[0].points[1].available);
  CHECK_FALSE(records.curves[0].points[2].available);
  CHECK(records.ranking("a", 0)->ranking.top(0.2) == std::vector<Index>{4, 1});
  CHECK(own::recorded_segregation(records, 0, 0.2, Rng(1)).drop[0][0].estimate == Approx(0.5));
}

TEST_CASE("author records: damage and contradictions are named with file and place") {
  const ScratchFolder folder;
  const std::string root = folder / "records";
  const std::string faces = "SORTEDBY_faces/PARAM_GROUP_INDEX_1/";
  const auto problem = [&](const std::function<void()>& damage) {
    std::filesystem::remove_all(root);
    own::write_author_records(root, some_records());
    damage();
    return error_of([&] { (void)own::read_author_records(root); });
  };
  const auto cut = [&](const std::string& file) {
    const std::string whole = read_file(root + "/" + file);
    std::ofstream(root + "/" + file, std::ios::binary) << whole.substr(0, whole.size() / 2);
  };
  CHECK(problem([] {}) == "no error");
  const std::string first = "progress_records/" + faces + "progress_record_ITER_0.npz";
  CHECK_THAT(problem([&] { cut(first); }), Contains(first) && Contains("no directory at its end"));
  CHECK_THAT(problem([&] { std::filesystem::remove(root + "/" + first); }), Contains(first) && Contains("found none"));
  CHECK_THAT(problem([&] { cut("lesion.jsonl"); }), Contains("lesion.jsonl") && Contains("cut off"));
  CHECK_THAT(problem([&] { append(root + "/lesion.jsonl", "{]\n"); }), Contains("lesion.jsonl: line 12"));
  CHECK_THAT(problem([&] { append(root + "/lesion.jsonl", line("status/SORTEDBY_faces/x", "complete")); }),
             Contains("lesion.jsonl: line 12: expected the number of a layer, found 'x'"));
  CHECK_THAT(problem([&] { append(root + "/lesion.jsonl", line("selected_losses/SORTEDBY_faces/1", {1.0})); }),
             Contains("lesion.jsonl: selected units of SORTEDBY_faces/1: expected 4 losses") && Contains("found 1"));
  CHECK_THAT(problem([&] {
               append(root + "/lesion.jsonl", line("selected_units/SORTEDBY_faces/1", {5, 0, 7, 1}));
             }),
             Contains("selections_record.npz: expected the selected units of lesion.jsonl"));
  CHECK_THAT(problem([&] {
               ProgressRecord{.dropped = {1, 2}, .losses = {1, 2}}.write(root + "/progress_records/" + faces +
                                                                         "progress_record_ITER_1.npz");
             }),
             Contains("progress_record_ITER_1.npz: expected 4 or more units that are not selected yet, found 2"));
  CHECK_THAT(problem([&] {
               NpzWriter file;
               file.add("dropped_units", std::vector<Index>{1});
               file.write(root + "/" + first);
             }),
             Contains(first) && Contains("expected an array 'dropped_losses', found dropped_units"));
  CHECK_THAT(problem([&] { append(root + "/eval_b.json", line("validated_losses_SORTEDBY_faces/faces/1", {1.0})); }),
             Contains("eval_b.json: line") && Contains("one per drop percent, found 1"));
  CHECK_THAT(problem([&] { append(root + "/eval_c.json", line("meta/shuffle", true)); }),
             Contains("as there are several") && Contains("'_b', '_c'"));
  const std::string predictions =
      "drop_percents_records/VERSION__b/EVALUATION_TASK_faces/predictions/PARAM_GROUP/predictions.jsonl";
  CHECK_THAT(
      problem([&] { append(root + "/" + predictions, line("INDEX_1/SORTEDBY_faces/PERCENT_0.25/y_pred", {1})); }),
      Contains(predictions) && Contains("INDEX_1/SORTEDBY_faces/PERCENT_0.25/y_pred: expected 30") &&
          Contains("found 1"));
  CHECK_THAT(problem([&] { append(root + "/" + predictions, line("INDEX_1/faces/PERCENT_0.25/y_pred", {1})); }),
             Contains("expected 'SORTEDBY_...', found 'faces'"));
  CHECK_THAT(error_of([&] { (void)own::read_author_records(folder / "nowhere"); }), Contains("expected a folder"));
  std::filesystem::create_directories(folder / "empty");
  CHECK_THAT(error_of([&] { (void)own::read_author_records(folder / "empty"); }), Contains("found none of them"));
  AuthorRecords records;
  CHECK_THAT(error_of([&] { add_layer(records, 0, {{"a/b", some_ranking(1)}}, some_effects()); }), Contains("'a/b'"));
}
