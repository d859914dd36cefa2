#include <cmath>
#include <vector>

#include <fusiform/layers/conv2d.hpp>
#include <fusiform/layers/linear.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/tensors.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Runs both passes of a layer with one input; `x` has the batch.
struct Run {
  Run(Layer<double, Cpu>& layer, const Tensor<double, Cpu>& x, bool parameter_gradients = true)
      : y(layer.output_shape(std::vector<Shape>{x.shape().without_batch()}).batched(x.shape()[0])),
        dy(uniform_tensor<double>(y.shape(), "dy")),
        dx(poisoned_tensor<double>(x.shape())) {
    const std::vector<View<const double, Cpu>> inputs{x.view()};
    const std::vector<View<double, Cpu>> gradients{dx.view()};
    LayerState<double, Cpu> state;
    layer.forward({.inputs = inputs, .output = y.view(), .state = state});
    layer.backward({.inputs = inputs,
                    .output = y.view(),
                    .output_gradient = dy.view(),
                    .input_gradients = gradients,
                    .state = state,
                    .parameter_gradients = parameter_gradients});
  }
  Tensor<double, Cpu> y, dy, dx;
};

/// Both layers are linear in the input, in the weights and in the bias: a difference quotient is exact for any step.
void check_gradients(Layer<double, Cpu>& layer, Tensor<double, Cpu> x) {
  Rng rng(5);
  for (Parameter<double, Cpu>& parameter : layer.parameters()) {
    for (double& element : parameter.value.span()) element = rng.uniform(-1, 1);
    parameter.gradient.fill(std::nan(""));
  }
  const Run base(layer, x);
  std::vector<Tensor<double, Cpu>> gradients;
  for (const Parameter<double, Cpu>& parameter : layer.parameters()) gradients.push_back(parameter.gradient);
  const auto check = [&](Tensor<double, Cpu>& argument, const Tensor<double, Cpu>& gradient) {
    for (Index i = 0; i < argument.size(); ++i) {
      argument[i] += 1;
      const Run moved(layer, x);
      argument[i] -= 1;
      CHECK(std::abs(dot(moved.y, base.dy) - dot(base.y, base.dy) - gradient[i]) < 1e-12);
    }
  };
  check(x, base.dx);
  for (std::size_t i = 0; i < gradients.size(); ++i) check(layer.parameters()[i].value, gradients[i]);
}

}  // namespace

TEST_CASE("Conv2d: gradients are differences of the output") {
  Conv2d<double, Cpu> layer({.in = 2, .out = 3, .kernel_h = 3, .kernel_w = 2, .stride = 2, .padding = 1});
  check_gradients(layer, uniform_tensor<double>(Shape{2, 5, 4, 2}, "x"));
  Conv2d<double, Cpu> without_bias({.in = 2, .out = 3, .kernel = 1, .bias = false});
  CHECK(without_bias.parameters().size() == 1);
  check_gradients(without_bias, uniform_tensor<double>(Shape{1, 2, 2, 2}, "x"));
}

TEST_CASE("Linear: gradients are differences of the output") {
  Linear<double, Cpu> layer({.in = 5, .out = 4});
  check_gradients(layer, uniform_tensor<double>(Shape{3, 5}, "x"));
  Linear<double, Cpu> without_bias({.in = 3, .out = 2, .bias = false});
  check_gradients(without_bias, uniform_tensor<double>(Shape{2, 3}, "x"));
}

TEST_CASE("Conv2d and Linear leave the gradients of frozen parameters alone") {
  Linear<double, Cpu> layer({.in = 5, .out = 4});
  layer.parameters()[0].gradient.fill(7);
  layer.parameters()[1].gradient.fill(7);
  const Run run(layer, uniform_tensor<double>(Shape{3, 5}, "x"), false);
  for (const Parameter<double, Cpu>& parameter : layer.parameters())
    for (const double element : parameter.gradient.span()) CHECK(element == 7);
}

// One product of 9 * 16 numbers of order 1 in double: rounding, and the transforms' amplification of it, below 1e-12.
TEST_CASE("Conv2d computes by the algorithm that it is told, and says nothing of it in descriptions") {
  const auto x = uniform_tensor<double>(Shape{2, 8, 8, 16}, "x");
  const View<const double, Cpu> input = x.view();
  const auto result = [&](ConvAlgorithm algorithm) {
    Conv2d<double, Cpu> layer({.in = 16, .out = 16, .kernel = 3, .padding = 1, .algorithm = algorithm});
    layer.initialize(Rng(4));
    CHECK(layer.options().size() == 7);
    auto y = poisoned_tensor<double>(Shape{2, 8, 8, 16});
    LayerState<double, Cpu> state;
    layer.forward({.inputs = std::span(&input, 1), .output = y.view(), .state = state});
    return y;
  };
  const auto product = result(ConvAlgorithm::implicit_gemm);
  const auto winograd = result(ConvAlgorithm::winograd_4x4);
  CHECK_FALSE(same_bits(product, winograd));
  CHECK(normalised_error(product, winograd) < 1e-12);
  CHECK(normalised_error(product, result(ConvAlgorithm::automatic)) < 1e-12);
}

TEST_CASE("Conv2d and Linear can end with a ReLU, to the bit") {
  const auto check = [](Layer<float, Cpu>& layer, const Tensor<float, Cpu>& x) {
    REQUIRE(layer.can_end_with_relu());
    layer.initialize(Rng(6));
    const View<const float, Cpu> input = x.view();
    const Shape image = x.shape().without_batch();
    const Shape shape = layer.output_shape(std::span(&image, 1)).batched(x.shape()[0]);
    for (const Mode mode : {Mode::train, Mode::evaluate}) {
      LayerState<float, Cpu> state;
      auto apart = poisoned_tensor<float>(shape);
      auto together = poisoned_tensor<float>(shape);
      layer.forward({.inputs = std::span(&input, 1), .output = apart.view(), .state = state, .mode = mode});
      layer.forward(
          {.inputs = std::span(&input, 1), .output = together.view(), .state = state, .mode = mode, .relu = true});
      for (float& value : apart.span()) value = value < 0 ? 0.0F : value;
      CHECK(same_bits(apart, together));
    }
  };
  Conv2d<float, Cpu> small({.in = 3, .out = 5, .kernel = 3, .stride = 2, .padding = 1});
  check(small, uniform_tensor<float>(Shape{3, 7, 5, 3}, "x"));
  Conv2d<float, Cpu> large({.in = 16, .out = 20, .kernel = 3, .padding = 1});
  check(large, uniform_tensor<float>(Shape{2, 9, 8, 16}, "x"));
  Linear<float, Cpu> linear({.in = 33, .out = 19});
  check(linear, uniform_tensor<float>(Shape{3, 33}, "x"));
}

TEST_CASE("Conv2d follows its weights between evaluations") {
  Conv2d<float, Cpu> layer({.in = 16, .out = 16, .kernel = 3, .padding = 1});
  layer.initialize(Rng(4));
  const auto x = uniform_tensor<float>(Shape{1, 8, 8, 16}, "x");
  const View<const float, Cpu> input = x.view();
  const auto evaluate = [&](LayerState<float, Cpu>& state) {
    auto y = poisoned_tensor<float>(Shape{1, 8, 8, 16});
    layer.forward({.inputs = std::span(&input, 1), .output = y.view(), .state = state});
    return y;
  };
  LayerState<float, Cpu> state;
  const auto before = evaluate(state);
  CHECK(same_bits(before, evaluate(state)));
  layer.parameters()[0].value[7] += 1;
  LayerState<float, Cpu> fresh;
  CHECK_FALSE(same_bits(before, evaluate(state)));
  CHECK(same_bits(evaluate(fresh), evaluate(state)));
}

TEST_CASE("Conv2d and Linear start from the deviations of the paper, biases from 0") {
  const auto moments = [](const Tensor<float, Cpu>& tensor) {
    double sum = 0;
    for (const float element : tensor.span()) sum += static_cast<double>(element);
    const auto count = static_cast<double>(tensor.size());
    return std::pair(sum / count, std::sqrt(dot(tensor, tensor) / count));
  };
  Conv2d<float, Cpu> conv({.in = 32, .out = 64, .kernel = 3});
  conv.parameters()[1].value.fill(1);
  conv.initialize(Rng(3));
  Linear<float, Cpu> linear({.in = 200, .out = 100});
  linear.initialize(Rng(3));
  // About 20,000 numbers: the standard error of the deviation is 0.5 %, of the mean 0.7 % of the deviation; 4 of them.
  const double expected = std::sqrt(2.0 / (64 * 9));
  const auto [conv_mean, conv_deviation] = moments(conv.parameters()[0].value);
  CHECK(std::abs(conv_deviation / expected - 1) < 0.02);
  CHECK(std::abs(conv_mean) < 0.03 * expected);
  const auto [linear_mean, linear_deviation] = moments(linear.parameters()[0].value);
  CHECK(std::abs(linear_deviation / 0.01 - 1) < 0.02);
  CHECK(std::abs(linear_mean) < 0.03 * 0.01);
  for (const float element : conv.parameters()[1].value.span()) CHECK(element == 0.0F);
  Conv2d<float, Cpu> again({.in = 32, .out = 64, .kernel = 3});
  again.initialize(Rng(3));
  CHECK(same_bits(conv.parameters()[0].value, again.parameters()[0].value));
}

TEST_CASE("Conv2d and Linear name what does not fit") {
  CHECK_THROWS_AS((Conv2d<float, Cpu>({.in = 3, .out = 8})), ConfigError);  // no kernel
  CHECK_THROWS_AS((Conv2d<float, Cpu>({.out = 8, .kernel = 3})), ConfigError);
  CHECK_THROWS_AS((Conv2d<float, Cpu>({.in = 3, .out = 8, .kernel = 3, .stride = 0})), ConfigError);
  CHECK_THROWS_AS((Linear<float, Cpu>({.in = 0, .out = 8})), ConfigError);
  const Conv2d<float, Cpu> conv({.in = 3, .out = 8, .kernel = 3, .padding = 1});
  CHECK(conv.output_shape(std::vector<Shape>{{7, 5, 3}}) == Shape{7, 5, 8});
  CHECK_THROWS_AS(conv.output_shape(std::vector<Shape>{{7, 5, 4}}), ShapeError);
  CHECK_THROWS_AS(conv.output_shape(std::vector<Shape>{{7, 5}}), ShapeError);
  CHECK_THROWS_AS(conv.output_shape(std::vector<Shape>{}), ShapeError);
  const Linear<float, Cpu> linear({.in = 6, .out = 2});
  CHECK(linear.output_shape(std::vector<Shape>{{6}}) == Shape{2});
  CHECK_THROWS_AS(linear.output_shape(std::vector<Shape>{{7}}), ShapeError);
}
