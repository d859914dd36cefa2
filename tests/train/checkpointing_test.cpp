/// A training on the disk: it goes on exactly, and a file that does not fit is named.

#include <memory>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/checkpointing.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

using Optimizers = std::vector<std::unique_ptr<Optimizer<float, Cpu>>>;

/// One optimiser for each of two tasks, as separate updates per task have.
Optimizers sgd_and_adam() {
  Optimizers optimizers;
  optimizers.push_back(std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9}));
  optimizers.push_back(std::make_unique<Adam<float, Cpu>>());
  return optimizers;
}

Network<float, Cpu> small_net(std::uint64_t seed) {
  return build_network<float, Cpu>("3 fc4", {.image = {4, 4, 3}, .heads = {{"", 2}}}, Rng(seed));
}

/// Steps with gradients that depend on the step only.
void train(Network<float, Cpu>& network, Optimizers& optimizers, Schedule& schedule, Index first, Index last) {
  const auto parameters = network.learned_parameters();
  for (Index step = first; step < last; ++step) {
    for (std::size_t i = 0; i < optimizers.size(); ++i) {
      for (std::size_t p = 0; p < parameters.size(); ++p)
        parameters[p]->gradient =
            random_tensor<float>(parameters[p]->value.shape(), Rng(static_cast<std::uint64_t>(step), 100 * i + p));
      optimizers[i]->step(parameters, schedule.learning_rate());
    }
    schedule.end_epoch(1.0);
  }
}

std::vector<float> all_weights(Network<float, Cpu>& network) {
  std::vector<float> all;
  for (const Parameter<float, Cpu>* parameter : network.learned_parameters())
    all.insert(all.end(), parameter->value.span().begin(), parameter->value.span().end());
  return all;
}

}  // namespace

TEST_CASE("a stored training goes on bit for bit, also one that has not begun") {
  const Index stored_at = GENERATE(0, 3);
  CAPTURE(stored_at);
  const ScratchFolder folder;
  const std::string path = folder / "training.safetensors";
  auto straight = small_net(1);
  Optimizers optimizers = sgd_and_adam();
  StepSchedule schedule({.learning_rate = 0.1, .step_size = 2, .factor = 0.5});
  train(straight, optimizers, schedule, 0, stored_at);
  save_training(path, straight, optimizers, schedule, {.epoch = stored_at, .seed = 5, .notes = {{"why", "a test"}}});
  train(straight, optimizers, schedule, stored_at, 6);

  auto resumed = small_net(2);
  Optimizers resumed_optimizers = sgd_and_adam();
  StepSchedule resumed_schedule({.learning_rate = 0.1, .step_size = 2, .factor = 0.5});
  const TrainingPosition position = load_training(path, resumed, resumed_optimizers, resumed_schedule);
  CHECK(position.epoch == stored_at);
  CHECK(position.seed == 5);
  CHECK(position.notes.at("why") == "a test");
  CHECK(resumed_optimizers[1]->steps() == stored_at);
  train(resumed, resumed_optimizers, resumed_schedule, stored_at, 6);
  CHECK(all_weights(resumed) == all_weights(straight));
}

TEST_CASE("a stored training that does not fit is named with its file") {
  const ScratchFolder folder;
  const std::string path = folder / "training.safetensors";
  auto network = small_net(1);
  Optimizers optimizers = sgd_and_adam();
  StepSchedule schedule({.learning_rate = 0.1});
  train(network, optimizers, schedule, 0, 1);
  save_training(path, network, optimizers, schedule, {.epoch = 1});

  Optimizers swapped = sgd_and_adam();
  std::swap(swapped[0], swapped[1]);
  CHECK_THROWS_AS(load_training(path, network, swapped, schedule), FileError);
  CHECK_THROWS_WITH(load_training(path, network, swapped, schedule), Contains(path) && Contains("'adam', got 'sgd'"));
  Optimizers three = sgd_and_adam();
  three.push_back(std::make_unique<Adam<float, Cpu>>());
  CHECK_THROWS_WITH(load_training(path, network, three, schedule), Contains("expected optimiser 2, found none"));
  Optimizers fresh = sgd_and_adam();
  ReduceOnPlateau plateau({});
  CHECK_THROWS_WITH(load_training(path, network, fresh, plateau), Contains("schedule: expected plateau, found step"));
  auto other = build_network<float, Cpu>("5 fc4", {.image = {4, 4, 3}, .heads = {{"", 2}}}, Rng(1));
  CHECK_THROWS_AS(load_training(path, other, fresh, schedule), FileError);
}
