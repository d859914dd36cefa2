/// Training of small nets on colours: it learns, repeats itself bit for bit, alternates, resumes and stops at NaN.

#include <memory>
#include <string>
#include <vector>

#include <fusiform/data/loader.hpp>
#include <fusiform/data/pack_writer.hpp>
#include <fusiform/data/packed_images.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/train/checkpointing.hpp>
#include <fusiform/train/sgd.hpp>
#include <fusiform/train/trainer.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"
#include "tests/train/colours.hpp"

using namespace fusiform;
using fusiform::test::colours;

namespace {

using Optimizers = std::vector<std::unique_ptr<Optimizer<float, Cpu>>>;

Optimizers sgd(std::size_t count) {
  Optimizers optimizers;
  for (std::size_t i = 0; i < count; ++i)
    optimizers.push_back(std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-4}));
  return optimizers;
}

LoaderOptions loader_options(Index workers = 1) {
  return {.batch = 8,
          .shuffle = true,
          .transform = {.crop = 8, .random_crop = true, .grayscale = 0.1},
          .rng = Rng(1).stream("loader"),
          .workers = workers};
}

Network<float, Cpu> shared_net() {
  return build_network<float, Cpu>("12B M", {.image = {8, 8, 3}, .heads = {{"", 6}}}, Rng(2));
}

std::vector<float> all_parameters(Network<float, Cpu>& network) {
  std::vector<float> values;
  for (const auto& named : network.parameters())
    values.insert(values.end(), named.parameter->value.span().begin(), named.parameter->value.span().end());
  return values;
}

struct ColourPack {
  ScratchFolder folder;
  std::string path = folder / "colours.pack";
  PackReport report = write_pack(colours(), path, {.shorter_side = 9});
  ImagePack pack{path};
};

std::vector<float> train_shared(const ImagePack& pack, int threads, Index workers) {
  set_thread_count(threads);
  Network<float, Cpu> network = shared_net();
  Loader<float> loader(pack, pack.select("", Split::train), loader_options(workers));
  Trainer<float> trainer(network, {{"", network.heads().front(), &loader}}, sgd(1), Rng(1).stream("training"));
  for (Index epoch = 1; epoch <= 2; ++epoch) (void)trainer.run_epoch(epoch, 0.05);
  return all_parameters(network);
}

}  // namespace

TEST_CASE("a net learns colours") {
  const ColourPack colour;
  Network<float, Cpu> network = shared_net();
  const NodeId head = network.heads().front();
  Loader<float> loader(colour.pack, colour.pack.select("", Split::train), loader_options());
  Trainer<float> trainer(network, {{"", head, &loader}}, sgd(1), Rng(1));
  EpochReport first = trainer.run_epoch(1, 0.02);
  EpochReport last = first;
  Index steps = 0;
  for (Index epoch = 2; epoch <= 50; ++epoch)
    last = trainer.run_epoch(epoch, 0.02, [&](const StepReport& step) {
      ++steps;
      CHECK(step.images_total == 54);
      CHECK(step.images_done <= 54);
    });
  CHECK(steps == 49 * 7);  // 54 images in batches of 8
  CHECK(last.loss < first.loss / 2);
  const auto images =
      labelled_images<float>(colour.pack, colour.pack.select("", Split::test), TransformOptions{.crop = 8});
  CHECK(evaluate(network, head, images).top1() > 0.9);  // six plain colours; chance is 0.17
}

TEST_CASE("training gives the same bits for any number of threads and loader workers") {
  const ColourPack colour;
  const std::vector<float> reference = train_shared(colour.pack, 1, 0);
  CHECK(train_shared(colour.pack, 2, 1) == reference);
  CHECK(train_shared(colour.pack, 3, 2) == reference);
}

TEST_CASE("training resumed from a checkpoint ends with the same bits") {
  const ColourPack colour;
  const std::string path = colour.folder / "training.safetensors";
  const auto run = [&](Index first, Index last, bool resume) {
    Network<float, Cpu> network = shared_net();
    Loader<float> loader(colour.pack, colour.pack.select("", Split::train), loader_options());
    Trainer<float> trainer(network, {{"", network.heads().front(), &loader}}, sgd(1), Rng(1));
    ReduceOnPlateau schedule({.learning_rate = 0.05, .patience = 0});
    if (resume) CHECK(load_training(path, network, trainer.optimizers(), schedule).epoch == first - 1);
    for (Index epoch = first; epoch <= last; ++epoch) {
      const EpochReport report = trainer.run_epoch(epoch, schedule.learning_rate());
      schedule.end_epoch(report.loss);
    }
    save_training(path, network, trainer.optimizers(), schedule, {.epoch = last, .seed = 1});
    return all_parameters(network);
  };
  const std::vector<float> straight = run(1, 5, false);
  (void)run(1, 2, false);
  CHECK(run(3, 5, true) == straight);
}

TEST_CASE("branches are trained in turn, each on its own task") {
  const ColourPack colour;
  Network<float, Cpu> network = build_network<float, Cpu>(
      "6 M", {.image = {8, 8, 3}, .heads = {{"warm", 3}, {"cold", 3}}, .branch_after = "conv1"}, Rng(2));
  const std::vector<NodeId> heads = network.heads();
  REQUIRE(heads.size() == 2);
  Loader<float> warm(colour.pack, colour.pack.select("warm", Split::train), loader_options());
  std::vector<Index> fewer;  // the shorter stream just stops
  for (const Index item : colour.pack.select("cold", Split::train))
    if (item % 3 == 0) fewer.push_back(item);
  Loader<float> cold(colour.pack, fewer, loader_options());
  const std::vector<Index> cold_outputs = {-1, -1, -1, 0, 1, 2};  // classes 3 to 5 of the pack
  Trainer<float> trainer(network, {{"warm", heads[0], &warm}, {"cold", heads[1], &cold, cold_outputs}}, sgd(2), Rng(1));
  Index images = 0;
  for (Index epoch = 1; epoch <= 50; ++epoch)
    (void)trainer.run_epoch(epoch, 0.1, [&](const StepReport& step) { images = step.images_done; });
  CHECK(images == 27 + 9);
  CHECK(trainer.optimizers()[0]->steps() == 50 * 4);
  CHECK(trainer.optimizers()[1]->steps() == 50 * 2);
  for (std::size_t t = 0; t < 2; ++t) {
    const auto test = labelled_images<float>(colour.pack, colour.pack.select(t == 0 ? "warm" : "cold", Split::test),
                                             TransformOptions{.crop = 8},
                                             t == 0 ? std::span<const Index>() : std::span<const Index>(cold_outputs));
    CHECK(evaluate(network, heads[t], test).top1() > 0.8);  // chance is 0.33
  }
}

TEST_CASE("a loss that leaves the numbers stops the training and says where") {
  const ColourPack colour;
  Network<float, Cpu> network = shared_net();
  Loader<float> loader(colour.pack, colour.pack.select("", Split::train), loader_options());
  Trainer<float> trainer(network, {{"", network.heads().front(), &loader}}, sgd(1), Rng(1));
  try {
    for (Index epoch = 1; epoch <= 50; ++epoch) (void)trainer.run_epoch(epoch, 1e30);
    FAIL("no error");
  } catch (const NumericError& error) {
    const std::string message = error.what();
    INFO(message);
    CHECK(message.find("epoch") != std::string::npos);
    CHECK(message.find("step") != std::string::npos);
    CHECK(message.find("learning rate 1e+30") != std::string::npos);
  }
}
