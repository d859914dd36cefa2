// Layers that do the work of the max pooling behind them, and of the ReLU before them in the backward pass.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <fusiform/layers/add.hpp>
#include <fusiform/layers/conv2d.hpp>
#include <fusiform/layers/flatten.hpp>
#include <fusiform/layers/linear.hpp>
#include <fusiform/nets/network.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

/// A convolution on the CPU that takes over what it does on a GPU only, and says what it was asked for.
class WillingConv : public Layer<float, Cpu> {
 public:
  explicit WillingConv(const Conv2dConfig& config, bool can_end_with_max_pool = true)
      : conv_(config), can_end_with_max_pool_(can_end_with_max_pool) {}
  [[nodiscard]] std::string kind() const override { return "willing_conv"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override { return conv_.output_shape(inputs); }
  [[nodiscard]] BackwardNeeds backward_needs() const override { return conv_.backward_needs(); }
  [[nodiscard]] bool can_end_with_relu() const override { return true; }
  [[nodiscard]] bool can_end_with_max_pool() const override { return can_end_with_max_pool_; }
  [[nodiscard]] bool can_pass_back_through_relu() const override { return true; }
  void forward(const ForwardArguments<float, Cpu>& pass) const override {
    asked = pass.relu ? "relu" : "";
    if (pass.max_pool) {
      asked += asked.empty() ? "pool" : " pool";
      if (pass.max_pool->positions.data() != nullptr) asked += " with positions";
      if (pass.max_pool->after_relu) asked += " after relu";
    }
    conv_.forward(pass);
  }
  void backward(const BackwardArguments<float, Cpu>& pass) override {
    went_back_through_relu = pass.after_relu;
    conv_.backward(pass);
  }
  using Layer<float, Cpu>::parameters;
  [[nodiscard]] std::span<Parameter<float, Cpu>> parameters() override { return conv_.parameters(); }

  mutable std::string asked;
  bool went_back_through_relu = false;

 private:
  Conv2d<float, Cpu> conv_;
  bool can_end_with_max_pool_;
};

class DerivedPool : public MaxPool2d<float, Cpu> {
 public:
  using MaxPool2d<float, Cpu>::MaxPool2d;
};

const WillingConv& conv(const Network<float, Cpu>& network, const char* name) {
  return dynamic_cast<const WillingConv&>(*network.node(network.find(name)).layer);
}

NodeId add_conv(Network<float, Cpu>& network, const char* name, Index in, Index out, bool willing = true) {
  return network.emplace<WillingConv>(name, {}, Conv2dConfig{.in = in, .out = out, .kernel = 3, .padding = 1}, willing);
}

/// Pools of odd sizes, with and without a ReLU before, and a ReLU between two convolutions.
Network<float, Cpu> chain() {
  Network<float, Cpu> network(Shape{11, 9, 2});
  add_conv(network, "conv1", 2, 6);
  network.emplace<Relu<float, Cpu>>("relu1", {});
  network.emplace<MaxPool2d<float, Cpu>>("pool1", {}, MaxPool2dOptions{});
  add_conv(network, "conv2", 6, 8);
  network.emplace<Relu<float, Cpu>>("relu2", {});
  add_conv(network, "conv3", 8, 5);
  network.emplace<MaxPool2d<float, Cpu>>("pool3", {}, MaxPool2dOptions{});
  network.emplace<Flatten<float, Cpu>>("flat", {});
  network.emplace<Linear<float, Cpu>>("head", {}, LinearConfig{.in = 20, .out = 3});
  randomize(network, Rng(1));
  return network;
}

std::vector<NodeId> all_nodes(const Network<float, Cpu>& network) {
  std::vector<NodeId> nodes(network.size());
  std::iota(nodes.begin(), nodes.end(), NodeId{0});
  return nodes;
}

std::vector<std::uint32_t> bits(In<float, Cpu> view) {
  std::vector<std::uint32_t> result;
  for (const float element : view.span()) result.push_back(std::bit_cast<std::uint32_t>(element));
  return result;
}

/// Of a pass to the head: logits, and all parameters' gradients if there are any.
std::vector<std::vector<std::uint32_t>> run(Network<float, Cpu>& network, In<float, Cpu> images,
                                            Activations<float, Cpu>& activations, const PassOptions& options) {
  const NodeId head = network.find("head");
  std::vector<std::vector<std::uint32_t>> results{bits(network.forward(images, head, activations, options))};
  if (!options.has_backward()) return results;
  network.backward(head, random_tensor<float>(activations.value(head).shape(), Rng(8)), activations);
  for (const Parameter<float, Cpu>* parameter : network.learned_parameters())
    results.push_back(bits(parameter->gradient));
  return results;
}

PassPlan plan_of_pass(const Network<float, Cpu>& network, const char* target, const PassOptions& options) {
  PassKey key{.target = network.find(target), .backward = options.has_backward(), .keep = options.keep, .borrowed = {}};
  key.borrowed.assign(network.size(), false);
  key.borrowed[0] = true;
  std::vector<PassNode> nodes;
  for (NodeId id = 0; id < network.size(); ++id) nodes.push_back(detail::pass_node(network.node(id)));
  return detail::PassPlanner(std::move(key), std::move(nodes), 1).run();
}

std::vector<std::string> names(const Network<float, Cpu>& network, const std::vector<NodeId>& nodes) {
  std::vector<std::string> result;
  for (const NodeId node : nodes) result.push_back(network.node(node).name);
  return result;
}

/// What the first convolution of a small net is asked for.
std::string asked(const std::function<void(Network<float, Cpu>&)>& rest, const char* target,
                  const std::vector<std::string>& keep = {}, bool willing = true) {
  Network<float, Cpu> network(Shape{4, 4, 1});
  add_conv(network, "conv", 1, 2, willing);
  rest(network);
  PassOptions options{.backward = true};
  for (const std::string& name : keep) options.keep.push_back(network.find(name));
  Activations<float, Cpu> activations;
  network.forward(random_tensor<float>({1, 4, 4, 1}, Rng(3)), network.find(target), activations, options);
  return conv(network, "conv").asked;
}

}  // namespace

TEST_CASE("convolutions that end with pooling change no bit", "[nets]") {
  auto network = chain();
  const Tensor<float, Cpu> images = random_tensor<float>({3, 11, 9, 2}, Rng(2));
  const NodeId head = network.find("head");
  Activations<float, Cpu> activations;  // one for all passes: each finds the remains of others
  for (const bool frozen : {false, true}) {
    if (frozen) network.set_frozen(network.find("conv2"));
    for (const PassOptions& options : {PassOptions{.mode = Mode::train}, PassOptions{.backward = true}, PassOptions{},
                                       PassOptions{.mode = Mode::train, .keep = {0}}}) {
      const bool back = options.has_backward();
      CAPTURE(frozen, back, options.keep);
      Activations<float, Cpu> own, fresh;
      PassOptions apart = options;
      apart.keep = all_nodes(network);
      const auto expected = run(network, images, own, apart);
      CHECK(conv(network, "conv1").asked.empty());
      CHECK(conv(network, "conv3").asked.empty());
      CHECK((!back || !conv(network, "conv3").went_back_through_relu));

      CHECK(run(network, images, activations, options) == expected);
      CHECK(run(network, images, fresh, options) == expected);
      if (!options.keep.empty()) CHECK(bits(fresh.gradient(0)) == bits(own.gradient(0)));
      CHECK(conv(network, "conv1").asked == (back ? "relu pool with positions after relu" : "relu pool"));
      CHECK(conv(network, "conv2").asked == "relu");
      CHECK(conv(network, "conv3").asked == (back ? "pool with positions" : "pool"));
      CHECK((!back || conv(network, "conv3").went_back_through_relu));
      CHECK_FALSE(conv(network, "conv1").went_back_through_relu);
      CHECK(fresh.bytes() == network.pass_bytes(head, 3, options));
      CHECK(fresh.bytes() < own.bytes());
      for (const char* name : {"conv1", "relu1", "conv3"})
        CHECK_THROWS_WITH(fresh.value(network.find(name)),
                          Contains("the value of layer '" + std::string(name) + "' was not kept"));
    }
  }
}

TEST_CASE("values before pools have no memory in the plan", "[nets]") {
  const Network<float, Cpu> network = chain();
  const PassPlan plan = plan_of_pass(network, "head", {.mode = Mode::train});
  std::vector<NodeId> layers, results;
  for (const PassStep& step : plan.steps) {
    layers.push_back(step.node);
    results.push_back(step.result);
  }
  CHECK(names(network, layers) == std::vector<std::string>{"conv1", "conv2", "conv3", "flat", "head"});
  CHECK(names(network, results) == std::vector<std::string>{"pool1", "relu2", "pool3", "flat", "head"});
  for (NodeId id = 1; id < network.size(); ++id) {
    CAPTURE(network.node(id).name);
    CHECK((plan.value_offsets[id] >= 0) == (std::count(results.begin(), results.end(), id) == 1));
  }
  std::vector<NodeId> backward;
  for (const BackwardStep& step : plan.backward_steps) backward.push_back(step.node);
  CHECK(names(network, backward) ==
        std::vector<std::string>{"head", "flat", "pool3", "conv3", "conv2", "pool1", "conv1"});
  // An evaluation: the two largest neighbours, of pool1 and relu2.
  CHECK(plan_of_pass(network, "head", {}).size == 5 * 4 * (6 + 8));
}

TEST_CASE("a layer ends with pooling only if nobody can see what is before it", "[nets]") {
  const auto relu = [](Network<float, Cpu>& network) { network.emplace<Relu<float, Cpu>>("relu", {}); };
  const auto pool = [](Network<float, Cpu>& network, const MaxPool2dOptions& options = {}) {
    network.emplace<MaxPool2d<float, Cpu>>("pool", {}, options);
  };
  const auto both = [&](Network<float, Cpu>& network) {
    relu(network);
    pool(network);
  };
  const std::string all = "relu pool with positions after relu";
  CHECK(asked(both, "pool", {"input"}) == all);
  CHECK(asked(both, "pool", {"input", "pool"}) == all);
  CHECK(asked(both, "pool", {"input", "relu"}) == "relu");
  CHECK(asked(both, "pool", {"input", "conv"}).empty());
  CHECK(asked(both, "relu") == "relu");
  CHECK(asked(both, "conv", {"pool"}).empty());
  CHECK(asked(both, "pool", {}, false) == "relu");
  CHECK(asked([&](auto& network) { pool(network); }, "pool") == "pool with positions");
  CHECK(asked([&](auto& network) { pool(network); }, "pool", {}, false).empty());

  CHECK(asked([&](auto& network) { pool(network, {.kernel = 2, .stride = 2}); }, "pool") == "pool with positions");
  CHECK(asked([&](auto& network) { pool(network, {.kernel = 2, .stride = 1}); }, "pool").empty());
  CHECK(asked([&](auto& network) { pool(network, {.kernel = 3, .stride = 2}); }, "pool").empty());
  CHECK(asked([&](auto& network) { pool(network, {.kernel = 2, .padding = 1}); }, "pool").empty());
  CHECK(asked([&](auto& network) { network.template emplace<DerivedPool>("pool", {}, MaxPool2dOptions{}); }, "pool")
            .empty());

  const auto with_reader_of = [&](const char* name) {
    return [&both, name](Network<float, Cpu>& network) {
      both(network);
      network.emplace<MaxPool2d<float, Cpu>>("beside", {name}, MaxPool2dOptions{});
      network.emplace<Add<float, Cpu>>("sum", {"pool", "beside"});
    };
  };
  CHECK(asked(with_reader_of("relu"), "sum") == "relu");
  CHECK(asked(with_reader_of("conv"), "sum").empty());
  CHECK(asked(with_reader_of("relu"), "pool") == all);  // the other reader is not computed
  CHECK(asked(with_reader_of("relu"), "pool", {"beside"}) == "relu");
  const auto readers_of_pool = [&](Network<float, Cpu>& network) {
    both(network);
    network.emplace<Relu<float, Cpu>>("beside", {"pool"});
    network.emplace<Add<float, Cpu>>("sum", {"pool", "beside"});
  };
  CHECK(asked(readers_of_pool, "sum") == all);
}

TEST_CASE("positions are noted down only where gradients go", "[nets]") {
  auto network = chain();
  const Tensor<float, Cpu> images = random_tensor<float>({2, 11, 9, 2}, Rng(2));
  network.set_frozen(network.find("conv1"));
  const PassOptions options{.mode = Mode::train};
  Activations<float, Cpu> activations, own;
  const auto found = run(network, images, activations, options);
  CHECK(conv(network, "conv1").asked == "relu pool");
  CHECK(conv(network, "conv3").asked == "pool with positions");
  CHECK_FALSE(conv(network, "conv2").went_back_through_relu);
  CHECK(activations.bytes() == network.pass_bytes(network.find("head"), 2, options));
  PassOptions apart = options;
  for (NodeId id = 1; id < network.size(); ++id) apart.keep.push_back(id);
  CHECK(run(network, images, own, apart) == found);
}

TEST_CASE("the part behind a node that ends with pooling is computed from borrowed values", "[nets]") {
  auto network = chain();
  const Tensor<float, Cpu> images = random_tensor<float>({2, 11, 9, 2}, Rng(2));
  const NodeId head = network.find("head");
  Activations<float, Cpu> whole;
  const auto logits = bits(network.forward(images, head, whole));
  for (const char* name : {"conv1", "relu1", "pool1", "conv2", "conv3", "pool3"}) {
    CAPTURE(name);
    const NodeId site = network.find(name);
    network.forward(images, site, whole);
    Activations<float, Cpu> behind;
    behind.borrow(site, whole.value(site));
    CHECK(bits(network.compute(head, behind)) == logits);
    network.forward(images, head, whole, {.keep = {site}});
    behind.borrow(site, whole.value(site));
    CHECK(bits(network.compute(head, behind)) == logits);
  }
}
