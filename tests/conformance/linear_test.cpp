/// Linear layers against three loops in double, at sizes around the tiles of all devices.

#include <array>
#include <cmath>
#include <vector>

#include <fusiform/layers/linear.hpp>
#include <fusiform/ops/linear.hpp>
#include <fusiform/ops/relu.hpp>

#include "tests/conformance/test_device.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/tensors.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

struct Sizes {
  Index batch, in, out;
};

/// On the CPU around the tiles (4 images x 3 or 6 outputs; 1, 4 or 8 rows x 24 to 96 columns), the slices of a row
/// (1024 or 512), the blocks of outputs (256) and of images (128, 512), and what is fetched ahead (32 rows; up to 8
/// tiles of images). On a GPU around the tiles (8 images x 128 outputs to 128 x 128) and the ranges of a sum (of 256 or
/// more).
const std::vector<Sizes> all_sizes{
    {1, 1, 1},     {1, 600, 300}, {2, 17, 33},   {3, 256, 64},   {15, 40, 10},   {16, 257, 31},
    {29, 8, 513},  {230, 70, 45}, {1100, 12, 9}, {0, 5, 6},      {4, 1030, 7},   {5, 2048, 13},
    {8, 100, 290}, {9, 97, 40},   {1, 33, 1},    {2, 1, 520},    {33, 1500, 20}, {40, 3, 1},
    {7, 520, 132}, {33, 772, 68}, {140, 36, 72}, {2, 2048, 2056}};  // weights large enough to be stored past the caches

template <Scalar T>
struct Problem {
  explicit Problem(const Sizes& s)
      : x(uniform_tensor<T>(Shape{s.batch, s.in}, "x")),
        weight(uniform_tensor<T>(Shape{s.out, s.in}, "weight")),
        bias(uniform_tensor<T>(Shape{s.out}, "bias")),
        dy(uniform_tensor<T>(Shape{s.batch, s.out}, "dy")) {}
  Tensor<T, Cpu> x, weight, bias, dy;

  [[nodiscard]] Tensor<T, Cpu> y(const LinearOptions& options = {}, bool with_bias = true) const {
    return result_of<T>(dy.shape(), [&](View<T, TestDevice> result) {
      const auto device_bias = with_bias ? on_device(bias) : Tensor<T, TestDevice>();
      linear_forward<T, TestDevice>(on_device(x), on_device(weight), device_bias, result, options);
    });
  }
  [[nodiscard]] Tensor<T, Cpu> dx(const LinearOptions& options = {}) const {
    return result_of<T>(x.shape(), [&](View<T, TestDevice> result) {
      linear_backward_input<T, TestDevice>(on_device(dy), on_device(weight), result, options);
    });
  }
  [[nodiscard]] Tensor<T, Cpu> dw(const LinearOptions& options = {}) const {
    return result_of<T>(weight.shape(), [&](View<T, TestDevice> result) {
      linear_backward_weight<T, TestDevice>(on_device(x), on_device(dy), result, options);
    });
  }
  [[nodiscard]] Tensor<T, Cpu> db() const {
    return result_of<T>(
        bias.shape(), [&](View<T, TestDevice> result) { linear_backward_bias<T, TestDevice>(on_device(dy), result); });
  }
  /// The last `count` images.
  [[nodiscard]] Problem last(Index count) const {
    const auto last_of = [&](const Tensor<T, Cpu>& all) {
      const Index batch = all.shape()[0];
      return Tensor<T, Cpu>(all.shape().with_batch(count), all.view().batch_range(batch - count, count).span());
    };
    Problem part = *this;
    part.x = last_of(x);
    part.dy = last_of(dy);
    return part;
  }
};

struct Results {
  Tensor<double, Cpu> y, dx, dw, db;
};

/// The three products, element by element in double: y = x w^T + b, dx = dy w, dw = dy^T x.
template <Scalar T>
Results reference_of(const Problem<T>& p) {
  const Index batch = p.x.shape()[0];
  const Index in = p.x.shape()[1];
  const Index out = p.dy.shape()[1];
  Results r{Tensor<double, Cpu>(p.dy.shape()), Tensor<double, Cpu>(p.x.shape()), Tensor<double, Cpu>(p.weight.shape()),
            Tensor<double, Cpu>(p.bias.shape())};
  for (Index n = 0; n < batch; ++n)
    for (Index o = 0; o < out; ++o) {
      const double gradient = static_cast<double>(p.dy[n * out + o]);
      double sum = static_cast<double>(p.bias[o]);
      for (Index i = 0; i < in; ++i) {
        const double x = static_cast<double>(p.x[n * in + i]);
        const double w = static_cast<double>(p.weight[o * in + i]);
        sum += x * w;
        r.dx[n * in + i] += gradient * w;
        r.dw[o * in + i] += gradient * x;
      }
      r.y[n * out + o] = sum;
      r.db[o] += gradient;
    }
  return r;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("linear is the matrix product", "[ops][linear]", TestScalars) {
  using T = TestType;
  for (const Sizes& s : all_sizes) {
    CAPTURE(s.batch, s.in, s.out);
    const Problem<T> p(s);
    const Results expected = reference_of(p);
    // Rounding of a sum of K terms, relative to the result, is about half the unit roundoff times sqrt(K): 6e-8 in
    // float. Seven times that.
    const auto bound = [](Index terms) {
      return (std::same_as<T, float> ? 4e-7 : 8e-16) * std::sqrt(static_cast<double>(terms) + 1);
    };
    CHECK(normalised_error(expected.y, p.y()) < bound(s.in));
    CHECK(normalised_error(expected.dx, p.dx()) < bound(s.out));
    CHECK(normalised_error(expected.dw, p.dw()) < bound(s.batch));
    CHECK(normalised_error(expected.db, p.db()) < bound(s.batch));
  }
}

TEST_CASE("linear by bf16x2 is the matrix product within 2e-5", "[ops][linear]") {
  const LinearOptions bf16x2{.algorithm = ConvAlgorithm::bf16x2};
  for (const Sizes& s : all_sizes) {
    CAPTURE(s.batch, s.in, s.out);
    if (s.in * s.out > 1 << 20) continue;
    const Problem<float> p(s);
    if (std::same_as<TestDevice, Cpu>) {
      CHECK_THROWS_AS(p.y(bf16x2), ConfigError);
      CHECK_THROWS_AS(p.dx(bf16x2), ConfigError);
      CHECK_THROWS_AS(p.dw(bf16x2), ConfigError);
      continue;
    }
    const auto y = p.y(bf16x2), dx = p.dx(bf16x2);
    const Results expected = reference_of(p);
    CHECK(normalised_error(expected.y, y) < 2e-5);
    CHECK(normalised_error(expected.dx, dx) < 2e-5);
    CHECK(normalised_error(expected.dw, p.dw(bf16x2)) < 2e-5);
    if (s.batch == 0) continue;
    const Problem<float> last = p.last(1);
    CHECK(same_bits(last.y(bf16x2), Tensor<float, Cpu>(last.dy.shape(), y.view().batch_range(s.batch - 1, 1).span())));
    CHECK(same_bits(last.dx(bf16x2), Tensor<float, Cpu>(last.x.shape(), dx.view().batch_range(s.batch - 1, 1).span())));
  }
  const LinearOptions direct{.algorithm = ConvAlgorithm::direct};
  CHECK_THROWS_AS(Problem<float>({1, 2, 3}).y(direct), ConfigError);
  CHECK_THROWS_AS(Problem<float>({1, 2, 3}).dx(direct), ConfigError);
  CHECK_THROWS_AS(Problem<float>({1, 2, 3}).dw(direct), ConfigError);
}

TEST_CASE("a linear layer computes by the algorithm that it is given", "[layers][linear]") {
  const Problem<float> p({9, 97, 40});
  Linear<float, TestDevice> layer({.in = 97, .out = 40});
  layer.parameters()[0].value = on_device(p.weight);
  layer.parameters()[1].value = on_device(p.bias);
  const auto x = on_device(p.x), dy = on_device(p.dy);
  const std::array inputs{x.view()};
  LayerState<float, TestDevice> state;
  const auto forward = [&](View<float, TestDevice> y) {
    layer.forward({.inputs = inputs, .output = y, .state = state});
  };
  const auto backward = [&](View<float, TestDevice> dx) {
    const std::array gradients{dx};
    layer.backward(
        {.inputs = inputs, .output = {}, .output_gradient = dy, .input_gradients = gradients, .state = state});
  };
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::automatic, ConvAlgorithm::bf16x2, ConvAlgorithm::automatic}) {
    layer.set_algorithm(algorithm);
    const LinearOptions options{.algorithm = algorithm};
    if (std::same_as<TestDevice, Cpu> && algorithm == ConvAlgorithm::bf16x2) {
      CHECK_THROWS_AS(result_of<float>(p.dy.shape(), forward), ConfigError);
      continue;
    }
    CHECK(same_bits(result_of<float>(p.dy.shape(), forward), p.y(options)));
    CHECK(same_bits(result_of<float>(p.x.shape(), backward), p.dx(options)));
    CHECK(same_bits(on_host(layer.parameters()[0].gradient), p.dw(options)));
  }
  if (std::same_as<TestDevice, Cuda>) CHECK_FALSE(same_bits(p.dw(), p.dw({.algorithm = ConvAlgorithm::bf16x2})));
}

TEST_CASE("linear agrees with PyTorch", "[ops][linear]") {
  const Goldens goldens;
  Problem<float> p({4, 17, 9});
  p.x = goldens.tensor<float>("linear.0.x");
  p.weight = goldens.tensor<float>("linear.0.weight");
  p.bias = goldens.tensor<float>("linear.0.bias");
  p.dy = goldens.tensor<float>("linear.0.dy");
  // Two float sums of at most 17 terms: 2 * 6e-8 * sqrt(17) = 5e-7.
  CHECK(normalised_error(goldens.tensor<float>("linear.0.y"), p.y()) < 1e-6);
  CHECK(normalised_error(goldens.tensor<float>("linear.0.dx"), p.dx()) < 1e-6);
  CHECK(normalised_error(goldens.tensor<float>("linear.0.dweight"), p.dw()) < 1e-6);
  CHECK(normalised_error(goldens.tensor<float>("linear.0.dbias"), p.db()) < 1e-6);
}

TEST_CASE("linear: the batch does not change a bit of an image's output and gradient", "[ops][linear]") {
  for (const Sizes& s : all_sizes) {
    if (s.in * s.out > 1 << 20) continue;
    CAPTURE(s.batch, s.in, s.out);
    const Problem<float> all(s);
    const auto y = all.y(), dx = all.dx();
    for (const Index part : {1, 3, 7}) {
      if (part > s.batch) continue;
      const Problem<float> last = all.last(part);
      CHECK(
          same_bits(last.y(), Tensor<float, Cpu>(last.dy.shape(), y.view().batch_range(s.batch - part, part).span())));
      CHECK(
          same_bits(last.dx(), Tensor<float, Cpu>(last.x.shape(), dx.view().batch_range(s.batch - part, part).span())));
    }
  }
}

TEST_CASE("linear with ReLU is ReLU behind linear, bit for bit", "[ops][linear]") {
  for (const Sizes& s : all_sizes) {
    CAPTURE(s.batch, s.in, s.out);
    const Problem<float> p(s);
    const auto sums = p.y();
    const auto expected =
        result_of<float>(sums.shape(), [&](View<float, TestDevice> result) { relu_forward(on_device(sums), result); });
    CHECK(same_bits(p.y({.relu = true}), expected));
  }
}

TEST_CASE("linear without inputs is the bias, without a bias the product", "[ops][linear]") {
  const Problem<float> nothing({3, 0, 5});
  const auto y = nothing.y();
  for (Index i = 0; i < y.size(); ++i) CHECK(y[i] == nothing.bias[i % 5]);
  Problem<float> p({3, 7, 5});
  p.bias.fill(0);
  CHECK(same_bits(p.y({}, false), p.y()));
  Problem<float> one({1, 1, 1});
  one.weight = poisoned_tensor<float>(Shape{1, 1});
  CHECK(std::isnan(one.y({.relu = true}, false)[0]));  // ReLU hides no number that is none
}

TEST_CASE("linear names what does not fit", "[ops][linear]") {
  CHECK_THROWS_WITH(linear_output_shape({2, 3}, {5, 4}), "linear: expected 4 input features, got 3");
  CHECK_THROWS_AS(linear_output_shape({2, 3, 1}, {5, 3}), ShapeError);
  Tensor<float, TestDevice> x(Shape{2, 3});
  Tensor<float, TestDevice> w(Shape{5, 3});
  Tensor<float, TestDevice> y(Shape{2, 4});
  const View<const float, TestDevice> none;
  CHECK_THROWS_AS((linear_forward<float, TestDevice>(x, w, none, y.view())), ShapeError);
  CHECK_THROWS_AS((linear_backward_input<float, TestDevice>(y, w, x.view())), ShapeError);
  CHECK_THROWS_AS((linear_backward_weight<float, TestDevice>(x, y, w.view())), ShapeError);
  CHECK_THROWS_AS((linear_backward_bias<float, TestDevice>(y, x.view())), ShapeError);
}
