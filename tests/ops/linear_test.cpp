#include <cmath>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/linear.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/differences.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/tensors.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

struct Sizes {
  Index batch, in, out;
};

/// Around the tiles (4 images x 3 or 6 outputs; 1, 4 or 8 rows x 24 to 96 columns), the slices of a row (1024 or 512),
/// the blocks of outputs (256) and of images (128, 512), and what is fetched ahead (32 rows; up to 8 tiles of images).
const std::vector<Sizes> all_sizes{
    {1, 1, 1},     {1, 600, 300}, {2, 17, 33},    {3, 256, 64}, {15, 40, 10},   {16, 257, 31}, {29, 8, 513},
    {230, 70, 45}, {1100, 12, 9}, {0, 5, 6},      {4, 1030, 7}, {5, 2048, 13},  {8, 100, 290}, {9, 97, 40},
    {1, 33, 1},    {2, 1, 520},   {33, 1500, 20}, {40, 3, 1},   {2, 2048, 2056}};  // weights large enough to be stored
                                                                                   // past the caches

template <Scalar T>
struct Problem {
  explicit Problem(const Sizes& s)
      : x(uniform_tensor<T>(Shape{s.batch, s.in}, "x")),
        weight(uniform_tensor<T>(Shape{s.out, s.in}, "weight")),
        bias(uniform_tensor<T>(Shape{s.out}, "bias")),
        dy(uniform_tensor<T>(Shape{s.batch, s.out}, "dy")) {}
  Tensor<T, Cpu> x, weight, bias, dy;
};

template <Scalar T>
struct Results {
  explicit Results(const Problem<T>& p)
      : y(poisoned_tensor<T>(p.dy.shape())),
        dx(poisoned_tensor<T>(p.x.shape())),
        dw(poisoned_tensor<T>(p.weight.shape())),
        db(poisoned_tensor<T>(p.bias.shape())) {
    linear_forward<T, Cpu>(p.x, p.weight, p.bias, y.view());
    linear_backward_input<T, Cpu>(p.dy, p.weight, dx.view());
    linear_backward_weight<T, Cpu>(p.x, p.dy, dw.view());
    linear_backward_bias<T, Cpu>(p.dy, db.view());
  }
  Tensor<T, Cpu> y, dx, dw, db;
};

/// The three products, element by element in double: y = x w^T + b, dx = dy w, dw = dy^T x.
template <Scalar T>
Results<double> reference_of(const Problem<T>& p) {
  const Index batch = p.x.shape()[0];
  const Index in = p.x.shape()[1];
  const Index out = p.dy.shape()[1];
  Results<double> r{Problem<double>({0, in, out})};
  r.y.resize(p.dy.shape());
  r.dx.resize(p.x.shape());
  r.dx.fill(0);
  r.dw.fill(0);
  r.db.fill(0);
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

template <Scalar T>
void check_against_reference(double rounding) {
  for (const Sizes& s : all_sizes) {
    CAPTURE(s.batch, s.in, s.out);
    const Problem<T> problem(s);
    const Results<T> found(problem);
    const Results<double> expected = reference_of(problem);
    // Rounding of a sum of K terms, relative to the result, is about half the unit roundoff times sqrt(K).
    const auto bound = [&](Index terms) { return rounding * std::sqrt(static_cast<double>(terms) + 1); };
    CHECK(normalised_error(expected.y, found.y) < bound(s.in));
    CHECK(normalised_error(expected.dx, found.dx) < bound(s.out));
    CHECK(normalised_error(expected.dw, found.dw) < bound(s.batch));
    CHECK(normalised_error(expected.db, found.db) < bound(s.batch));
  }
}

}  // namespace

TEST_CASE("linear is the matrix product") {
  check_against_reference<double>(4e-16);
  check_against_reference<float>(2e-7);
}

TEST_CASE("linear: the gradients are finite differences of the forward pass") {
  Problem<double> p({3, 5, 4});
  const Results<double> r(p);
  const auto loss = [&] {
    Tensor<double, Cpu> y(p.dy.shape());
    linear_forward<double, Cpu>(p.x, p.weight, p.bias, y.view());
    return dot(y, p.dy);
  };
  check_gradient_of_linear(loss, p.x, r.dx);
  check_gradient_of_linear(loss, p.weight, r.dw);
  check_gradient_of_linear(loss, p.bias, r.db);
}

TEST_CASE("linear agrees with PyTorch") {
  const Goldens goldens;
  Problem<float> p({4, 17, 9});
  p.x = goldens.tensor<float>("linear.0.x");
  p.weight = goldens.tensor<float>("linear.0.weight");
  p.bias = goldens.tensor<float>("linear.0.bias");
  p.dy = goldens.tensor<float>("linear.0.dy");
  const Results<float> r(p);
  // Two float sums of at most 17 terms: 2 * 6e-8 * sqrt(17) = 5e-7.
  CHECK(normalised_error(goldens.tensor<float>("linear.0.y"), r.y) < 1e-6);
  CHECK(normalised_error(goldens.tensor<float>("linear.0.dx"), r.dx) < 1e-6);
  CHECK(normalised_error(goldens.tensor<float>("linear.0.dweight"), r.dw) < 1e-6);
  CHECK(normalised_error(goldens.tensor<float>("linear.0.dbias"), r.db) < 1e-6);
}

TEST_CASE("linear: neither the threads nor the batch change a bit") {
  for (const Sizes& s : all_sizes) {
    CAPTURE(s.batch, s.in, s.out);
    const Problem<float> p(s);
    const int threads = thread_count();
    set_thread_count(1);
    const Results<float> one(p);
    set_thread_count(3);
    const Results<float> three(p);
    set_thread_count(threads);
    CHECK(same_bits(one.y, three.y));
    CHECK(same_bits(one.dx, three.dx));
    CHECK(same_bits(one.dw, three.dw));
    CHECK(same_bits(one.db, three.db));
    for (const Index part : {1, 2, 3, 4, 7}) {
      if (part > s.batch) continue;
      Tensor<float, Cpu> y(Shape{part, s.out});
      Tensor<float, Cpu> dx(Shape{part, s.in});
      linear_forward<float, Cpu>(p.x.view().batch_range(s.batch - part, part), p.weight, p.bias, y.view());
      linear_backward_input<float, Cpu>(p.dy.view().batch_range(s.batch - part, part), p.weight, dx.view());
      CHECK(same_bits(y, Tensor<float, Cpu>(y.shape(), one.y.view().batch_range(s.batch - part, part).span())));
      CHECK(same_bits(dx, Tensor<float, Cpu>(dx.shape(), one.dx.view().batch_range(s.batch - part, part).span())));
    }
  }
}

TEST_CASE("linear with ReLU is ReLU behind linear, bit for bit") {
  for (const Sizes& s : all_sizes) {
    CAPTURE(s.batch, s.in, s.out);
    const Problem<float> p(s);
    Tensor<float, Cpu> expected = poisoned_tensor<float>(p.dy.shape());
    Tensor<float, Cpu> y = expected;
    linear_forward<float, Cpu>(p.x, p.weight, p.bias, expected.view());
    for (float& value : expected.span()) value = value < 0 ? 0 : value;
    linear_forward<float, Cpu>(p.x, p.weight, p.bias, y.view(), {.relu = true});
    CHECK(same_bits(y, expected));
  }
}

TEST_CASE("linear without inputs is the bias, without a bias the product") {
  const Problem<float> nothing({3, 0, 5});
  Tensor<float, Cpu> y = poisoned_tensor<float>(Shape{3, 5});
  linear_forward<float, Cpu>(nothing.x, nothing.weight, nothing.bias, y.view());
  for (Index i = 0; i < y.size(); ++i) CHECK(y[i] == nothing.bias[i % 5]);
  Problem<float> p({3, 7, 5});
  linear_forward<float, Cpu>(p.x, p.weight, View<const float, Cpu>(), y.view());
  p.bias.fill(0);
  CHECK(same_bits(y, Results<float>(p).y));
  Tensor<float, Cpu> one(Shape{1, 1}, std::vector<float>{1}), nan = poisoned_tensor<float>(Shape{1, 1}),
                                                              out(Shape{1, 1});
  linear_forward<float, Cpu>(one, nan, View<const float, Cpu>(), out.view(), {.relu = true});
  CHECK(std::isnan(out[0]));  // ReLU hides no number that is none
}

TEST_CASE("linear names what does not fit") {
  CHECK_THROWS_WITH(linear_output_shape({2, 3}, {5, 4}), "linear: expected 4 input features, got 3");
  CHECK_THROWS_AS(linear_output_shape({2, 3, 1}, {5, 3}), ShapeError);
  Tensor<float, Cpu> x(Shape{2, 3});
  Tensor<float, Cpu> w(Shape{5, 3});
  Tensor<float, Cpu> y(Shape{2, 4});
  const View<const float, Cpu> none;
  CHECK_THROWS_AS((linear_forward<float, Cpu>(x, w, none, y.view())), ShapeError);
  CHECK_THROWS_AS((linear_backward_input<float, Cpu>(y, w, x.view())), ShapeError);
  CHECK_THROWS_AS((linear_backward_weight<float, Cpu>(x, y, w.view())), ShapeError);
  CHECK_THROWS_AS((linear_backward_bias<float, Cpu>(y, x.view())), ShapeError);
}
