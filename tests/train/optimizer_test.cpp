/// SGD and Adam against their published formulas in double, and the resuming of both.

#include <cmath>

#include <fusiform/core/parallel.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Parameters as a network holds them: two learned ones around a recorded one.
template <class T>
struct Model {
  std::vector<Parameter<T, Cpu>> parameters;
  std::vector<Parameter<T, Cpu>*> pointers;

  explicit Model(Index size = 7) {
    parameters.push_back(Parameter<T, Cpu>::learned("weight", Shape{size, 3}));
    parameters.push_back(Parameter<T, Cpu>::recorded("running_mean", Shape{5}));
    parameters.push_back(Parameter<T, Cpu>::learned("bias", Shape{4}));
    std::uint64_t stream = 0;
    for (Parameter<T, Cpu>& parameter : parameters) {
      parameter.value = random_tensor<T>(parameter.value.shape(), Rng(1, stream++));
      pointers.push_back(&parameter);
    }
  }

  /// Gradients that depend on the step only.
  void draw_gradients(Index step) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      if (parameters[i].is_learned())
        parameters[i].gradient =
            random_tensor<T>(parameters[i].value.shape(), Rng(2, 100 * i + static_cast<std::uint64_t>(step)));
  }
};

/// Trains for three steps, moves the state into a new optimiser, trains both for three more: bits must agree.
template <class Kind>
void check_resuming(Kind& optimizer, Kind& resumed) {
  Model<float> model;
  for (Index step = 0; step < 3; ++step) {
    model.draw_gradients(step);
    optimizer.step(model.pointers, 0.01);
  }
  Model<float> copy;
  for (std::size_t i = 0; i < copy.parameters.size(); ++i) copy.parameters[i].value = model.parameters[i].value;
  CHECK(resumed.state().empty());
  resumed.prepare(copy.pointers);
  const auto from = optimizer.state();
  const auto to = resumed.state();
  REQUIRE(from.size() == to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    CHECK(from[i].first == to[i].first);
    *to[i].second = *from[i].second;
  }
  resumed.set_steps(optimizer.steps());
  for (Index step = 3; step < 6; ++step) {
    model.draw_gradients(step);
    optimizer.step(model.pointers, 0.01);
    copy.draw_gradients(step);
    resumed.step(copy.pointers, 0.01);
  }
  CHECK(resumed.steps() == 6);
  for (std::size_t i = 0; i < copy.parameters.size(); ++i)
    CHECK(same_bits(model.parameters[i].value, copy.parameters[i].value));
}

}  // namespace

TEMPLATE_TEST_CASE("sgd follows its formula", "[train][sgd]", float, double) {
  const double tolerance = std::is_same_v<TestType, float> ? 1e-6 : 1e-14;  // five steps of rounding
  const double momentum = 0.9, weight_decay = 1e-2;
  Model<TestType> model;
  const Tensor<TestType, Cpu> recorded = model.parameters[1].value;
  Sgd<TestType, Cpu> sgd({.momentum = momentum, .weight_decay = weight_decay});
  std::vector<double> w, v;
  for (const TestType value : model.parameters[0].value.span()) w.push_back(static_cast<double>(value));
  for (Index step = 0; step < 5; ++step) {
    const double learning_rate = step < 3 ? 0.1 : 0.01;
    model.draw_gradients(step);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double d = static_cast<double>(model.parameters[0].gradient[static_cast<Index>(i)]) + weight_decay * w[i];
      if (step == 0)
        v.push_back(d);
      else
        v[i] = momentum * v[i] + d;
      w[i] -= learning_rate * v[i];
    }
    sgd.step(model.pointers, learning_rate);
    CHECK(
        difference(std::span<const TestType>(model.parameters[0].value.span()), std::span<const double>(w)).normalized <
        tolerance);
  }
  CHECK(same_bits(model.parameters[1].value, recorded));
  CHECK(sgd.steps() == 5);
  REQUIRE(sgd.state().size() == 2);
  CHECK(sgd.state()[0].first == "momentum.0");
  CHECK(sgd.state()[1].first == "momentum.2");
}

TEMPLATE_TEST_CASE("adam follows its formula", "[train][adam]", float, double) {
  const double tolerance = std::is_same_v<TestType, float> ? 1e-6 : 1e-14;  // five steps of rounding
  const AdamOptions options{.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 1e-2};
  Model<TestType> model;
  Adam<TestType, Cpu> adam(options);
  std::vector<double> w;
  for (const TestType value : model.parameters[0].value.span()) w.push_back(static_cast<double>(value));
  std::vector<double> m(w.size()), v(w.size());
  for (Index step = 1; step <= 5; ++step) {
    model.draw_gradients(step);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g =
          static_cast<double>(model.parameters[0].gradient[static_cast<Index>(i)]) + options.weight_decay * w[i];
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * g;
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * g * g;
      const double corrected_m = m[i] / (1 - std::pow(options.beta1, static_cast<double>(step)));
      const double corrected_v = v[i] / (1 - std::pow(options.beta2, static_cast<double>(step)));
      w[i] -= 0.05 * corrected_m / (std::sqrt(corrected_v) + options.eps);
    }
    adam.step(model.pointers, 0.05);
    CHECK(
        difference(std::span<const TestType>(model.parameters[0].value.span()), std::span<const double>(w)).normalized <
        tolerance);
  }
  REQUIRE(adam.state().size() == 4);
  CHECK(adam.state()[1].first == "mean.2");
  CHECK(adam.state()[2].first == "square.0");
}

TEST_CASE("optimisers resume bit for bit", "[train][sgd][adam]") {
  Sgd<float, Cpu> sgd({.momentum = 0.9, .weight_decay = 1e-4}), resumed_sgd({.momentum = 0.9, .weight_decay = 1e-4});
  check_resuming(sgd, resumed_sgd);
  Adam<float, Cpu> adam, resumed_adam;
  check_resuming(adam, resumed_adam);
}

TEST_CASE("optimisers give the same bits for any number of threads", "[train][sgd][adam]") {
  const int threads = thread_count();
  const auto run = [&](int count, auto&& optimizer) {
    set_thread_count(count);
    Model<float> model(30001);
    for (Index step = 0; step < 3; ++step) {
      model.draw_gradients(step);
      optimizer.step(model.pointers, 0.01);
    }
    set_thread_count(threads);
    return model.parameters[0].value;
  };
  CHECK(same_bits(run(1, Sgd<float, Cpu>()), run(5, Sgd<float, Cpu>())));
  CHECK(same_bits(run(1, Adam<float, Cpu>()), run(5, Adam<float, Cpu>())));
}

TEST_CASE("optimisers refuse other parameters than they began with", "[train][sgd][adam]") {
  Model<float> model, larger(8);
  Sgd<float, Cpu> sgd;
  sgd.step(model.pointers, 0.1);
  CHECK_THROWS_AS(sgd.step(larger.pointers, 0.1), ShapeError);
  CHECK_THROWS_AS(sgd.step(std::span(model.pointers).first(2), 0.1), ShapeError);
  using Momentum = Sgd<float, Cpu>;
  CHECK_THROWS_AS(Momentum({.momentum = -1}), ConfigError);
  using Moments = Adam<float, Cpu>;
  CHECK_THROWS_AS(Moments({.beta2 = 1}), ConfigError);
}
