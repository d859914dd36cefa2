// Checkpoints: everything comes back, training resumes bit for bit, damage is named.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/optimizer_state.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

/// A path for one test; the file is removed at its end.
class TemporaryPath {
 public:
  TemporaryPath()
      : path_((std::filesystem::temp_directory_path() / text("fusiform_nets_", ::getpid(), ".safetensors")).string()) {}
  ~TemporaryPath() { std::remove(path_.c_str()); }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  operator const std::string&() const { return path_; }  // NOLINT(google-explicit-constructor)

 private:
  std::string path_;
};

const char* const architecture = "4B M 6 fc5 D";
const NetOptions net_options{.image = {6, 6, 3}, .heads = {{"faces", 3}, {"objects", 2}}, .branch_after = "conv2"};

template <Scalar T>
std::vector<std::vector<T>> all_values(Network<T, Cpu>& network) {
  std::vector<std::vector<T>> values;
  for (const NamedParameter<T, Cpu>& named : network.parameters()) values.push_back(elements(named.parameter->value));
  return values;
}

void train_step(Network<float, Cpu>& network, Optimizer<float, Cpu>& optimizer, Rng rng) {
  const NodeId head = network.heads().front();
  const Tensor<float, Cpu> images = random_tensor<float>(network.image_shape().batched(4), rng.stream("images"));
  const std::vector<Index> labels = {0, 1, 2, 1};
  Activations<float, Cpu> activations;
  const View<const float, Cpu> logits =
      network.forward(images, head, activations, {.mode = Mode::train, .rng = rng.stream("pass")});
  Tensor<float, Cpu> gradient(logits.shape());
  softmax_cross_entropy_gradient<float>(logits, std::span<const Index>(labels), gradient.view());
  network.backward(head, gradient, activations);
  network.update_statistics(head, activations);
  optimizer.step(network.learned_parameters(), 0.05);
}

template <class Action>
std::string file_error(const Action& action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.what();
  }
  return "no FileError";
}

}  // namespace

TEMPLATE_TEST_CASE("a network comes back from its checkpoint, bit for bit", "", float, double) {
  const TemporaryPath path;
  auto network = build_network<TestType, Cpu>(architecture, net_options, Rng(3));
  randomize(network, Rng(4));
  save_checkpoint<TestType>(path, network);
  auto again = load_network<TestType>(path);
  CHECK(describe(again) == describe(network));
  CHECK(load_network_description(path) == describe(network));
  CHECK(all_values(again) == all_values(network));
}

TEST_CASE("a checkpoint has PyTorch's names, shapes and order") {
  const TemporaryPath path;
  auto network = build_network<float, Cpu>("2 fc3", {.image = {2, 1, 3}, .heads = {{"", 2}}}, Rng(3));
  save_checkpoint<float>(path, network);
  const SafetensorsFile file(path);
  CHECK(file.names() == std::vector<std::string>{"features.0.weight", "features.0.bias", "classifier.0.weight",
                                                 "classifier.0.bias", "classifier.2.weight", "classifier.2.bias"});
  CHECK(file.shape("features.0.weight") == std::vector<Index>{2, 3, 3, 3});
  CHECK(file.shape("classifier.0.weight") == std::vector<Index>{3, 4});
  const Tensor<float, Cpu>& filters = network.learned_parameters()[0]->value;  // (out, kernel_h, kernel_w, in)
  const std::vector<float> stored = file.read<float>("features.0.weight");
  for (Index o = 0; o < 2; ++o)
    for (Index c = 0; c < 3; ++c)
      for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 3; ++j)
          CHECK(stored[static_cast<std::size_t>(((o * 3 + c) * 3 + i) * 3 + j)] ==
                filters[((o * 3 + i) * 3 + j) * 3 + c]);
}

TEST_CASE("the training state comes back exactly") {
  const TemporaryPath path;
  TrainingState<float> state{.epoch = 17, .seed = ~std::uint64_t{0}, .notes = {}, .generators = {}, .tensors = {}};
  state.notes = {{"classes", "faces\t\"Anna\"\nobjects\\chair ä"}, {"empty", ""}};
  Rng rng = Rng(7).stream("dropout");
  for (int i = 0; i < 3; ++i) static_cast<void>(rng.word());
  state.generators.emplace("dropout", rng);
  state.tensors.emplace("optimizer.0.momentum.0", random_tensor<float>({3, 1, 2, 4}, Rng(1)));
  state.tensors.emplace("optimizer.0.scalar", random_tensor<float>(Shape{}, Rng(2)));
  state.tensors.emplace("optimizer.1.empty", Tensor<float, Cpu>(Shape{0}));
  const auto network = build_network<float, Cpu>("2", {.image = {2, 2, 3}, .heads = {{"", 2}}}, Rng(3));
  save_checkpoint(path, network, state);

  const auto again = load_training_state<float>(path);
  CHECK(again.epoch == 17);
  CHECK(again.seed == ~std::uint64_t{0});
  CHECK(again.notes == state.notes);
  CHECK(again.generators == state.generators);
  REQUIRE(again.tensors.size() == 3);
  for (const auto& [name, tensor] : state.tensors) {
    CHECK(again.tensors.at(name).shape() == tensor.shape());
    CHECK(elements(again.tensors.at(name)) == elements(tensor));
  }
  CHECK(load_network<float>(path).size() == network.size());  // strict, with optimiser tensors in the file
}

TEST_CASE("training resumes from a checkpoint bit for bit") {
  const TemporaryPath path;
  const bool use_adam = GENERATE(false, true);
  const auto make_optimizer = [&]() -> std::unique_ptr<Optimizer<float, Cpu>> {
    if (use_adam) return std::make_unique<Adam<float, Cpu>>();
    return std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-4});
  };
  auto straight = build_network<float, Cpu>(architecture, net_options, Rng(3));
  const auto optimizer = make_optimizer();
  for (std::uint64_t step = 0; step < 2; ++step) train_step(straight, *optimizer, Rng(9).stream(step));
  TrainingState<float> state;
  store_optimizer(state, 0, *optimizer);
  save_checkpoint(path, straight, state);
  for (std::uint64_t step = 2; step < 4; ++step) train_step(straight, *optimizer, Rng(9).stream(step));

  auto resumed = load_network<float>(path);
  const auto resumed_optimizer = make_optimizer();
  restore_optimizer(load_training_state<float>(path), 0, resumed.learned_parameters(), *resumed_optimizer);
  for (std::uint64_t step = 2; step < 4; ++step) train_step(resumed, *resumed_optimizer, Rng(9).stream(step));
  CHECK(all_values(resumed) == all_values(straight));

  auto forgetful = load_network<float>(path);  // without the optimiser's state it must come out differently
  const auto fresh_optimizer = make_optimizer();
  for (std::uint64_t step = 2; step < 4; ++step) train_step(forgetful, *fresh_optimizer, Rng(9).stream(step));
  CHECK(all_values(forgetful) != all_values(straight));
}

TEST_CASE("an optimiser refuses another one's state") {
  auto network = build_network<float, Cpu>(architecture, net_options, Rng(3));
  Sgd<float, Cpu> sgd({.momentum = 0.9});
  train_step(network, sgd, Rng(1));
  TrainingState<float> state;
  store_optimizer(state, 0, sgd);
  Adam<float, Cpu> adam;
  const auto parameters = network.learned_parameters();
  CHECK_THROWS_WITH(restore_optimizer<float>(state, 0, parameters, adam), Contains("'adam', got 'sgd'"));
  CHECK_THROWS_WITH(restore_optimizer<float>(state, 1, parameters, sgd), Contains("expected optimiser 1, found none"));
  auto other = build_network<float, Cpu>("3", {.image = {6, 6, 3}, .heads = {{"", 2}}}, Rng(3));
  Sgd<float, Cpu> fresh({.momentum = 0.9});
  CHECK_THROWS_AS(restore_optimizer<float>(state, 0, other.learned_parameters(), fresh), ShapeError);
}

TEST_CASE("weights that do not fit are listed, and the network is left alone") {
  const TemporaryPath path;
  const NetOptions three{.image = {4, 4, 3}, .heads = {{"", 3}}};
  save_checkpoint<float>(path, build_network<float, Cpu>("2 fc5", three, Rng(3)));
  auto other = build_network<float, Cpu>("4B fc5", three, Rng(5));
  const auto before = all_values(other);
  const std::string message = file_error([&] { load_weights(other, path); });
  CHECK_THAT(message, Contains("tensor 'features.0.weight': expected shape (4, 3, 3, 3), found (2, 3, 3, 3)"));
  CHECK_THAT(message, Contains("expected tensor 'features.1.running_var', found none"));
  CHECK_THAT(message, !Contains("classifier.2.weight"));
  CHECK(all_values(other) == before);

  auto smaller = build_network<float, Cpu>("2", three, Rng(5));
  CHECK_THAT(file_error([&] { load_weights(smaller, path); }), Contains("unexpected tensor 'classifier.2.bias'"));

  SECTION("not strict: what fits is loaded, the rest is reported") {
    auto longer = build_network<float, Cpu>("2 fc5 fc3", three, Rng(5));
    const LoadReport report = load_weights(longer, path, {.strict = false});
    CHECK(report.missing == std::vector<std::string>{"classifier.4.weight", "classifier.4.bias"});
    CHECK(report.unexpected.empty());
    CHECK(report.loaded.size() == 6);
  }
  SECTION("a renaming function may leave tensors out and bring names together") {
    auto fresh = build_network<float, Cpu>("2 fc5", three, Rng(6));
    const auto classifier = elements(fresh.learned_parameters()[4]->value);
    const LoadReport report =
        load_weights(fresh, path, {.strict = false, .rename = [](const std::string& name) {
                                     return name.starts_with("classifier.2") ? std::string() : name;
                                   }});
    CHECK(report.missing == std::vector<std::string>{"classifier.2.weight", "classifier.2.bias"});
    CHECK(elements(fresh.learned_parameters()[4]->value) == classifier);
    CHECK_THAT(
        file_error([&] { load_weights(fresh, path, {.rename = [](const std::string&) { return std::string("x"); }}); }),
        Contains("expected it once"));
  }
}

TEST_CASE("PyTorch's counters of batches are passed over") {
  const TemporaryPath path;
  auto network = build_network<float, Cpu>("2B", {.image = {2, 2, 3}, .heads = {{"", 2}}}, Rng(3));
  SafetensorsWriter writer;
  const std::vector<std::int64_t> count = {100};
  writer.add("module.features.1.num_batches_tracked", {}, std::span<const std::int64_t>(count));
  for (const PyTorchTensor<float, Cpu>& tensor : pytorch_tensors(network)) {
    const std::vector<float> ones(static_cast<std::size_t>(tensor.parameter->value.size()), 1.0F);
    writer.add("module." + tensor.name, tensor.layout.shape, std::span<const float>(ones));
  }
  writer.write(path);
  load_weights(network, path, {.rename = [](const std::string& name) { return name.substr(7); }});
  for (const NamedParameter<float, Cpu>& named : network.parameters())
    for (const float element : elements(named.parameter->value)) CHECK(element == 1.0F);
  CHECK_THAT(file_error([&] { static_cast<void>(load_network<float>(path)); }),
             Contains("expected a 'fusiform checkpoint 1'") && Contains("without format"));
}

TEST_CASE("a damaged checkpoint is refused, wherever it is cut") {
  const TemporaryPath path;
  save_checkpoint<float>(path, build_network<float, Cpu>("2", {.image = {2, 2, 3}, .heads = {{"", 2}}}, Rng(3)));
  const std::string whole = read_file(path);
  for (std::size_t size = 0; size < whole.size(); size += 37) {
    std::ofstream(static_cast<const std::string&>(path), std::ios::binary) << whole.substr(0, size);
    CHECK_THAT(file_error([&] { static_cast<void>(load_network<float>(path)); }),
               Contains(static_cast<const std::string&>(path)));
  }
  CHECK_THAT(file_error([] { static_cast<void>(load_network<float>("/nowhere/net.safetensors")); }),
             Contains("/nowhere/net.safetensors"));

  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    std::ofstream(static_cast<const std::string&>(path), std::ios::binary) << changed;
    return file_error([&] {
      static_cast<void>(load_network<float>(path));
      static_cast<void>(load_training_state<float>(path));
    });
  };
  CHECK_THAT(with("checkpoint 1", "checkpoint 2"), Contains("found format 'fusiform checkpoint 2'"));
  CHECK_THAT(with("= relu", "= relo"), Contains("line 3") && Contains("'relo'"));
  CHECK_THAT(with("\"epoch\":\"0\"", "\"epoch\":\"x\""), Contains("metadata 'epoch': expected a number, found 'x'"));
}

TEST_CASE("names that a checkpoint keeps for itself are refused") {
  const TemporaryPath path;
  Network<float, Cpu> network(Shape{1, 1, 3});
  network.emplace<Conv2d<float, Cpu>>("optimizer.conv", {}, Conv2dConfig{.in = 3, .out = 1, .kernel = 1});
  CHECK_THROWS_AS(save_checkpoint<float>(path, network), ConfigError);
  TrainingState<float> state;
  state.tensors.emplace("momentum", Tensor<float, Cpu>(Shape{1}));
  CHECK_THROWS_AS(save_checkpoint<float>(path, Network<float, Cpu>(Shape{1, 1, 3}), state), ConfigError);
}
