// Networks as text: exact round trips, hand-written nets, and errors that name the line.

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/description.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using Catch::Matchers::Contains;

namespace {

/// Doubles its input; with an option, to see options come back.
class Scale : public Layer<float, Cpu> {
 public:
  explicit Scale(double factor) : factor_(factor) {}
  [[nodiscard]] std::string kind() const override { return "scale"; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override { return {{"factor", factor_}}; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override { return inputs.front(); }
  void forward(const ForwardArguments<float, Cpu>& pass) const override {
    for (Index i = 0; i < pass.output.size(); ++i) pass.output[i] = static_cast<float>(factor_) * pass.inputs[0][i];
  }
  void backward(const BackwardArguments<float, Cpu>& /*pass*/) override {}

 private:
  double factor_;
};

std::string error_of(const std::string& description) {
  try {
    static_cast<void>(parse_description<float, Cpu>(description));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a description comes back exactly") {
  const std::string architecture =
      GENERATE("16 16B M 32 A G D fc8 D", "8 fc4 fc3", "resnet18", "alexnet_bn", "alexnet_lrn", "vgg11_bn");
  const NetOptions options{.image = {67, 71, 3}, .heads = {{"", 7}}, .dropout = 0.1, .hidden_features = 6};
  const auto network = build<float, Cpu>(plan_network(architecture, options));
  const std::string description = describe(network);
  const auto again = parse_description<float, Cpu>(description);
  CHECK(describe(again) == description);
  REQUIRE(again.size() == network.size());
  for (NodeId id = 0; id < network.size(); ++id) {
    CHECK(again.node(id).name == network.node(id).name);
    CHECK(again.node(id).alias == network.node(id).alias);
    CHECK(again.node(id).inputs == network.node(id).inputs);
    CHECK(again.node(id).shape == network.node(id).shape);
  }
}

TEST_CASE("a description reads as text") {
  const auto network = build<float, Cpu>(token_net_plan("4 M", {.image = {6, 6, 3}, .heads = {{"", 2}}}));
  CHECK(describe(network) ==
        "input 6 6 3\n"
        "features.0 (conv1) = conv2d(input; in=3 out=4 kernel_h=3 kernel_w=3 stride=1 padding=1 bias=1)\n"
        "features.1 = relu(features.0)\n"
        "features.2 = max_pool2d(features.1; kernel=2 stride=2 padding=0)\n"
        "flatten = flatten(features.2)\n"
        "classifier.0 (fc_out) = linear(flatten; in=36 out=2 bias=1)\n");
}

TEST_CASE("by hand, what follows from the rest may be left out") {
  const auto network = parse_description<float, Cpu>(
      "# two layers\r\n"
      "\n"
      "input 6 4 3   # height, width, channels\n"
      "  conv=conv2d(;out=4 kernel=3)\n"
      "out ( logits ) = flatten ( )");
  CHECK(network.node(network.find("conv")).shape == Shape{4, 2, 4});
  CHECK(network.find("logits") == 2);
}

TEST_CASE("numbers come back exactly") {
  LayerFactory<float, Cpu> factory;
  factory.add("scale", [](LayerOptionReader& options, std::span<const Shape>) {
    return std::make_unique<Scale>(options.number("factor"));
  });
  const double factor = GENERATE(0.1, 1.0 / 3.0, -1e-300, 123456789.123456789, 1e22);
  Network<float, Cpu> network(Shape{1, 1, 1});
  network.add("s", std::make_unique<Scale>(factor));
  const auto again = parse_description(describe(network), factory);
  CHECK(again.node(1).layer->options().front().second == factor);
  CHECK_THROWS_WITH((parse_description<float, Cpu>(describe(network))),
                    Contains("unknown kind of layer 'scale'") && Contains("conv2d"));
}

TEST_CASE("errors in a description name the line, what was expected and what was found") {
  CHECK_THAT(error_of(""), Contains("expected 'input HEIGHT WIDTH CHANNELS', found no line"));
  CHECK_THAT(error_of("# only\n\nimage 3 3 3"), Contains("line 3: expected 'input") && Contains("found 'image'"));
  CHECK_THAT(error_of("input 3 x 3"), Contains("line 1: expected three image dimensions, found 'x'"));
  CHECK_THAT(error_of("input 3 3"), Contains("found the end of the line"));
  CHECK_THAT(error_of("input 3 0 3"), Contains("at least 1, found 0"));
  CHECK_THAT(error_of("input 3 3 3 3"), Contains("expected the end of the line, found '3'"));
  const std::string input = "input 8 8 3\n";
  CHECK_THAT(error_of(input + "a"), Contains("line 2: expected '=', found the end of the line"));
  CHECK_THAT(error_of(input + "a = relu"), Contains("line 2: expected '('"));
  CHECK_THAT(error_of(input + "a = relu(input"), Contains("expected ',', ';' or ')', found the end of the line"));
  CHECK_THAT(error_of(input + "a = relu(input) b"), Contains("expected the end of the line, found 'b'"));
  CHECK_THAT(error_of(input + "a (b = relu()"), Contains("expected ')', found '= relu()'"));
  CHECK_THAT(error_of(input + "a = relu(b)"), Contains("line 2") && Contains("no layer 'b'"));
  CHECK_THAT(error_of(input + "a = relo()"), Contains("unknown kind of layer 'relo'") && Contains(" relu"));
  CHECK_THAT(error_of(input + "a = relu()\na = relu()"), Contains("line 3") && Contains("new layer name, got 'a'"));
  CHECK_THAT(error_of(input + "a = conv2d(; out=2 kernel=3 strid=2)"),
             Contains("unknown option 'strid'") && Contains("stride"));
  CHECK_THAT(error_of(input + "a = conv2d(; out=2 out=3 kernel=3)"), Contains("each option once"));
  CHECK_THAT(error_of(input + "a = conv2d(; out=2.5 kernel=3)"), Contains("option 'out': expected an integer"));
  CHECK_THAT(error_of(input + "a = conv2d(; kernel=3)"), Contains("expected option 'out'"));
  CHECK_THAT(error_of(input + "a = conv2d(; out=two)"), Contains("expected a number, found 'two'"));
  CHECK_THAT(error_of(input + "a = conv2d(; out=2 kernel=3 bias=2)"), Contains("expected 0 or 1, got 2"));
  CHECK_THAT(error_of(input + "a = conv2d(; in=5 out=2 kernel=3)"), Contains("layer 'a'") && Contains("expected 5"));
  CHECK_THAT(error_of(input + "a = linear(; out=2)"), Contains("line 2") && Contains("layer 'a'"));
}

TEST_CASE("a name that would not come back is refused when the net is written") {
  Network<float, Cpu> network(Shape{1, 1, 1});
  network.emplace<Relu<float, Cpu>>("two words", {});
  CHECK_THROWS_WITH(describe(network), Contains("'two words'"));
}
