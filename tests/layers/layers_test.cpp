/// The layers as a network uses them: shapes, settings, state, gradients.

#include <cmath>
#include <limits>

#include <fusiform/layers/add.hpp>
#include <fusiform/layers/avg_pool2d.hpp>
#include <fusiform/layers/batch_norm.hpp>
#include <fusiform/layers/dropout.hpp>
#include <fusiform/layers/flatten.hpp>
#include <fusiform/layers/global_avg_pool2d.hpp>
#include <fusiform/layers/gradient_check.hpp>
#include <fusiform/layers/local_response_norm.hpp>
#include <fusiform/layers/max_pool2d.hpp>
#include <fusiform/layers/relu.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Central differences with step 1e-5 of functions of order 1 in double: truncation and rounding both near 1e-10,
/// over gradients down to a hundredth of the largest.
constexpr double tolerance = 1e-6;

template <class T>
Tensor<T, Cpu> forward(const Layer<T, Cpu>& layer, const Tensor<T, Cpu>& x, LayerState<T, Cpu>& state, Mode mode,
                       Rng rng = Rng(0)) {
  const Shape one = x.shape().without_batch();
  Tensor<T, Cpu> y(layer.output_shape(std::span(&one, 1)).batched(x.shape()[0]));
  const View<const T, Cpu> input = x.view();
  layer.forward({.inputs = std::span(&input, 1), .output = y.view(), .state = state, .mode = mode, .rng = rng});
  return y;
}

/// Negates the gradient, or leaves the last element unwritten.
class WrongRelu : public Relu<double, Cpu> {
 public:
  explicit WrongRelu(bool forgetful) : forgetful_(forgetful) {}
  void backward(const BackwardArguments<double, Cpu>& pass) override {
    const View<double, Cpu> dx = pass.input_gradients[0];
    const double last = dx[dx.size() - 1];
    Relu<double, Cpu>::backward(pass);
    if (forgetful_)
      dx[dx.size() - 1] = last;
    else
      for (double& value : dx.span()) value = -value;
  }

 private:
  bool forgetful_;
};

}  // namespace

TEST_CASE("layers have the gradients of what they compute", "[layers][gradient_check]") {
  const Rng rng(11);
  const Shape image{5, 6, 3};
  for (const Mode mode : {Mode::train, Mode::evaluate}) {
    const GradientCheckOptions options{.batch = 3, .mode = mode};
    const auto check = [&](Layer<double, Cpu>& layer, const Shape& input, Index derivatives) {
      const GradientCheckReport report = check_gradients(layer, input, rng, options);
      INFO(layer.kind() << ": " << report.where << ": " << report.analytic << " against " << report.numeric);
      CHECK(report.max_relative_error < tolerance);
      CHECK(report.compared == derivatives);
    };
    Relu<double, Cpu> relu;
    check(relu, image, 270);
    MaxPool2d<double, Cpu> max_pool({.kernel = 3, .stride = 2, .padding = 1});
    check(max_pool, image, 270);
    AvgPool2d<double, Cpu> avg_pool({.kernel = 2, .stride = 3, .padding = 1});
    check(avg_pool, image, 270);
    AvgPool2d<double, Cpu> inside({.kernel = 3, .stride = 1, .padding = 1, .count_include_pad = false});
    check(inside, image, 270);
    GlobalAvgPool2d<double, Cpu> global_pool;
    check(global_pool, image, 270);
    BatchNorm<double, Cpu> batch_norm({.channels = 3});
    Rng draw(12);
    for (Parameter<double, Cpu>& parameter : batch_norm.parameters())
      for (double& value : parameter.value.span()) value = draw.uniform(0.5, 2);
    check(batch_norm, image, 276);
    check(batch_norm, {3}, 15);
    LocalResponseNorm<double, Cpu> norm({.size = 2, .alpha = 0.7, .beta = 0.75, .k = 1.5});
    check(norm, image, 270);
    Dropout<double, Cpu> dropout({.probability = 0.4});
    check(dropout, image, 270);
    Flatten<double, Cpu> flatten;
    check(flatten, image, 270);
    Add<double, Cpu> sum;
    const std::vector<Shape> inputs(3, image);
    const GradientCheckReport report = check_gradients(sum, inputs, rng, options);
    CHECK(report.max_relative_error < tolerance);
    CHECK(report.compared == 810);
  }
}

TEST_CASE("the gradient check finds wrong and missing gradients", "[layers][gradient_check]") {
  WrongRelu negated(false);
  const GradientCheckReport wrong = check_gradients(negated, Shape{4}, Rng(1));
  CHECK(wrong.max_relative_error > 1);
  CHECK(wrong.analytic == Approx(-wrong.numeric));
  WrongRelu forgetful(true);
  const GradientCheckReport missing = check_gradients(forgetful, Shape{4}, Rng(1));
  CHECK(missing.max_relative_error == std::numeric_limits<double>::infinity());
  CHECK(missing.where == "input 0, element 7");
}

TEST_CASE("batch norm starts neutral and records statistics as PyTorch does", "[layers][batch_norm]") {
  const Goldens goldens;
  const auto read = [&](const std::string& name) { return goldens.tensor<float>("batch_norm.0." + name); };
  BatchNorm<float, Cpu> layer({.channels = 4});
  LayerState<float, Cpu> state;
  const auto x = read("x");
  // Fresh: mean 0, variance 1, so only eps changes the input, by 5e-6 of itself.
  CHECK(difference(forward(layer, x, state, Mode::evaluate), x).normalized < 6e-6);
  layer.update_statistics(state);
  CHECK(layer.parameters()[2].value[0] == 0);
  CHECK(layer.parameters()[3].value[0] == 1);

  layer.parameters()[0].value = read("weight");
  layer.parameters()[1].value = read("bias");
  CHECK(difference(forward(layer, x, state, Mode::train), read("y")).normalized < 1e-6);
  CHECK(layer.parameters()[2].value[0] == 0);  // forward leaves the layer alone
  layer.update_statistics(state);
  CHECK(difference(layer.parameters()[2].value, read("running_mean")).normalized < 1e-6);
  CHECK(difference(layer.parameters()[3].value, read("running_var")).normalized < 1e-6);

  std::vector<std::string> names;
  for (const Parameter<float, Cpu>& parameter : layer.parameters()) names.push_back(parameter.name);
  CHECK(names == std::vector<std::string>{"weight", "bias", "running_mean", "running_var"});
  CHECK(layer.parameters()[1].is_learned());
  CHECK_FALSE(layer.parameters()[2].is_learned());
  layer.initialize(Rng(0));
  CHECK(layer.parameters()[0].value[3] == 1);
  CHECK(layer.parameters()[1].value[3] == 0);
  CHECK(layer.parameters()[2].value[3] == 0);
  CHECK(layer.parameters()[3].value[3] == 1);
}

TEST_CASE("batch norm leaves the gradients of a frozen layer alone", "[layers][batch_norm]") {
  BatchNorm<float, Cpu> layer({.channels = 2});
  LayerState<float, Cpu> state;
  const auto x = random_tensor<float>({5, 2}, Rng(1));
  const auto y = forward(layer, x, state, Mode::train);
  Tensor<float, Cpu> dx(x.shape()), frozen_dx(x.shape());
  const View<const float, Cpu> input = x.view();
  const auto backward = [&](Tensor<float, Cpu>& result, bool parameter_gradients) {
    const View<float, Cpu> gradient = result.view();
    layer.backward({.inputs = std::span(&input, 1),
                    .output = y,
                    .output_gradient = x,
                    .input_gradients = std::span(&gradient, 1),
                    .state = state,
                    .parameter_gradients = parameter_gradients});
  };
  layer.parameters()[0].gradient.fill(42);
  backward(frozen_dx, false);
  CHECK(layer.parameters()[0].gradient[1] == 42);
  backward(dx, true);
  CHECK(layer.parameters()[0].gradient[1] != 42);
  CHECK(same_bits(dx, frozen_dx));
}

TEST_CASE("dropout follows its stream in training and is the identity in evaluation", "[layers][dropout]") {
  const Dropout<float, Cpu> layer({.probability = 0.5});
  const auto x = random_tensor<float>({4, 9, 5, 3}, Rng(1));
  LayerState<float, Cpu> state;
  const auto first = forward(layer, x, state, Mode::train, Rng(1));
  CHECK(same_bits(first, forward(layer, x, state, Mode::train, Rng(1))));
  CHECK_FALSE(same_bits(first, forward(layer, x, state, Mode::train, Rng(2))));
  CHECK(same_bits(x, forward(layer, x, state, Mode::evaluate, Rng(1))));
}

TEST_CASE("layers say their kind, settings and output shape", "[layers]") {
  using Options = std::vector<std::pair<std::string, double>>;
  const auto shape = [](const Layer<float, Cpu>& layer, const std::vector<Shape>& inputs) {
    return layer.output_shape(inputs);
  };
  const Relu<float, Cpu> relu;
  const MaxPool2d<float, Cpu> max_pool({.kernel = 3, .stride = 2});
  const AvgPool2d<float, Cpu> avg_pool({.kernel = 2});
  const GlobalAvgPool2d<float, Cpu> global_pool;
  const BatchNorm<float, Cpu> batch_norm({.channels = 5});
  const LocalResponseNorm<float, Cpu> norm({.size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2});
  const Dropout<float, Cpu> dropout({.probability = 0.5});
  const Add<float, Cpu> sum;
  const Flatten<float, Cpu> flatten;
  const Shape image{7, 8, 5};

  CHECK(relu.kind() == "relu");
  CHECK(max_pool.kind() == "max_pool2d");
  CHECK(avg_pool.kind() == "avg_pool2d");
  CHECK(global_pool.kind() == "global_avg_pool2d");
  CHECK(batch_norm.kind() == "batch_norm");
  CHECK(norm.kind() == "local_response_norm");
  CHECK(dropout.kind() == "dropout");
  CHECK(sum.kind() == "add");
  CHECK(flatten.kind() == "flatten");

  CHECK(max_pool.options() == Options{{"kernel", 3}, {"stride", 2}, {"padding", 0}});
  CHECK(avg_pool.options() == Options{{"kernel", 2}, {"stride", 2}, {"padding", 0}, {"count_include_pad", 1}});
  CHECK(batch_norm.options() == Options{{"channels", 5}, {"eps", 1e-5}, {"momentum", 0.1}});
  CHECK(norm.options() == Options{{"size", 5}, {"alpha", 1e-4}, {"beta", 0.75}, {"k", 2}});
  CHECK(dropout.options() == Options{{"probability", 0.5}});

  CHECK(shape(relu, {image}) == image);
  CHECK(shape(max_pool, {image}) == Shape{3, 3, 5});
  CHECK(shape(avg_pool, {image}) == Shape{3, 4, 5});
  CHECK(shape(global_pool, {image}) == Shape{1, 1, 5});
  CHECK(shape(batch_norm, {image}) == image);
  CHECK(shape(batch_norm, {Shape{5}}) == Shape{5});
  CHECK(shape(sum, {image, image, image}) == image);
  CHECK(shape(flatten, {image}) == Shape{280});

  CHECK_THROWS_AS(shape(relu, {image, image}), ShapeError);
  CHECK_THROWS_AS(shape(max_pool, {Shape{2, 8, 5}}), ShapeError);
  CHECK_THROWS_AS(shape(max_pool, {Shape{40}}), ShapeError);
  CHECK_THROWS_AS(shape(batch_norm, {Shape{7, 8, 6}}), ShapeError);
  CHECK_THROWS_AS(shape(sum, {image}), ShapeError);
  CHECK_THROWS_AS(shape(sum, {image, Shape{7, 8, 4}}), ShapeError);
  using Pool = MaxPool2d<float, Cpu>;
  CHECK_THROWS_AS(Pool({.kernel = 0}), ConfigError);
  using Drop = Dropout<float, Cpu>;
  CHECK_THROWS_AS(Drop({.probability = -0.1}), ConfigError);
  using Norm = BatchNorm<float, Cpu>;
  CHECK_THROWS_AS(Norm({.channels = 0}), ConfigError);
}
