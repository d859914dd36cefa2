// The structure of a network: who reads whom, what is computed, what is refused, and gradients of whole nets.

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/description.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

// A residual block, two heads on one trunk, a node with three readers, one layer that reads the same node twice, and
// two layers that read the image.
const char* const branched =
    "input 5 6 2\n"
    "stem (trunk) = conv2d(input; out=3 kernel=3 padding=1)\n"
    "side = conv2d(input; out=3 kernel=1)\n"
    "norm = batch_norm(stem)\n"
    "act = relu(norm)\n"
    "twice = add(act, act)\n"
    "sum = add(twice, side, act)\n"
    "pool = max_pool2d(sum; kernel=2 stride=2)\n"
    "flat = flatten(pool)\n"
    "faces = linear(flat; out=4)\n"
    "hidden = linear(flat; out=5)\n"
    "hidden_act = relu(hidden)\n"
    "objects = linear(hidden_act; out=3)\n";

/// Largest disagreement between `backward` and central differences of the mean loss, over every parameter element
/// and every pixel; relative to the largest gradient of the tensor.
double gradient_error(Network<double, Cpu>& network, NodeId head, Mode mode) {
  const Index batch = 3;
  Tensor<double, Cpu> images = random_tensor<double>(network.image_shape().batched(batch), Rng(1).stream("images"));
  std::vector<Index> labels;
  for (Index n = 0; n < batch; ++n) labels.push_back(n % network.node(head).shape.channels());
  Activations<double, Cpu> activations;
  const Rng pass = Rng(1).stream("pass");  // the same dropout in every pass
  const auto loss = [&] {
    const auto logits =
        network.forward(images, head, activations, {.mode = mode, .rng = pass, .backward = true, .keep = {0}});
    return mean_loss(std::span<const double>(losses_of(logits, labels)));
  };
  static_cast<void>(loss());
  Tensor<double, Cpu> gradient(activations.value(head).shape());
  softmax_cross_entropy_gradient<double>(activations.value(head), std::span<const Index>(labels), gradient.view());
  network.backward(head, gradient, activations);

  double worst = 0;
  const auto compare = [&](Tensor<double, Cpu>& values, const std::vector<double>& analytic) {
    std::vector<double> numeric;
    for (double& element : values.span()) {
      const double step = 1e-5;
      const double value = element;
      element = value + step;
      const double up = loss();
      element = value - step;
      const double down = loss();
      element = value;
      numeric.push_back((up - down) / (2 * step));
    }
    worst = std::max(worst, difference(analytic, numeric));
  };
  std::vector<std::vector<double>> analytic;
  for (const Parameter<double, Cpu>* parameter : network.learned_parameters())
    analytic.push_back(elements(parameter->gradient));
  compare(images, elements<double>(activations.gradient(0)));
  std::size_t i = 0;
  for (Parameter<double, Cpu>* parameter : network.learned_parameters()) compare(parameter->value, analytic[i++]);
  return worst;
}

}  // namespace

TEST_CASE("a network knows its readers, heads and dependencies") {
  const auto network = parse_description<float, Cpu>(branched);
  const auto id = [&](const char* name) { return network.find(name); };
  CHECK(network.size() == 13);
  CHECK(id("input") == 0);
  CHECK(id("trunk") == id("stem"));
  CHECK(network.readers(id("act")) == std::vector<NodeId>{id("twice"), id("sum")});
  CHECK(network.readers(0) == std::vector<NodeId>{id("stem"), id("side")});
  CHECK(network.heads() == std::vector<NodeId>{id("faces"), id("objects")});
  CHECK_FALSE(network.needed_for(id("objects"))[id("faces")]);
  CHECK(network.needed_for(id("objects"))[id("side")]);
  CHECK(network.dependent_on(id("side"))[id("sum")]);
  CHECK_FALSE(network.dependent_on(id("side"))[id("act")]);
  CHECK(network.node(id("pool")).shape == Shape{2, 3, 3});
}

TEST_CASE("a forward pass computes what the target needs and nothing else") {
  auto network = parse_description<float, Cpu>(branched);
  network.initialize(Rng(3));
  Activations<float, Cpu> activations;
  const Tensor<float, Cpu> images = random_tensor<float>({2, 5, 6, 2}, Rng(4));
  network.forward(images, network.find("objects"), activations);
  CHECK_THROWS_AS(activations.value(network.find("faces")), ConfigError);
  CHECK(activations.value(network.find("objects")).shape() == Shape{2, 3});

  SECTION("the same images give the same bits in any batch") {
    const auto together = elements<float>(activations.value(network.find("objects")));
    std::vector<float> apart;
    for (Index n = 0; n < 2; ++n) {
      Activations<float, Cpu> one;
      for (const float logit :
           elements<float>(network.forward(images.view().batch_range(n, 1), network.find("objects"), one)))
        apart.push_back(logit);
    }
    CHECK(together == apart);
  }
  SECTION("an empty batch goes through") {
    const Tensor<float, Cpu> none(Shape{0, 5, 6, 2});
    CHECK(network.forward(none, network.find("faces"), activations).shape() == Shape{0, 4});
  }
}

TEST_CASE("a network refuses what does not fit, and says why") {
  Network<float, Cpu> network(Shape{8, 8, 3});
  network.emplace<Conv2d<float, Cpu>>("conv", {}, Conv2dConfig{.in = 3, .out = 4, .kernel = 3});
  CHECK_THROWS_WITH((network.emplace<Relu<float, Cpu>>("conv", {})), Contains("expected a new layer name, got 'conv'"));
  CHECK_THROWS_WITH((network.emplace<Relu<float, Cpu>>("relu", {"cnv"})),
                    Contains("no layer 'cnv'") && Contains("one of: conv input"));
  CHECK_THROWS_AS((network.emplace<Relu<float, Cpu>>("relu", {"cnv"})), ConfigError);
  CHECK_THROWS_WITH((network.emplace<Conv2d<float, Cpu>>("next", {}, Conv2dConfig{.in = 5, .out = 4, .kernel = 3})),
                    Contains("layer 'next'") && Contains("expected 5") && Contains("got 4"));
  CHECK_THROWS_AS((network.emplace<Add<float, Cpu>>("sum", {"conv", "input"})), ShapeError);
  CHECK_THROWS_WITH(network.set_alias(1, "input"), Contains("expected a new alias, got 'input'"));
  Activations<float, Cpu> activations;
  CHECK_THROWS_WITH(network.forward(Tensor<float, Cpu>(Shape{1, 8, 9, 3}), 1, activations),
                    Contains("expected (8, 8, 3) image, got (8, 9, 3)"));
  CHECK(network.size() == 2);
}

// Smooth functions agree to about 1e-9 at this step; 1e-7 leaves room for curvature, a wrong gradient is off by 0.1.
TEST_CASE("gradients of a whole branched net are those of finite differences", "[gradient]") {
  const Mode mode = GENERATE(Mode::evaluate, Mode::train);
  auto network = parse_description<double, Cpu>(branched);
  randomize(network, Rng(11));
  CHECK(gradient_error(network, network.find("objects"), mode) < 1e-7);
  CHECK(gradient_error(network, network.find("faces"), mode) < 1e-7);
}

TEST_CASE("gradients of a residual net are those of finite differences", "[gradient]") {
  NetworkPlan plan{{6, 6, 2}, {}};
  plan.add("conv1", "conv2d", convolution_options({.out = 4, .kernel = 3, .padding = 1}));
  add_resnet_block(plan, {.name = "layer1.0", .in = 4, .width = 4, .stride = 1});
  add_resnet_block(plan, {.name = "layer2.0", .in = 4, .width = 2, .stride = 2, .bottleneck = true});
  plan.add("avgpool", "global_avg_pool2d");
  plan.add("flatten", "flatten");
  plan.add("fc", "linear", {{"out", 3}});
  auto network = build<double, Cpu>(plan);
  randomize(network, Rng(12));
  CHECK(gradient_error(network, network.size() - 1, Mode::train) < 1e-7);
}

TEST_CASE("gradients of a net with dropout, response normalisation and average pools are right", "[gradient]") {
  auto network = parse_description<double, Cpu>(
      "input 6 5 2\n"
      "a = conv2d(; out=5 kernel=3 stride=2 padding=1)\n"
      "b = relu()\n"
      "c = local_response_norm(; size=3 alpha=0.5 beta=0.75 k=2)\n"
      "d = avg_pool2d(; kernel=2 stride=1)\n"
      "e = flatten()\n"
      "f = dropout()\n"
      "g = linear(; out=4)\n");
  randomize(network, Rng(13));
  CHECK(gradient_error(network, network.size() - 1, Mode::train) < 1e-7);
}

TEST_CASE("a head's backward pass leaves the other head's gradients at zero") {
  auto network = parse_description<double, Cpu>(branched);
  randomize(network, Rng(14));
  for (Parameter<double, Cpu>* parameter : network.learned_parameters()) parameter->gradient.fill(7);
  static_cast<void>(gradient_error(network, network.find("faces"), Mode::train));
  for (const NamedParameter<double, Cpu>& named : network.parameters()) {
    if (!named.parameter->is_learned()) continue;
    const std::vector<double> gradient = elements(named.parameter->gradient);
    const bool other = named.name.starts_with("objects") || named.name.starts_with("hidden");
    CAPTURE(named.name);
    CHECK(std::all_of(gradient.begin(), gradient.end(), [](double g) { return g == 0; }) == other);
  }
}

TEST_CASE("starting values depend on the seed and the layer's name only") {
  const NetOptions options{.image = {8, 8, 3}, .heads = {{"", 4}}};
  auto one = build_network<float, Cpu>("8 M fc6", options, Rng(5));
  auto same = build_network<float, Cpu>("8 M fc6", options, Rng(5));
  auto longer = build_network<float, Cpu>("8 M fc6 fc7", options, Rng(5));
  auto other = build_network<float, Cpu>("8 M fc6", options, Rng(6));
  const auto weights = [](Network<float, Cpu>& network, std::size_t i) {
    return elements(network.learned_parameters()[i]->value);
  };
  for (std::size_t i = 0; i < one.learned_parameters().size(); ++i) CHECK(weights(one, i) == weights(same, i));
  CHECK(weights(one, 0) == weights(longer, 0));
  CHECK(weights(one, 0) != weights(other, 0));
}
