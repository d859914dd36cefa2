/// Training with frozen layers and with learning rates per layer: what changes, what keeps its bits, and going on.

#include <memory>
#include <string>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/freeze.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/checkpointing.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

using Optimizers = std::vector<std::unique_ptr<Optimizer<float, Cpu>>>;

Optimizers one(const std::string& kind) {
  Optimizers optimizers;
  if (kind == "sgd")
    optimizers.push_back(std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-2}));
  else
    optimizers.push_back(std::make_unique<Adam<float, Cpu>>(AdamOptions{.weight_decay = 1e-2}));
  return optimizers;
}

Network<float, Cpu> small_net(std::uint64_t seed = 1) {
  return build_network<float, Cpu>("4B M 5 fc6 D", {.image = {6, 6, 3}, .heads = {{"", 3}}}, Rng(seed));
}

/// The trainer's steps on random images, which depend on the step only.
void train(Network<float, Cpu>& network, Optimizer<float, Cpu>& optimizer, Index first, Index last,
           double rate = 0.05) {
  const NodeId head = network.heads().front();
  const std::vector<Index> labels = {0, 1, 2, 1};
  const auto parameters = network.learned_parameters();
  Activations<float, Cpu> activations;
  for (Index step = first; step < last; ++step) {
    const Rng rng = Rng(7).stream(static_cast<std::uint64_t>(step));
    const auto images = random_tensor<float>({4, 6, 6, 3}, rng.stream("images"));
    const View<const float, Cpu> logits =
        network.forward(images, head, activations, {.mode = Mode::train, .rng = rng.stream("pass")});
    Tensor<float, Cpu> gradient(logits.shape());
    softmax_cross_entropy_gradient<float>(logits, std::span<const Index>(labels), gradient.view());
    network.backward(head, gradient, activations);
    network.update_statistics(head, activations);
    optimizer.step(parameters, rate);
  }
}

bool same(Network<float, Cpu>& a, Network<float, Cpu>& b, NodeId id) {
  const auto left = a.layer(id).parameters();
  const auto right = b.layer(id).parameters();
  bool result = left.size() == right.size();
  for (std::size_t i = 0; result && i < left.size(); ++i) result = same_bits(left[i].value, right[i].value);
  return result;
}

}  // namespace

TEST_CASE("frozen layers keep their bits in training, momentum and weight decay notwithstanding") {
  const auto* const kind = GENERATE("sgd", "adam");
  const std::vector<std::string> frozen =
      GENERATE(std::vector<std::string>{"features"}, std::vector<std::string>{"features.1", "fc1"},
               std::vector<std::string>{"heads"}, std::vector<std::string>{"*"});
  CAPTURE(kind, frozen);
  auto before = small_net();
  auto network = small_net();
  freeze(network, frozen);
  const Optimizers optimizers = one(kind);
  train(network, *optimizers[0], 0, 4);
  for (NodeId id = 1; id < network.size(); ++id) {
    if (network.layer(id).parameters().empty()) continue;
    CAPTURE(network.node(id).name);
    CHECK(same(network, before, id) == network.node(id).frozen);
  }
  std::size_t in_use = 0;
  for (const Parameter<float, Cpu>* parameter : network.learned_parameters()) in_use += parameter->learns() ? 1 : 0;
  CHECK(optimizers[0]->state().size() == in_use * (optimizers[0]->kind() == "adam" ? 2 : 1));
}

TEST_CASE("a factor of the learning rate is a learning rate of these layers' own") {
  const auto* const kind = GENERATE("sgd", "adam");
  CAPTURE(kind);
  auto network = small_net();
  set_rate_factor(network, {"features"}, 0.1);
  auto slow = small_net();   // all layers at a tenth
  auto usual = small_net();  // all layers at the whole rate
  const double rate = 0.05;
  Network<float, Cpu>* nets[] = {&network, &slow, &usual};
  const double rates[] = {rate, rate * 0.1, rate};
  for (std::size_t i = 0; i < 3; ++i) {
    const Optimizers optimizers = one(kind);
    train(*nets[i], *optimizers[0], 0, 1, rates[i]);  // one step: then gradients differ
  }
  for (NodeId id = 1; id < network.size(); ++id) {
    if (network.layer(id).parameters().empty()) continue;
    CAPTURE(network.node(id).name);
    const bool is_slow = network.node(id).name.starts_with("features");
    CHECK(same(network, slow, id) == is_slow);
    CHECK(same(network, usual, id) != is_slow);
  }
}

TEST_CASE("optimisers refuse layers that freeze or thaw in between") {
  const auto* const kind = GENERATE("sgd", "adam");
  auto network = small_net();
  const Optimizers optimizers = one(kind);
  train(network, *optimizers[0], 0, 1);
  freeze(network, {"conv1"});
  CHECK_THROWS_AS(train(network, *optimizers[0], 1, 2), ConfigError);
  CHECK_THROWS_WITH(train(network, *optimizers[0], 1, 2),
                    Contains("parameter 0 (weight) frozen") && Contains("a new optimiser is needed"));
  const Optimizers others = one(kind);
  train(network, *others[0], 1, 2);
  thaw(network, {"conv1"});
  CHECK_THROWS_WITH(train(network, *others[0], 2, 3), Contains("parameter 0 (weight) thawed"));
}

TEST_CASE("a stored training with frozen layers goes on bit for bit") {
  const auto* const kind = GENERATE("sgd", "adam");
  CAPTURE(kind);
  const ScratchFolder folder;
  const std::string path = folder / "training.safetensors";
  const auto set_up = [](Network<float, Cpu>& network) {
    freeze(network, {"conv1", "features.1"});
    set_rate_factor(network, {"heads"}, 2);
  };
  auto straight = small_net();
  set_up(straight);
  Optimizers optimizers = one(kind);
  StepSchedule schedule({.learning_rate = 0.05});
  train(straight, *optimizers[0], 0, 3);
  save_training(path, straight, optimizers, schedule, {.epoch = 3, .seed = 5});
  for (const std::string& name : SafetensorsFile(path).names())  // positions 0 to 3 are frozen
    CHECK_FALSE((name.starts_with("optimizer.") && name.back() < '4' && name[name.size() - 2] == '.'));
  train(straight, *optimizers[0], 3, 6);

  auto resumed = small_net(2);
  set_up(resumed);
  Optimizers resumed_optimizers = one(kind);
  CHECK(load_training(path, resumed, resumed_optimizers, schedule).epoch == 3);
  train(resumed, *resumed_optimizers[0], 3, 6);
  for (NodeId id = 1; id < straight.size(); ++id) CHECK(same(resumed, straight, id));

  auto other = small_net(2);
  freeze(other, {"conv1"});
  Optimizers fresh = one(kind);
  CHECK_THROWS_AS(load_training(path, other, fresh, schedule), FileError);
  CHECK_THROWS_WITH(load_training(path, other, fresh, schedule),
                    Contains("frozen layers: expected 'features.0', found 'features.0 features.1'"));
}

TEST_CASE("an optimiser's state of more layers than learn is refused") {
  auto network = small_net();
  Optimizers optimizers = one("sgd");
  train(network, *optimizers[0], 0, 1);
  TrainingState<float> state;
  store_optimizer(state, 0, *optimizers[0]);
  const auto all = network.learned_parameters();
  Sgd<float, Cpu> whole;
  restore_optimizer(state, 0, all, whole);
  freeze(network, {"conv1"});
  Sgd<float, Cpu> part;
  CHECK_THROWS_WITH(restore_optimizer(state, 0, all, part), Contains("at most 8 tensors of optimiser 0"));
}
