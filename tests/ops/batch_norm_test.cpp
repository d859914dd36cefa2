/// Batch normalisation against PyTorch and against a channel-by-channel reference in double.

#include <cmath>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/batch_norm.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr double eps = 1e-5;

/// Everything that batch normalisation computes in training.
template <class T>
struct Results {
  Tensor<T, Cpu> mean, inverse_deviation, unbiased_variance, y, dx, dweight, dbias;

  explicit Results(const Shape& x)
      : mean(Shape{x.channels()}),
        inverse_deviation(mean.shape()),
        unbiased_variance(mean.shape()),
        y(x),
        dx(x),
        dweight(mean.shape()),
        dbias(mean.shape()) {}
};

template <class T>
Results<T> run(const Tensor<T, Cpu>& x, const Tensor<T, Cpu>& weight, const Tensor<T, Cpu>& bias,
               const Tensor<T, Cpu>& dy) {
  Results<T> r(x.shape());
  batch_norm_statistics<T, Cpu>(x, eps, {r.mean.view(), r.inverse_deviation.view(), r.unbiased_variance.view()});
  batch_norm_apply<T, Cpu>(x, {r.mean, r.inverse_deviation, weight, bias}, r.y.view());
  batch_norm_backward<T, Cpu>({.x = x,
                               .dy = dy,
                               .mean = r.mean,
                               .inverse_deviation = r.inverse_deviation,
                               .weight = weight,
                               .batch_statistics = true,
                               .dx = r.dx.view(),
                               .dweight = r.dweight.view(),
                               .dbias = r.dbias.view()});
  return r;
}

/// The textbook formulas, one channel after another; the gradient by the chain rule through mean and variance.
Results<double> reference(const Tensor<double, Cpu>& x, const Tensor<double, Cpu>& weight,
                          const Tensor<double, Cpu>& bias, const Tensor<double, Cpu>& dy) {
  Results<double> r(x.shape());
  const Index channels = x.shape().channels();
  const Index rows = x.size() / channels;
  const auto n = static_cast<double>(rows);
  for (Index c = 0; c < channels; ++c) {
    double mean = 0, square = 0;
    for (Index i = 0; i < rows; ++i) mean += x[i * channels + c] / n;
    for (Index i = 0; i < rows; ++i) square += std::pow(x[i * channels + c] - mean, 2);
    const double deviation = std::sqrt(square / n + eps);
    r.mean[c] = mean;
    r.inverse_deviation[c] = 1 / deviation;
    r.unbiased_variance[c] = square / (n - 1);
    double d_variance = 0, d_mean = 0;
    for (Index i = 0; i < rows; ++i) {
      const Index at = i * channels + c;
      const double z = (x[at] - mean) / deviation;
      r.y[at] = z * weight[c] + bias[c];
      r.dweight[c] += dy[at] * z;
      r.dbias[c] += dy[at];
      d_variance += dy[at] * weight[c] * (x[at] - mean) * -0.5 / std::pow(deviation, 3);
      d_mean -= dy[at] * weight[c] / deviation;
    }
    for (Index i = 0; i < rows; ++i) {
      const Index at = i * channels + c;
      r.dx[at] = dy[at] * weight[c] / deviation + d_variance * 2 * (x[at] - mean) / n + d_mean / n;
    }
  }
  return r;
}

}  // namespace

TEST_CASE("batch norm agrees with PyTorch", "[ops][batch_norm]") {
  const Goldens goldens;
  const auto read = [&](const std::string& name) { return goldens.tensor<float>("batch_norm.0." + name); };
  const Results<float> r = run(read("x"), read("weight"), read("bias"), read("dy"));
  // A handful of float roundings per element on both sides.
  CHECK(difference(r.y, read("y")).normalized < 1e-6);
  CHECK(difference(r.dx, read("dx")).normalized < 2e-6);
  CHECK(difference(r.dweight, read("dweight")).normalized < 2e-6);
  CHECK(difference(r.dbias, read("dbias")).normalized < 2e-6);
  Tensor<float, Cpu> running_mean(r.mean.shape()), running_variance(r.mean.shape());
  running_variance.fill(1);
  move_towards(r.mean, 0.1, running_mean.view());
  move_towards(r.unbiased_variance, 0.1, running_variance.view());
  CHECK(difference(running_mean, read("running_mean")).normalized < 1e-6);
  CHECK(difference(running_variance, read("running_var")).normalized < 1e-6);
}

TEST_CASE("batch norm agrees with a channel-by-channel reference", "[ops][batch_norm]") {
  for (const Shape& shape : channel_shapes()) {
    if (shape.size() / shape.channels() < 2) continue;  // refused, see below
    CAPTURE(shape);
    const Shape channels{shape.channels()};
    const auto x = random_tensor<double>(shape, Rng(1)), dy = random_tensor<double>(shape, Rng(2));
    const auto weight = random_tensor<double>(channels, Rng(3)), bias = random_tensor<double>(channels, Rng(4));
    const Results<double> expected = reference(x, weight, bias, dy);
    const Results<double> r = run(x, weight, bias, dy);
    // Sums of up to 11,200 terms in double; the variance of three values may amplify rounding.
    CHECK(difference(r.mean, expected.mean).normalized < 1e-12);
    CHECK(difference(r.inverse_deviation, expected.inverse_deviation).normalized < 1e-12);
    CHECK(difference(r.unbiased_variance, expected.unbiased_variance).normalized < 1e-12);
    CHECK(difference(r.y, expected.y).normalized < 1e-12);
    CHECK(difference(r.dx, expected.dx).normalized < 1e-11);
    CHECK(difference(r.dweight, expected.dweight).normalized < 1e-11);
    CHECK(difference(r.dbias, expected.dbias).normalized < 1e-11);

    const Results<float> single =
        run(converted<float>(x), converted<float>(weight), converted<float>(bias), converted<float>(dy));
    // Inputs, statistics and results are rounded to 24 bits.
    CHECK(difference(single.y, expected.y).normalized < 1e-6);
    CHECK(difference(single.dx, expected.dx).normalized < 1e-5);
    CHECK(difference(single.dweight, expected.dweight).normalized < 1e-5);
  }
}

TEST_CASE("batch norm keeps its digits when the mean dwarfs the deviation", "[ops][batch_norm]") {
  auto x = random_tensor<float>({4, 40, 40, 3}, Rng(5));
  for (float& value : x.span()) value += 10000.F;
  Tensor<float, Cpu> weight(Shape{3}), bias(Shape{3});
  weight.fill(1);
  const Results<float> r = run(x, weight, bias, x);
  const Results<double> expected =
      reference(converted<double>(x), converted<double>(weight), converted<double>(bias), converted<double>(x));
  // A variance from float sums of squares near 1e8 would be off by more than 1.
  CHECK(difference(r.inverse_deviation, expected.inverse_deviation).normalized < 1e-6);
  CHECK(difference(r.y, expected.y).absolute < 6e-4);  // the mean is rounded to 24 bits: half of 1e4 * 2^-23
}

TEST_CASE("batch norm keeps its digits when the first row is far from the others", "[ops][batch_norm]") {
  auto x = random_tensor<float>({4, 40, 40, 3}, Rng(5));
  for (Index c = 0; c < 3; ++c) x[c] = 1000.F;  // deviations are measured from the first row
  Tensor<float, Cpu> weight(Shape{3}), bias(Shape{3});
  weight.fill(1);
  const Results<float> r = run(x, weight, bias, x);
  const Results<double> expected =
      reference(converted<double>(x), converted<double>(weight), converted<double>(bias), converted<double>(x));
  CHECK(difference(r.mean, expected.mean).normalized < 1e-6);
  CHECK(difference(r.inverse_deviation, expected.inverse_deviation).normalized < 1e-6);
}

TEST_CASE("batch norm with recorded statistics is a scale and a shift", "[ops][batch_norm]") {
  const Shape shape{3, 4, 5, 7};
  const auto x = random_tensor<double>(shape, Rng(6)), dy = random_tensor<double>(shape, Rng(7));
  const auto mean = random_tensor<double>({7}, Rng(8)), weight = random_tensor<double>({7}, Rng(9));
  Tensor<double, Cpu> inverse(Shape{7});
  Tensor<double, Cpu> variance(Shape{7});
  for (Index c = 0; c < 7; ++c) variance[c] = 0.5 + static_cast<double>(c);
  inverse_deviation(variance, eps, inverse.view());
  Tensor<double, Cpu> dx(shape), dweight(Shape{7}), dbias(Shape{7});
  batch_norm_backward<double, Cpu>({.x = x,
                                    .dy = dy,
                                    .mean = mean,
                                    .inverse_deviation = inverse,
                                    .weight = weight,
                                    .batch_statistics = false,
                                    .dx = dx.view(),
                                    .dweight = dweight.view(),
                                    .dbias = dbias.view()});
  Tensor<double, Cpu> expected_dx(shape), expected_dweight(Shape{7}), expected_dbias(Shape{7});
  for (Index i = 0; i < x.size(); ++i) {
    const Index c = i % 7;
    const double deviation = std::sqrt(variance[c] + eps);
    expected_dx[i] = dy[i] * weight[c] / deviation;
    expected_dweight[c] += dy[i] * (x[i] - mean[c]) / deviation;
    expected_dbias[c] += dy[i];
  }
  CHECK(difference(dx, expected_dx).normalized < 1e-13);
  CHECK(difference(dweight, expected_dweight).normalized < 1e-13);
  CHECK(difference(dbias, expected_dbias).normalized < 1e-13);
}

TEST_CASE("batch norm refuses to train on fewer than two values per channel", "[ops][batch_norm]") {
  for (const Shape& shape : {Shape{1, 1, 1, 3}, Shape{1, 3}, Shape{0, 4, 4, 3}}) {
    const Tensor<float, Cpu> x(shape);
    Tensor<float, Cpu> a(Shape{3}), b(Shape{3}), c(Shape{3});
    CHECK_THROWS_AS((batch_norm_statistics<float, Cpu>(x, eps, {a.view(), b.view(), c.view()})), ShapeError);
  }
}

TEST_CASE("batch norm gives the same bits for any number of threads", "[ops][batch_norm]") {
  const int threads = thread_count();
  const Shape shape{3, 37, 41, 130};
  const auto x = random_tensor<float>(shape, Rng(1)), dy = random_tensor<float>(shape, Rng(2));
  const auto weight = random_tensor<float>({130}, Rng(3)), bias = random_tensor<float>({130}, Rng(4));
  set_thread_count(1);
  const Results<float> one = run(x, weight, bias, dy);
  set_thread_count(5);
  const Results<float> five = run(x, weight, bias, dy);
  set_thread_count(threads);
  CHECK(same_bits(one.mean, five.mean));
  CHECK(same_bits(one.inverse_deviation, five.inverse_deviation));
  CHECK(same_bits(one.y, five.y));
  CHECK(same_bits(one.dx, five.dx));
  CHECK(same_bits(one.dweight, five.dweight));
  CHECK(same_bits(one.dbias, five.dbias));
}
