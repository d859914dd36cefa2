// Frozen layers: which ones words mean, and what passes through them do and do not compute.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/description.hpp>
#include <fusiform/nets/freeze.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

using Names = std::vector<std::string>;

Network<float, Cpu> two_heads() {
  return build_network<float, Cpu>(
      "4 4B M 6 fc5 D", {.image = {8, 8, 3}, .heads = {{"faces", 3}, {"objects", 2}}, .branch_after = "conv2"}, Rng(1));
}

Names selected(const Network<float, Cpu>& network, const Names& words) {
  Names names;
  for (const NodeId id : select_layers(network, words)) names.push_back(network.node(id).name);
  return names;
}

std::vector<std::uint32_t> bits(View<const float, Cpu> view) {
  std::vector<std::uint32_t> result;
  for (const float element : view.span()) result.push_back(std::bit_cast<std::uint32_t>(element));
  return result;
}

/// A convolution's place holder with one weight, x times weight, that counts what it is asked to compute.
class Scale : public Layer<float, Cpu> {
 public:
  Scale() { parameter_.value.fill(2); }
  [[nodiscard]] std::string kind() const override { return "scale"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override { return inputs[0]; }
  void forward(const ForwardArguments<float, Cpu>& pass) const override {
    mode = pass.mode;
    noted = pass.backward;
    for (Index i = 0; i < pass.output.size(); ++i) pass.output[i] = parameter_.value[0] * pass.inputs[0][i];
  }
  void backward(const BackwardArguments<float, Cpu>& pass) override {
    ++backward_calls;
    if (pass.input_gradients[0].data() != nullptr) {
      ++input_gradients;
      for (Index i = 0; i < pass.output_gradient.size(); ++i)
        pass.input_gradients[0][i] = parameter_.value[0] * pass.output_gradient[i];
    }
    if (!pass.parameter_gradients) return;
    float sum = 0;
    for (Index i = 0; i < pass.output_gradient.size(); ++i) sum += pass.inputs[0][i] * pass.output_gradient[i];
    parameter_.gradient[0] = sum;
  }
  void update_statistics(const LayerState<float, Cpu>& /*state*/) override { ++updates; }
  [[nodiscard]] std::span<Parameter<float, Cpu>> parameters() override { return {&parameter_, 1}; }

  mutable Mode mode = Mode::evaluate;
  mutable bool noted = false;
  int backward_calls = 0;
  int input_gradients = 0;
  int updates = 0;

 private:
  Parameter<float, Cpu> parameter_ = Parameter<float, Cpu>::learned("weight", Shape{1});
};

}  // namespace

TEST_CASE("words mean layers by name, alias, group, pattern, or as heads") {
  const auto network = two_heads();
  CHECK(selected(network, {"features.0"}) == Names{"features.0"});
  CHECK(selected(network, {"conv2"}) == Names{"features.2"});
  CHECK(selected(network, {"features"}) == Names{"features.0", "features.2"});
  CHECK(selected(network, {"objects"}) ==
        Names{"objects.features.3", "objects.features.6", "objects.classifier.0", "objects.classifier.3"});
  CHECK(selected(network, {"faces.features"}) == Names{"faces.features.3", "faces.features.6"});
  CHECK(selected(network, {"*classifier.0", "conv1"}) ==
        Names{"features.0", "faces.classifier.0", "objects.classifier.0"});
  CHECK(selected(network, {"heads"}) == Names{"faces.classifier.3", "objects.classifier.3"});
  CHECK(selected(network, {"*"}).size() == 10);
  CHECK(selected(network, {}).empty());
  CHECK(selected(network, {"conv1", "features", "features.0"}) == Names{"features.0", "features.2"});
}

TEST_CASE("classifiers are found behind layers without weights") {
  const auto network = parse_description<float, Cpu>(
      "input 2 2 1\nflat = flatten(input)\nfc = linear(flat; out=2)\ndrop = dropout(fc)\nother = relu(fc)\n"
      "bare = relu(flat)\nheads = linear(flat; out=3)\n");
  CHECK(classifiers(network) == std::vector<NodeId>{network.find("fc"), network.find("heads")});
  CHECK(selected(network, {"heads"}) == Names{"heads"});  // a layer's name goes before
}

TEST_CASE("words that mean nothing are refused with what there is") {
  auto network = two_heads();
  CHECK_THROWS_AS(select_layers(network, {"conv1", "conv9"}), ConfigError);
  CHECK_THROWS_WITH(select_layers(network, {"feature.2"}),
                    Contains("meant by 'feature.2'; expected heads or one of: features.2=conv2"));
  CHECK_THROWS_WITH(freeze(network, {"features.1"}), Contains("expected a layer with weights, got 'features.1'"));
  for (const char* word : {"", "feat", "conv", "input", "features.", "*.9", "Heads"}) {
    CAPTURE(word);
    CHECK_THROWS_AS(freeze(network, {"features.0", word}), ConfigError);
    CHECK(frozen_layers(network).empty());
  }
  CHECK_THROWS_AS(network.set_frozen(0), ConfigError);
  CHECK_THROWS_AS(network.set_frozen(network.find("faces.flatten")), ConfigError);
}

TEST_CASE("freezing and thawing say which layers are frozen, and give memory back") {
  auto network = two_heads();
  freeze(network, {"features"});
  CHECK(frozen_layers(network) == Names{"features.0", "features.2"});
  const Parameter<float, Cpu>& weight = *network.learned_parameters()[0];
  CHECK(weight.frozen);
  CHECK(weight.is_learned());
  CHECK_FALSE(weight.learns());
  CHECK(weight.gradient.empty());
  freeze_all_but(network, {"heads", "conv1"});
  CHECK(frozen_layers(network).size() == 7);
  CHECK(weight.learns());
  CHECK(weight.gradient.shape() == weight.value.shape());
  thaw(network, {"*"});
  CHECK(frozen_layers(network).empty());
  CHECK_FALSE(network.layer(network.find("faces.features.3")).parameters().empty());
}

TEST_CASE("rate factors are set for layers and refused when they would freeze") {
  auto network = two_heads();
  set_rate_factor(network, {"features"}, 0.1);
  set_rate_factor(network, {"conv2"}, 0.5);
  CHECK(network.layer(network.find("conv1")).parameters()[1].rate_factor == 0.1);
  CHECK(network.layer(network.find("conv2")).parameters()[0].rate_factor == 0.5);
  CHECK(network.layer(network.find("faces.classifier.3")).parameters()[0].rate_factor == 1);
  for (const double factor : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK_THROWS_WITH(set_rate_factor(network, {"features"}, factor), Contains("freeze layers that shall not learn"));
  CHECK_THROWS_AS(set_rate_factor(network, {"nothing"}, 0.1), ConfigError);
}

TEST_CASE("backward passes stop above the lowest layer that learns") {
  Network<float, Cpu> network(Shape{3});
  std::vector<Scale*> scales;
  for (const char* name : {"a", "b", "c", "d"})
    scales.push_back(static_cast<Scale*>(&network.layer(network.emplace<Scale>(name, {}))));
  const Tensor<float, Cpu> x(Shape{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  Activations<float, Cpu> activations;
  const NodeId head = network.find("d");
  const auto pass = [&](const PassOptions& options = {.mode = Mode::train}) {
    for (Scale* scale : scales) scale->backward_calls = scale->input_gradients = scale->updates = 0;
    network.forward(x, head, activations, options);
    network.backward(head, x, activations);
    network.update_statistics(head, activations);
  };
  const auto gradient = [&](const char* name) { return network.layer(network.find(name)).parameters()[0].gradient; };
  pass();
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(scales[i]->backward_calls == 1);
    CHECK(scales[i]->input_gradients == (i > 0 ? 1 : 0));
  }
  const float gradient_b = gradient("b")[0];
  CHECK(gradient_b == 91 * 8);  // the sum of squares, by the three other weights of 2

  freeze(network, {"a", "c"});
  pass();
  CHECK(scales[0]->backward_calls == 0);
  CHECK_FALSE(scales[0]->noted);
  CHECK(scales[0]->mode == Mode::evaluate);
  CHECK(scales[0]->updates == 0);
  CHECK(scales[1]->input_gradients == 0);
  CHECK(scales[1]->mode == Mode::train);
  CHECK(scales[1]->updates == 1);
  CHECK(scales[2]->input_gradients == 1);  // hands on, though it does not learn
  CHECK(scales[2]->noted);
  CHECK(gradient("b")[0] == gradient_b);
  CHECK(gradient("a").empty());

  pass({.mode = Mode::train, .keep = {0, 1}});  // who asks for gradients gets them
  CHECK(scales[0]->input_gradients == 1);
  CHECK(activations.gradient(0)[0] == 16);
  CHECK(activations.gradient(1)[0] == 8);
  pass({.mode = Mode::train, .keep = {1}});
  CHECK(scales[0]->backward_calls == 0);
  CHECK(activations.gradient(1)[5] == 48);

  network.forward(x, head, activations, {.mode = Mode::train});
  thaw(network, {"a"});
  CHECK_THROWS_AS(network.backward(head, x, activations), ConfigError);  // that pass was another one
  freeze(network, {"*"});
  pass();
  for (const Scale* scale : scales) CHECK(scale->backward_calls == 0);
}

TEST_CASE("gradients of the layers that learn keep their bits when others freeze") {
  const char* const frozen = GENERATE("conv1", "conv2", "features", "classifier.*");
  const auto build_one = [] {
    auto network =
        build_network<float, Cpu>("4 4 M 6 fc5 D", {.image = {8, 8, 3}, .heads = {{"", 4}}, .dropout = 0.3}, Rng(1));
    randomize(network, Rng(2));
    return network;
  };
  auto whole = build_one();
  auto part = build_one();
  freeze(part, {frozen});
  const Tensor<float, Cpu> images = random_tensor<float>({5, 8, 8, 3}, Rng(3));
  const NodeId head = whole.heads().front();
  const Tensor<float, Cpu> gradient = random_tensor<float>({5, 4}, Rng(4));
  std::vector<std::vector<std::uint32_t>> logits;
  for (Network<float, Cpu>* network : {&whole, &part}) {
    Activations<float, Cpu> activations;
    logits.push_back(bits(network->forward(images, head, activations, {.mode = Mode::train, .rng = Rng(5)})));
    network->backward(head, gradient, activations);
  }
  CHECK(logits[0] == logits[1]);
  const auto expected = whole.learned_parameters();
  const auto found = part.learned_parameters();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i]->learns()) CHECK(bits(found[i]->gradient) == bits(expected[i]->gradient));
}

TEST_CASE("a frozen batch norm uses and keeps its running statistics") {
  auto network = build_network<float, Cpu>("4B M 5B fc5", {.image = {8, 8, 3}, .heads = {{"", 4}}}, Rng(1));
  randomize(network, Rng(2));
  const Tensor<float, Cpu> images = random_tensor<float>({5, 8, 8, 3}, Rng(3));
  const NodeId head = network.heads().front();
  const NodeId norm = network.find("features.1");
  const auto statistics = [&](const char* name) {
    return bits(network.layer(network.find(name)).parameters()[2].value);
  };
  freeze(network, {"conv1", "features.1"});
  const auto frozen = statistics("features.1");
  const auto learning = statistics("features.5");
  Activations<float, Cpu> activations;
  network.forward(images, head, activations, {.mode = Mode::train, .keep = {norm}});
  const auto value = bits(activations.value(norm));
  network.backward(head, random_tensor<float>({5, 4}, Rng(4)), activations);
  network.update_statistics(head, activations);
  CHECK(statistics("features.1") == frozen);
  CHECK_FALSE(statistics("features.5") == learning);
  network.forward(images, norm, activations);
  CHECK(bits(activations.value(norm)) == value);
  thaw(network, {"features.1"});
  network.forward(images, head, activations, {.mode = Mode::train});
  network.update_statistics(head, activations);
  CHECK_FALSE(statistics("features.1") == frozen);
}

TEST_CASE("statistics are taken up below layers that learn, also where no gradient goes") {
  // The batch norm's own weights are frozen by hand: it is not, so its statistics go on.
  auto network = parse_description<float, Cpu>(
      "input 4 4 2\nnorm = batch_norm(input)\nflat = flatten(norm)\n"
      "fc = linear(flat; out=2)\n");
  randomize(network, Rng(2));
  for (Parameter<float, Cpu>& parameter : network.layer(1).parameters()) parameter.set_frozen(true);
  const auto before = bits(network.layer(1).parameters()[2].value);
  Activations<float, Cpu> activations;
  network.forward(random_tensor<float>({5, 4, 4, 2}, Rng(3)), 3, activations, {.mode = Mode::train});
  network.update_statistics(3, activations);
  CHECK_FALSE(bits(network.layer(1).parameters()[2].value) == before);
}

TEST_CASE("training a head takes little more memory than an evaluation") {
  auto network = build_network<float, Cpu>("16B M 16 16 fc20 D", {.image = {12, 12, 3}, .heads = {{"", 4}}}, Rng(1));
  const NodeId head = network.heads().front();
  const std::size_t all = network.pass_bytes(head, 8, {.mode = Mode::train});
  const std::size_t evaluation = network.pass_bytes(head, 8);
  freeze_all_but(network, {"heads"});
  const PassOptions options{.mode = Mode::train};
  const std::size_t frozen = network.pass_bytes(head, 8, options);
  CHECK(3 * frozen < 2 * all);
  // What the head's gradients need: its input, and the mask of the dropout before it.
  CHECK(frozen <= evaluation + 8 * (32 + 20) * sizeof(float));
  Activations<float, Cpu> activations;
  network.forward(Tensor<float, Cpu>(Shape{8, 12, 12, 3}), head, activations, options);
  CHECK(activations.bytes() == frozen);
}
