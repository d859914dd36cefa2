// Passes through a network: memory that is shared changes no bit, and what is not there any more cannot be read.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <fusiform/layers/conv2d.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/description.hpp>
#include <fusiform/nets/suffix.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

// ReLUs behind a convolution that is read once, one that is read twice, one that is read twice by one layer, a batch
// norm, a sum, and a linear layer.
const char* const every_relu =
    "input 6 5 2\n"
    "conv1 = conv2d(input; out=16 kernel=3 padding=1)\n"
    "relu1 = relu(conv1)\n"
    "conv2 = conv2d(relu1; out=16 kernel=3 padding=1)\n"
    "relu2 = relu(conv2)\n"
    "sum = add(relu2, conv2, relu1)\n"
    "relu3 = relu(sum)\n"
    "conv3 = conv2d(relu3; out=4 kernel=1)\n"
    "norm = batch_norm(conv3)\n"
    "relu4 = relu(norm)\n"
    "twice = add(relu4, relu4)\n"
    "pool = max_pool2d(twice; kernel=2 stride=2)\n"
    "flat = flatten(pool)\n"
    "drop = dropout(flat)\n"
    "hidden = linear(drop; out=5)\n"
    "hidden_relu = relu(hidden)\n"
    "faces = linear(hidden_relu; out=3)\n"
    "conv4 = conv2d(relu3; out=3 kernel=3 stride=2)\n"
    "relu5 = relu(conv4)\n"
    "average = global_avg_pool2d(relu5)\n"
    "flat2 = flatten(average)\n"
    "objects = linear(flat2; out=4)\n";

std::vector<NodeId> all_nodes(const Network<float, Cpu>& network) {
  std::vector<NodeId> nodes(network.size());
  std::iota(nodes.begin(), nodes.end(), NodeId{0});
  return nodes;
}

/// The bits of a pass: logits, the images' gradient, all parameters' gradients.
std::vector<std::uint32_t> run(Network<float, Cpu>& network, NodeId head, In<float, Cpu> images,
                               Activations<float, Cpu>& activations, PassOptions options) {
  options.rng = Rng(9);
  std::vector<std::uint32_t> bits;
  const auto take = [&](View<const float, Cpu> view) {
    for (const float element : view.span()) bits.push_back(std::bit_cast<std::uint32_t>(element));
  };
  take(network.forward(images, head, activations, options));
  if (!options.backward && options.mode == Mode::evaluate) return bits;
  Tensor<float, Cpu> gradient = random_tensor<float>(activations.value(head).shape(), Rng(8));
  network.backward(head, gradient, activations);
  take(activations.gradient(0));
  for (const Parameter<float, Cpu>* parameter : network.learned_parameters()) take(parameter->gradient);
  return bits;
}

/// Says what it is asked for. A ReLU behind it is its own work whenever that is allowed, and so is the gradient of one
/// before it.
class Recorder : public Layer<float, Cpu> {
 public:
  explicit Recorder(bool can_end_with_relu = true) : can_end_with_relu_(can_end_with_relu) {}
  [[nodiscard]] std::string kind() const override { return "recorder"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override { return inputs[0]; }
  [[nodiscard]] BackwardNeeds backward_needs() const override { return {.inputs = false, .output = false}; }
  [[nodiscard]] bool can_end_with_relu() const override { return can_end_with_relu_; }
  [[nodiscard]] bool can_pass_back_through_relu() const override { return true; }
  void forward(const ForwardArguments<float, Cpu>& pass) const override {
    relu = pass.relu;
    after_relu = pass.after_relu;
    if (pass.relu)
      relu_forward(pass.inputs[0], pass.output);
    else
      copy(pass.inputs[0], pass.output);
  }
  void backward(const BackwardArguments<float, Cpu>& pass) override {
    copy(pass.output_gradient, pass.input_gradients[0]);
    input = pass.inputs[0];
  }
  mutable bool relu = false;
  mutable bool after_relu = false;
  View<const float, Cpu> input;

 private:
  bool can_end_with_relu_;
};

class DoubledRelu : public Relu<float, Cpu> {
 public:
  void forward(const ForwardArguments<float, Cpu>& pass) const override {
    for (Index i = 0; i < pass.output.size(); ++i) pass.output[i] = 2 * std::max(0.0F, pass.inputs[0][i]);
  }
};

}  // namespace

TEST_CASE("sharing memory and computing ReLUs at once change no bit") {
  const NetOptions options{.image = {33, 33, 3}, .heads = {{"", 4}}, .hidden_features = 24};
  const std::vector<NetworkPlan> plans = {
      plan_of(parse_description<float, Cpu>(every_relu)),
      plan_network("16 16B M 16 A fc20 D fc8", options),
      plan_network("vgg11_bn", options),
      alexnet_plan({.image = {67, 67, 3}, .heads = {{"", 3}}, .hidden_features = 16},
                   AlexNetNormalization::local_response),
      plan_network("resnet18", options),
  };
  for (const NetworkPlan& plan : plans) {
    auto network = build<float, Cpu>(plan);
    randomize(network, Rng(21));
    const Tensor<float, Cpu> images = random_tensor<float>(network.image_shape().batched(3), Rng(22));
    Activations<float, Cpu> activations;  // one for all passes: each finds the remains of others
    for (const NodeId head : network.heads())
      for (const Mode mode : {Mode::train, Mode::evaluate})
        for (const bool backward : {true, false}) {
          const PassOptions shared{.mode = mode, .backward = backward, .keep = {0}};
          const PassOptions apart{.mode = mode, .backward = backward, .keep = all_nodes(network)};
          CAPTURE(network.size(), head, backward);
          Activations<float, Cpu> own;
          const std::vector<std::uint32_t> expected = run(network, head, images, own, apart);
          REQUIRE(run(network, head, images, activations, shared) == expected);
          REQUIRE(run(network, head, images, activations, shared) == expected);
          REQUIRE(network.pass_bytes(head, 3, shared) < network.pass_bytes(head, 3, apart));
        }
  }
}

TEST_CASE("values between are those of passes that stop there") {
  auto network = parse_description<float, Cpu>(every_relu);
  randomize(network, Rng(23));
  const Tensor<float, Cpu> images = random_tensor<float>({2, 6, 5, 2}, Rng(24));
  const NodeId head = network.find("faces");
  Activations<float, Cpu> activations;
  network.forward(images, head, activations, {.keep = all_nodes(network)});
  for (NodeId id = 1; id < network.size(); ++id) {
    Activations<float, Cpu> own;
    CAPTURE(network.node(id).name);
    const std::vector<float> alone = elements<float>(network.forward(images, id, own));
    CHECK(elements<float>(activations.value(id)) == alone);
    Activations<float, Cpu> among;  // kept, while all others share memory
    network.forward(images, head, among, {.keep = {id}});
    CHECK(elements<float>(among.value(id)) == alone);
  }
  const std::vector<float> before = elements<float>(activations.value(network.find("conv1")));
  CHECK(std::any_of(before.begin(), before.end(), [](float value) { return value < 0; }));
}

TEST_CASE("what was not kept cannot be read") {
  auto network = parse_description<float, Cpu>(every_relu);
  randomize(network, Rng(25));
  const Tensor<float, Cpu> images = random_tensor<float>({2, 6, 5, 2}, Rng(26));
  const NodeId head = network.find("objects");
  Activations<float, Cpu> activations;
  CHECK_THROWS_AS(activations.value(head), ConfigError);
  network.forward(images, head, activations, {.backward = true, .keep = {network.find("relu3")}});
  CHECK_THROWS_WITH(activations.value(network.find("conv1")), Contains("the value of layer 'conv1' was not kept"));
  CHECK_THROWS_AS(activations.value(network.find("relu1")), ConfigError);
  CHECK_THROWS_AS(activations.value(network.find("faces")), ConfigError);
  CHECK_THROWS_AS(activations.value(99), ConfigError);
  CHECK_THROWS_AS(activations.gradient(network.find("relu3")), ConfigError);  // not there yet
  CHECK(activations.value(0).data() == images.data());
  CHECK(activations.value(network.find("relu3")).shape() == Shape{2, 6, 5, 16});

  const Tensor<float, Cpu> gradient = random_tensor<float>({2, 4}, Rng(27));
  CHECK_THROWS_AS(network.backward(network.find("faces"), gradient, activations), ConfigError);
  CHECK_THROWS_AS(network.backward(head, random_tensor<float>({3, 4}, Rng(27)), activations), ShapeError);
  network.backward(head, gradient, activations);
  CHECK(activations.gradient(network.find("relu3")).shape() == Shape{2, 6, 5, 16});
  CHECK_THROWS_AS(activations.gradient(0), ConfigError);  // nobody asked for the images' gradient
  CHECK(activations.value(head).shape() == Shape{2, 4});
  CHECK_THROWS_WITH(network.backward(head, gradient, activations), Contains("a forward pass before each"));

  network.forward(images, head, activations);
  CHECK_THROWS_WITH(network.backward(head, gradient, activations), Contains("PassOptions::backward"));
  CHECK_THROWS_AS(network.update_statistics(head, activations), ConfigError);
}

TEST_CASE("the part behind a node is computed from borrowed values") {
  auto network = parse_description<float, Cpu>(every_relu);
  randomize(network, Rng(28));
  const Tensor<float, Cpu> images = random_tensor<float>({2, 6, 5, 2}, Rng(29));
  const NodeId head = network.find("faces");
  Activations<float, Cpu> whole;
  const std::vector<float> logits = elements<float>(network.forward(images, head, whole));
  for (const char* name : {"conv1", "relu1", "conv2", "relu2", "conv3", "norm", "twice", "hidden", "hidden_relu"}) {
    CAPTURE(name);
    const NodeId site = network.find(name);
    PassOptions keep{.keep = suffix_frontier(network, site, head)};
    network.forward(images, site, whole, keep);
    Activations<float, Cpu> behind;
    for (const NodeId node : keep.keep) behind.borrow(node, whole.value(node));
    behind.borrow(site, whole.value(site));
    CHECK(elements<float>(network.compute(head, behind)) == logits);
  }

  Activations<float, Cpu> behind;
  CHECK_THROWS_WITH(network.compute(head, behind), Contains("layer 'faces': expected images, or borrowed values"));
  behind.borrow(network.find("relu3"), images);
  CHECK_THROWS_WITH(network.compute(head, behind), Contains("borrowed value of 'relu3'"));
  CHECK_THROWS_WITH(whole.borrow(1, whole.value(network.find("hidden_relu"))), Contains("outside of their own memory"));
  CHECK_THROWS_AS(suffix_frontier(network, network.find("conv4"), head), ConfigError);
}

TEST_CASE("a layer does the work of the ReLU behind it only if nobody can see its own value") {
  Network<float, Cpu> network(Shape{4});
  const auto recorder = [&](const char* name, bool willing = true) {
    return static_cast<const Recorder*>(&network.layer(network.emplace<Recorder>(name, {}, willing)));
  };
  const Recorder* first = recorder("first");
  network.emplace<Relu<float, Cpu>>("relu1", {});
  const Recorder* second = recorder("second", false);
  network.emplace<Relu<float, Cpu>>("relu2", {});
  const Recorder* third = recorder("third");
  network.emplace<DoubledRelu>("not_quite_a_relu", {});
  const Recorder* fourth = recorder("fourth");
  network.emplace<Relu<float, Cpu>>("relu4", {});
  const Tensor<float, Cpu> x(Shape{1, 4}, std::vector<float>{-1, -0.0F, std::nanf(""), 2});
  Activations<float, Cpu> activations;
  const auto pass = [&](const char* target, const PassOptions& options = {}) {
    return elements<float>(network.forward(x, network.find(target), activations, options));
  };
  pass("relu4");
  CHECK(first->relu);
  CHECK_FALSE(second->relu);
  CHECK_FALSE(third->relu);
  CHECK(fourth->relu);
  CHECK(pass("first")[0] == -1);
  CHECK_FALSE(first->relu);
  pass("relu4", {.keep = {network.find("first")}});
  CHECK_FALSE(first->relu);
  CHECK(fourth->relu);
  CHECK(activations.value(network.find("first"))[0] == -1);
  pass("relu4", {.mode = Mode::train, .keep = {0}});
  CHECK(first->relu);
  network.backward(network.find("relu4"), x, activations);
  CHECK(first->input.data() == nullptr);  // as it said, it does not need its input
  CHECK(first->input.shape() == Shape{1, 4});
  CHECK(activations.gradient(0)[0] == 0);

  network.emplace<Relu<float, Cpu>>("beside", {"first"});  // a second reader
  pass("relu4");
  CHECK(first->relu);  // which this pass does not need
  pass("relu4", {.keep = {network.find("beside")}});
  CHECK_FALSE(first->relu);
}

TEST_CASE("a layer does the gradient of the ReLU before it only if nobody else reads either") {
  const Tensor<float, Cpu> images = random_tensor<float>({2, 3, 3, 1}, Rng(31));
  const auto asked = [&](const std::vector<std::string>& readers_of_relu, bool other_reader_of_image,
                         const PassOptions& options) {
    Network<float, Cpu> network(Shape{3, 3, 1});
    const NodeId before = network.emplace<Recorder>("before", {}, false);
    network.emplace<Relu<float, Cpu>>("relu", {});
    const NodeId behind = network.emplace<Recorder>("behind", {});
    std::vector<std::string> summands = readers_of_relu;
    if (other_reader_of_image) summands.emplace_back("before");
    const NodeId head = summands.size() < 2 ? behind : network.emplace<Add<float, Cpu>>("sum", summands);
    Activations<float, Cpu> activations;
    network.forward(images, head, activations, options);
    const bool after_relu = dynamic_cast<const Recorder&>(network.layer(behind)).after_relu;
    if (!options.backward) return after_relu;
    Tensor<float, Cpu> ones(images.shape());
    ones.fill(1);
    network.backward(head, ones, activations);
    // Recorders pass gradients on as they are: with the ReLU's own step, zeros where the image is not positive.
    const View<const float, Cpu> gradient = activations.gradient(0);
    for (Index i = 0; i < images.size(); ++i) {
      const float through_relu = after_relu || images[i] > 0 ? 1.0F : 0.0F;
      const float beside =
          (readers_of_relu.size() > 1 && images[i] > 0 ? 1.0F : 0.0F) + (other_reader_of_image ? 1 : 0);
      CHECK(gradient[i] == through_relu + beside);
    }
    CHECK(network.node(before).name == "before");
    return after_relu;
  };
  CHECK(asked({"behind"}, false, {.backward = true, .keep = {0}}));
  CHECK_FALSE(asked({"behind"}, false, {.keep = {0}}));
  CHECK_FALSE(asked({"behind"}, false, {.backward = true, .keep = {0, 2}}));
  CHECK_FALSE(asked({"behind", "relu"}, false, {.backward = true, .keep = {0}}));
  CHECK_FALSE(asked({"behind"}, true, {.backward = true, .keep = {0}}));
}

TEST_CASE("activations start afresh with another network") {
  auto small = parse_description<float, Cpu>("input 4 4 1\nconv = conv2d(; out=2 kernel=3)\nrelu = relu()\n");
  auto large = parse_description<float, Cpu>("input 4 4 1\nconv = conv2d(; out=9 kernel=3)\nrelu = relu()\n");
  randomize(small, Rng(31));
  randomize(large, Rng(32));
  const Tensor<float, Cpu> images = random_tensor<float>({2, 4, 4, 1}, Rng(33));
  Activations<float, Cpu> activations;
  for (Network<float, Cpu>* network : {&small, &large, &small}) {
    Activations<float, Cpu> own;
    CHECK(elements<float>(network->forward(images, 2, activations)) ==
          elements<float>(network->forward(images, 2, own)));
  }
  const Tensor<float, Cpu> gradient(Shape{2, 2, 2, 2});
  CHECK_THROWS_AS(large.update_statistics(2, activations), ConfigError);
}

TEST_CASE("the bytes of a pass are known beforehand") {
  auto network = build_network<float, Cpu>("16B M 16 fc20 D", {.image = {12, 12, 3}, .heads = {{"", 4}}}, Rng(1));
  const NodeId head = network.heads().front();
  for (const PassOptions& options : {PassOptions{}, PassOptions{.mode = Mode::train}, PassOptions{.backward = true},
                                     PassOptions{.mode = Mode::train, .keep = {0, 1, 2}}}) {
    Activations<float, Cpu> activations;
    const Tensor<float, Cpu> images(Shape{5, 12, 12, 3});
    network.forward(images, head, activations, options);
    CHECK(activations.bytes() == network.pass_bytes(head, 5, options));
    CHECK(network.pass_bytes(head, 0, options) <= 3 * 16 * sizeof(float));  // what batch norm notes down
  }
}

// VGG16 at 224 x 224, a batch of 32; few hidden features, as the parameters do not matter here.
TEST_CASE("a training pass of VGG16 takes little more than the values that its gradients need") {
  const NetOptions options{.image = {224, 224, 3}, .heads = {{"", 10}}, .hidden_features = 8};
  auto network = build<float, Cpu>(plan_network("vgg16", options));
  const NodeId head = network.size() - 1;
  // The values that convolutions read: of ReLUs, except those before pools, and of pools (the last for flatten).
  const std::size_t side = 224;
  const std::size_t relus = side * side * (64 + 128 / 4 + 2 * 256 / 16 + 2 * 512 / 64) + 14 * 14 * 2 * 512;
  const std::size_t pools = side * side * (64 / 4 + 128 / 16 + 256 / 64 + 512 / 256) + 7 * 7 * 512;
  const std::size_t values = 32 * sizeof(float) * (relus + pools);
  const std::size_t positions = 32 * sizeof(std::int32_t) * pools;
  const std::size_t bytes = network.pass_bytes(head, 32, {.mode = Mode::train});
  CHECK(bytes > values + positions);
  CHECK(static_cast<double>(bytes) < 1.07 * static_cast<double>(values + positions));
  // An evaluation: the two largest neighbours.
  const std::size_t largest = 32 * sizeof(float) * 2 * 64 * side * side;
  CHECK(network.pass_bytes(head, 32) == largest);
}
