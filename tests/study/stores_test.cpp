#include <fstream>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/study/folder_lock.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/paths.hpp>
#include <fusiform/study/training_log.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/checkpointing.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"

using namespace fusiform;
using Catch::Matchers::Contains;

namespace {

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

const std::vector<std::string> two_tasks = {"faces", "objects"};

std::vector<TaskScore> some_scores(double top1) {
  return {{"faces", 10, 1.0 / 3, top1, 0.75}, {"objects", 30, 0.1, 0.5, 1}};
}

RankingIteration some_iteration(std::vector<Index> candidates, Index selected) {
  RankingIteration iteration{.base_loss = 0.1, .candidates = std::move(candidates), .losses = {}, .accuracies = {}};
  for (const Index unit : iteration.candidates) {
    iteration.losses.push_back(1.0 / (3 + static_cast<double>(unit == selected ? -1 : unit)));
    iteration.accuracies.push_back(0.25);
  }
  iteration.selection.units = {selected};
  if (iteration.candidates.size() > 1) iteration.selection.gap = 0.1 + 0.2;
  return iteration;
}

LayerEffects some_effects() {
  LayerEffects effects{.layer = "conv1", .units = 4, .lesions = {}, .tasks = {}};
  effects.lesions = {{"none", 0, 0, {}}, {"faces", 0.25, 0, {2}}, {"random", 0.5, 1, {0, 3}}};
  for (const Index images : {3, 2}) {
    TaskEffects<float> task{images == 3 ? "faces" : "objects", {}, {}};
    for (Index i = 0; i < images; ++i) task.labels.push_back(7 - i);
    for (std::size_t lesion = 0; lesion < 3; ++lesion) {
      Outcomes<float>& outcomes = task.lesioned.emplace_back(images);
      for (std::size_t i = 0; i < static_cast<std::size_t>(images); ++i) {
        outcomes.losses[i] = 0.1F * static_cast<float>(i + 10 * lesion);
        outcomes.correct[i] = (i + lesion) % 2;
        outcomes.in_top5[i] = lesion == 1 ? 1 : 0;
      }
    }
    effects.tasks.push_back(std::move(task));
  }
  return effects;
}

}  // namespace

TEST_CASE("a training log goes on behind the last epoch of the checkpoint") {
  const ScratchFolder folder;
  const std::string path = folder / "log.csv";
  TrainingLog log = TrainingLog::resume(path, 0, two_tasks);
  log.add({}, some_scores(0.1));
  for (const Index epoch : {1, 2, 3})
    log.add({.epoch = epoch, .learning_rate = 1e-3, .loss = 2, .top1 = 0.5, .top5 = 1, .images_per_second = 100},
            some_scores(0.1 * static_cast<double>(epoch)));
  log.write(path);
  const std::string whole = read_file(path);
  CHECK(read_csv(path).number(3, "faces_top1") == 0.1 * 3);
  CHECK(read_csv(path).rows[0][2].empty());  // no training before epoch 1

  TrainingLog resumed = TrainingLog::resume(path, 2, two_tasks);  // epoch 3 was logged, but its checkpoint was not
  resumed.add({.epoch = 3, .learning_rate = 1e-3, .loss = 2, .top1 = 0.5, .top5 = 1, .images_per_second = 100},
              some_scores(0.1 * 3));
  resumed.write(path);
  CHECK(read_file(path) == whole);

  std::ofstream(path, std::ios::app) << "4,0.1\n";
  CHECK_THAT(error_of([&] { (void)TrainingLog::resume(path, 3, two_tasks); }), Contains(path) && Contains("line 6"));
}

TEST_CASE("a ranking journal gives its finished lines back, without a torn last one") {
  const ScratchFolder folder;
  const std::string path = folder / "ranking.jsonl";
  CHECK(read_ranking(path).units.empty());
  Ranking ranking;
  ranking.layer_units = 3;
  {
    JsonLinesWriter journal(path);
    for (RankingIteration& iteration : std::vector{some_iteration({0, 1, 2}, 1), some_iteration({0, 2}, 2)}) {
      journal.append(to_json(iteration).dump());
      ranking.append(std::move(iteration));
    }
  }
  const auto expect_two = [&] {
    const Ranking read = read_ranking(path);
    CHECK(read.units == ranking.units);
    CHECK(read.losses == ranking.losses);  // to the bit
    CHECK(read.layer_units == 3);
    CHECK(read.iterations[0].selection.gap == 0.1 + 0.2);
  };
  expect_two();
  const std::string whole = read_file(path);
  std::ofstream(path, std::ios::app) << to_json(some_iteration({0}, 0)).dump().substr(0, 40);
  expect_two();
  { const JsonLinesWriter journal(path); }
  CHECK(read_file(path) == whole);
}

TEST_CASE("what a race took is in the journal, and exact iterations are written as before") {
  const ScratchFolder folder;
  const std::string path = folder / "ranking.jsonl";
  RankingIteration race = some_iteration({0, 1, 2}, 1);
  CHECK_FALSE(to_json(race).contains("race"));
  race.race = RaceRecord{.images = {128, 6400, 192}, .list = 6400, .cut_noise = 0.1 + 0.2, .audited = 2, .missed = 1};
  RankingIteration last = some_iteration({0, 2}, 2);
  last.race = RaceRecord{.images = {6400, 6400}, .list = 6400};  // the noise is not a number
  std::ofstream(path) << to_json(race).dump() << '\n' << to_json(last).dump() << '\n';
  const Ranking read = read_ranking(path);
  REQUIRE(read.iterations.size() == 2);
  CHECK(read.iterations[0].race == race.race);
  CHECK(read.iterations[1].race == last.race);
  race.race->images.pop_back();
  std::ofstream(path) << to_json(race).dump() << '\n';
  CHECK_THAT(error_of([&] { (void)read_ranking(path); }), Contains("line 1: expected numbers of images for 3"));
}

TEST_CASE("a damaged journal is named with its line") {
  const ScratchFolder folder;
  const std::string path = folder / "ranking.jsonl";
  const auto problem_of = [&](const std::string& second_line) {
    std::ofstream(path) << to_json(some_iteration({0, 1, 2}, 1)).dump() << '\n' << second_line << '\n';
    return error_of([&] { (void)read_ranking(path); });
  };
  CHECK_THAT(problem_of("{\"base_loss\": 1"), Contains(path + ": line 2: expected one iteration of a ranking"));
  CHECK_THAT(problem_of("{\"base_loss\": 1}"), Contains("line 2: ") && Contains("candidates"));
  CHECK_THAT(problem_of("[]"), Contains("line 2: "));
  CHECK_THAT(problem_of(std::string(3, '\0')), Contains("line 2: "));
  RankingIteration short_of_losses = some_iteration({0, 2}, 2);
  short_of_losses.losses.pop_back();
  CHECK_THAT(problem_of(to_json(short_of_losses).dump()), Contains("line 2: expected 2 losses") && Contains("found 1"));
  CHECK_THAT(problem_of(to_json(some_iteration({0, 2}, 9)).dump()), Contains("line 2: ") && Contains("found 9"));
  RankingIteration unsorted = some_iteration({2, 0}, 2);
  CHECK_THAT(problem_of(to_json(unsorted).dump()), Contains("line 2: expected candidates in ascending order"));
}

TEST_CASE("stored outcomes come back to the bit, and damage is named") {
  const ScratchFolder folder;
  const std::string path = folder / "outcomes.safetensors";
  const LayerEffects effects = some_effects();
  write_effects(path, effects);
  const LayerEffects read = read_effects(path);
  CHECK(read.layer == "conv1");
  CHECK(read.units == 4);
  REQUIRE(read.lesions.size() == 3);
  CHECK(read.lesions[2].units == std::vector<Index>{0, 3});
  CHECK(read.lesions[2].repeat == 1);
  CHECK(read.find("faces", 0.25) == std::size_t{1});
  CHECK_FALSE(read.find("faces", 0.2).has_value());  // not available is not the nearest one
  REQUIRE(read.tasks.size() == 2);
  for (std::size_t t = 0; t < 2; ++t) {
    CHECK(read.tasks[t].labels == effects.tasks[t].labels);
    for (std::size_t lesion = 0; lesion < 3; ++lesion) {
      CHECK(read.tasks[t].lesioned[lesion].losses == effects.tasks[t].lesioned[lesion].losses);
      CHECK(read.tasks[t].lesioned[lesion].correct == effects.tasks[t].lesioned[lesion].correct);
      CHECK(read.tasks[t].lesioned[lesion].in_top5 == effects.tasks[t].lesioned[lesion].in_top5);
    }
  }

  const std::string whole = read_file(path);
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    CHECK_THAT(error_of([&] { (void)read_effects(path); }), Contains(path));
  }
  const auto problem_after = [&](const std::string& from, const std::string& to) {
    std::string changed = whole;
    REQUIRE(from.size() == to.size());
    changed.replace(changed.find(from), from.size(), to);
    std::ofstream(path, std::ios::binary) << changed;
    return error_of([&] { (void)read_effects(path); });
  };
  CHECK_THAT(problem_after("\"units\":\"4\"", "\"units\":\"x\""), Contains("'units'") && Contains("found 'x'"));
  CHECK_THAT(problem_after("faces.labels", "faces.labelz"), Contains("faces.labels"));
  CHECK_THAT(problem_after("repeat", "repeal"), Contains("damaged list of lesions"));
  LayerEffects other = effects;
  other.tasks[1].lesioned.pop_back();
  write_effects(path, other);
  CHECK_THAT(error_of([&] { (void)read_effects(path); }), Contains("expected 6 outcomes of task 'objects', found 4"));
}

TEST_CASE("a checkpoint of a training gives net, optimisers and schedule back to the bit") {
  const ScratchFolder folder;
  const std::string path = folder / "net.safetensors";
  const NetOptions options{.image = {8, 8, 3}, .heads = {{"", 3}}};
  const auto make = [&](std::uint64_t seed) { return build_network<float, Cpu>("4 M fc6", options, Rng(seed)); };
  const auto optimizers_of = [](bool adam) {
    std::vector<std::unique_ptr<Optimizer<float, Cpu>>> optimizers;
    if (adam)
      optimizers.push_back(std::make_unique<Adam<float, Cpu>>(AdamOptions{.weight_decay = 1e-4}));
    else
      optimizers.push_back(std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-4}));
    return optimizers;
  };
  const auto step = [](Network<float, Cpu>& network, Optimizer<float, Cpu>& optimizer, float gradient) {
    const auto parameters = network.learned_parameters();
    for (Parameter<float, Cpu>* parameter : parameters) {
      parameter->gradient.resize(parameter->value.shape());
      for (std::size_t i = 0; i < parameter->gradient.span().size(); ++i)
        parameter->gradient.span()[i] = gradient * static_cast<float>(i % 5);
    }
    optimizer.step(parameters, 0.01);
  };
  const bool adam = GENERATE(false, true);
  Network<float, Cpu> network = make(1);
  auto optimizers = optimizers_of(adam);
  ReduceOnPlateau schedule({.learning_rate = 0.1, .factor = 0.5, .patience = 0});
  step(network, *optimizers[0], 0.3F);
  if (adam) (void)schedule.end_epoch(2.5);  // else the best loss is still infinite
  save_training(path, network, optimizers, schedule, {.epoch = 7, .seed = 11, .notes = {{"who", "me"}}});

  Network<float, Cpu> loaded = make(2);
  auto loaded_optimizers = optimizers_of(adam);
  ReduceOnPlateau loaded_schedule({.learning_rate = 0.1, .factor = 0.5, .patience = 0});
  const TrainingPosition position = load_training(path, loaded, loaded_optimizers, loaded_schedule);
  CHECK(position.epoch == 7);
  CHECK(position.seed == 11);
  CHECK(position.notes.at("who") == "me");
  CHECK(loaded_schedule.state() == schedule.state());
  for (const float gradient : {0.1F, -0.7F}) {  // both go on alike
    step(network, *optimizers[0], gradient);
    step(loaded, *loaded_optimizers[0], gradient);
  }
  const auto expected = network.learned_parameters();
  const auto found = loaded.learned_parameters();
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(test::same_bits(found[i]->value, expected[i]->value));

  auto others = optimizers_of(!adam);
  CHECK_THAT(error_of([&] { (void)load_training(path, loaded, others, loaded_schedule); }),
             Contains(path) && Contains("expected optimiser") && Contains("'sgd'") && Contains("'adam'"));
  StepSchedule steps({.learning_rate = 0.1, .step_size = 3, .factor = 0.5});
  CHECK_THAT(error_of([&] { (void)load_training(path, loaded, loaded_optimizers, steps); }),
             Contains(path) && Contains("expected step, found plateau"));
  const std::string whole = read_file(path);
  std::ofstream(path, std::ios::binary) << whole.substr(0, whole.size() / 2);
  CHECK_THAT(error_of([&] { (void)load_training(path, loaded, loaded_optimizers, loaded_schedule); }), Contains(path));
}

TEST_CASE("one run at a time holds a folder and clears away what a killed one left") {
  const ScratchFolder folder;
  {
    const FolderLock lock(folder.path());
    CHECK_THAT(error_of([&] { const FolderLock second(folder.path()); }),
               Contains(folder.path()) && Contains("another run is at work"));
  }
  { const FolderLock again(folder.path()); }
  std::filesystem::create_directory(folder / "checkpoints");
  for (const char* name :
       {"checkpoints/seed0.safetensors.123.4.tmp", "a.csv.1.0.tmp", "mine.tmp", "a.x.0.tmp", "a.csv"})
    std::ofstream(folder / name) << "x";
  remove_temporaries(folder.path());
  CHECK_FALSE(std::filesystem::exists(folder / "checkpoints/seed0.safetensors.123.4.tmp"));
  CHECK_FALSE(std::filesystem::exists(folder / "a.csv.1.0.tmp"));
  for (const char* kept : {"mine.tmp", "a.x.0.tmp", "a.csv"}) CHECK(std::filesystem::exists(folder / kept));
}

TEST_CASE("different layers and tasks have different files") {
  const StudyPaths paths("results");
  CHECK(paths.ranking({"", 3}, "layer1.0.conv2", "faces") == "results/rankings/seed3_layer1.0.conv2_faces.jsonl");
  CHECK(paths.ranking({"", 0}, "conv1", "a b") != paths.ranking({"", 0}, "conv1", "a-b"));
  CHECK(paths.checkpoint({"faces only", 2}) == "results/checkpoints/faces%20only_seed2.safetensors");
  CHECK(paths.ranking({"", 0}, "conv1", "a/b") == "results/rankings/seed0_conv1_a%2fb.jsonl");
  CHECK(paths.outcomes({"", 0}, "../x").find("../") == std::string::npos);

  const ScratchFolder folder;
  std::ofstream(folder / "file") << "x";
  CHECK_THAT(error_of([&] { StudyPaths(folder / "file").create(); }),
             Contains(folder / "file") && Contains("expected a folder for the results, found a file"));
  CHECK_THAT(error_of([&] { StudyPaths(folder / "file/below").create(); }),
             Contains("cannot create the folder: Not a directory"));
}
