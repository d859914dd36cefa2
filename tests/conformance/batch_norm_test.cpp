/// Batch normalisation against PyTorch and against a channel-by-channel reference in double.

#include <cmath>

#include <fusiform/ops/batch_norm.hpp>
#include <fusiform/ops/fill.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"
#include "tests/support/golden.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr double eps = 1e-5;

/// Everything that batch normalisation computes in training.
template <class T>
struct Results {
  using M = Master<T>;
  Tensor<M, Cpu> mean, inverse_deviation, unbiased_variance;
  Tensor<T, Cpu> y, dx;
  Tensor<M, Cpu> dweight, dbias;

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
struct Inputs {
  Tensor<T, Cpu> x;
  Tensor<Master<T>, Cpu> weight, bias;
  Tensor<T, Cpu> dy;
};

template <class T>
Results<T> run(const Inputs<T>& in, bool batch_statistics = true) {
  using D = TestDevice;
  using M = Master<T>;
  Results<T> r(in.x.shape());
  const auto x = on_device(in.x), dy = on_device(in.dy);
  const auto weight = on_device(in.weight), bias = on_device(in.bias);
  const Shape channels = r.mean.shape();
  const auto statistic = [&](View<M, D> BatchStatistics<T, D>::*which) {
    return result_of<M>(channels, [&](View<M, D> result) {
      Tensor<M, D> a(channels), b(channels), c(channels);
      BatchStatistics<T, D> all{a.view(), b.view(), c.view()};
      all.*which = result;
      batch_norm_statistics<T, D>(x, eps, all);
    });
  };
  r.mean = statistic(&BatchStatistics<T, D>::mean);
  r.inverse_deviation = statistic(&BatchStatistics<T, D>::inverse_deviation);
  r.unbiased_variance = statistic(&BatchStatistics<T, D>::unbiased_variance);
  const auto mean = on_device(r.mean), inverse = on_device(r.inverse_deviation);
  r.y = result_of<T>(in.x.shape(), [&](View<T, D> y) { batch_norm_apply<T, D>(x, {mean, inverse, weight, bias}, y); });
  const BatchNormGradients<T, D> gradients{.x = x,
                                           .dy = dy,
                                           .mean = mean,
                                           .inverse_deviation = inverse,
                                           .weight = weight,
                                           .batch_statistics = batch_statistics,
                                           .dx = {},
                                           .dweight = {},
                                           .dbias = {}};
  Tensor<T, D> dx(in.x.shape());
  Tensor<M, D> other(channels);
  r.dx = result_of<T>(in.x.shape(), [&](View<T, D> result) {  // alone: as below a frozen layer
    auto a = gradients;
    a.dx = result;
    batch_norm_backward(a);
  });
  r.dweight = result_of<M>(channels, [&](View<M, D> result) {  // without dx: as in a first layer
    auto a = gradients;
    a.dweight = result;
    a.dbias = other.view();
    batch_norm_backward(a);
  });
  r.dbias = result_of<M>(channels, [&](View<M, D> result) {  // with everything
    auto a = gradients;
    a.dx = dx.view();
    a.dweight = other.view();
    a.dbias = result;
    batch_norm_backward(a);
  });
  CHECK(same_bits(on_host(dx), r.dx));
  CHECK(same_bits(on_host(other), r.dweight));
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

template <class T>
Results<double> reference(const Inputs<T>& in) {
  return reference(in_double(in.x), in_double(in.weight), in_double(in.bias), in_double(in.dy));
}

template <class T>
Inputs<T> random_inputs(const Shape& shape) {
  const Shape channels{shape.channels()};
  return {random_elements<T>(shape, Rng(1)), random_elements<Master<T>>(channels, Rng(3)),
          random_elements<Master<T>>(channels, Rng(4)), random_elements<T>(shape, Rng(2))};
}

/// Weights of 1, and dy = x.
Inputs<float> plain_inputs(const Tensor<float, Cpu>& x) {
  Inputs<float> in{x, Tensor<float, Cpu>(Shape{x.shape().channels()}), Tensor<float, Cpu>(Shape{x.shape().channels()}),
                   x};
  in.weight.fill(1);
  return in;
}

}  // namespace

TEST_CASE("batch norm agrees with PyTorch", "[ops][batch_norm]") {
  const Goldens goldens;
  const auto read = [&](const std::string& name) { return goldens.tensor<float>("batch_norm.0." + name); };
  const Results<float> r = run(Inputs<float>{read("x"), read("weight"), read("bias"), read("dy")});
  // A handful of float roundings per element on both sides.
  CHECK(difference(r.y, read("y")).normalized < 1e-6);
  CHECK(difference(r.dx, read("dx")).normalized < 2e-6);
  CHECK(difference(r.dweight, read("dweight")).normalized < 2e-6);
  CHECK(difference(r.dbias, read("dbias")).normalized < 2e-6);
  const auto moved = [&](float from, const Tensor<float, Cpu>& target) {
    const auto to = on_device(target);
    return result_of<float>(target.shape(), [&](View<float, TestDevice> value) {
      fill(from, value);
      move_towards(to, 0.1, value);
    });
  };
  CHECK(difference(moved(0, r.mean), read("running_mean")).normalized < 1e-6);
  CHECK(difference(moved(1, r.unbiased_variance), read("running_var")).normalized < 1e-6);
}

TEMPLATE_LIST_TEST_CASE("batch norm agrees with a channel-by-channel reference", "[ops][batch_norm]", AllScalars) {
  using T = TestType;
  using M = Master<T>;
  auto shapes = channel_shapes();
  shapes.push_back({5, 33, 31, 64});  // several parts of rows for the groups of channels that fit 16 bytes
  for (const Shape& shape : shapes) {
    if (shape.size() / shape.channels() < 2) continue;  // refused, see below
    CAPTURE(shape);
    const Inputs<T> in = random_inputs<T>(shape);
    const Results<double> expected = reference(in);
    const Results<T> r = run(in);
    // Sums of up to 11,200 terms in double; the variance of three values may amplify rounding. In float, statistics and
    // results are rounded to 24 bits, and the terms of sums are.
    CHECK(difference(in_double(r.mean), expected.mean).normalized < tolerance<M>(1e-12, 1e-6));
    CHECK(difference(in_double(r.inverse_deviation), expected.inverse_deviation).normalized <
          tolerance<M>(1e-12, 1e-6));
    CHECK(difference(in_double(r.unbiased_variance), expected.unbiased_variance).normalized <
          tolerance<M>(1e-12, 1e-6));
    CHECK(difference(in_double(r.y), expected.y).normalized < tolerance<T>(1e-12, 1e-6));
    CHECK(difference(in_double(r.dx), expected.dx).normalized < tolerance<T>(1e-11, 1e-5));
    CHECK(difference(in_double(r.dweight), expected.dweight).normalized < tolerance<M>(1e-11, 1e-5));
    CHECK(difference(in_double(r.dbias), expected.dbias).normalized < tolerance<M>(1e-11, 1e-5));
  }
}

TEST_CASE("batch norm keeps its digits when the mean dwarfs the deviation", "[ops][batch_norm]") {
  auto x = random_tensor<float>({4, 40, 40, 3}, Rng(5));
  for (float& value : x.span()) value += 10000.F;
  const Inputs<float> in = plain_inputs(x);
  const Results<float> r = run(in);
  const Results<double> expected = reference(in);
  // A variance from float sums of squares near 1e8 would be off by more than 1.
  CHECK(difference(r.inverse_deviation, expected.inverse_deviation).normalized < 1e-6);
  CHECK(difference(r.y, expected.y).absolute < 6e-4);  // the mean is rounded to 24 bits: half of 1e4 * 2^-23
}

TEST_CASE("batch norm keeps its digits when any row is far from the others", "[ops][batch_norm]") {
  constexpr Index rows = 4 * 40 * 40;
  for (const Index row : {Index{0}, rows / 6, rows / 2, rows - 1 - rows / 6, rows - 1}) {
    CAPTURE(row);
    auto x = random_tensor<float>({4, 40, 40, 3}, Rng(5));
    for (Index c = 0; c < 3; ++c) x[row * 3 + c] = 1000.F;  // deviations may be measured from this row
    const Inputs<float> in = plain_inputs(x);
    const Results<float> r = run(in);
    const Results<double> expected = reference(in);
    CHECK(difference(r.mean, expected.mean).normalized < 1e-6);
    CHECK(difference(r.inverse_deviation, expected.inverse_deviation).normalized < 1e-6);
  }
}

TEMPLATE_LIST_TEST_CASE("batch norm with recorded statistics is a scale and a shift", "[ops][batch_norm]", AllScalars) {
  using T = TestType;
  using M = Master<T>;
  using D = TestDevice;
  for (const Shape& shape : {Shape{3, 4, 5, 7}, Shape{0, 4, 5, 7}, Shape{6, 16}}) {
    CAPTURE(shape);
    const Index channels = shape.channels();
    const auto x = random_elements<T>(shape, Rng(6)), dy = random_elements<T>(shape, Rng(7));
    const auto mean = random_elements<M>({channels}, Rng(8)), weight = random_elements<M>({channels}, Rng(9));
    Tensor<M, Cpu> variance(Shape{channels});
    for (Index c = 0; c < channels; ++c) variance[c] = static_cast<M>(0.5 + static_cast<double>(c));
    const auto variance_on_device = on_device(variance);
    const auto inverse =
        result_of<M>(variance.shape(), [&](View<M, D> result) { inverse_deviation(variance_on_device, eps, result); });
    const auto x_on_device = on_device(x), dy_on_device = on_device(dy);
    const auto mean_on_device = on_device(mean), weight_on_device = on_device(weight);
    const auto inverse_on_device = on_device(inverse);
    Tensor<T, D> dx(shape);
    Tensor<M, D> dweight(Shape{channels});
    const auto dbias = result_of<M>(Shape{channels}, [&](View<M, D> result) {
      batch_norm_backward<T, D>({.x = x_on_device,
                                 .dy = dy_on_device,
                                 .mean = mean_on_device,
                                 .inverse_deviation = inverse_on_device,
                                 .weight = weight_on_device,
                                 .batch_statistics = false,
                                 .dx = dx.view(),
                                 .dweight = dweight.view(),
                                 .dbias = result});
    });
    Tensor<double, Cpu> expected_dx(shape), expected_dweight(Shape{channels}), expected_dbias(Shape{channels});
    const auto values = in_double(x), gradients = in_double(dy), means = in_double(mean), weights = in_double(weight);
    for (Index i = 0; i < x.size(); ++i) {
      const Index c = i % channels;
      const double deviation = std::sqrt(0.5 + static_cast<double>(c) + eps);
      expected_dx[i] = gradients[i] * weights[c] / deviation;
      expected_dweight[c] += gradients[i] * (values[i] - means[c]) / deviation;
      expected_dbias[c] += gradients[i];
    }
    // Up to 60 terms; sums of float terms that partly cancel.
    CHECK(difference(in_double(on_host(dx)), expected_dx).normalized < tolerance<T>(1e-13, 1e-6));
    CHECK(difference(in_double(on_host(dweight)), expected_dweight).normalized < tolerance<M>(1e-13, 1e-6));
    CHECK(difference(in_double(dbias), expected_dbias).normalized < tolerance<M>(1e-13, 1e-6));
  }
}

TEST_CASE("batch norm refuses to train on fewer than two values per channel", "[ops][batch_norm]") {
  for (const Shape& shape : {Shape{1, 1, 1, 3}, Shape{1, 3}, Shape{0, 4, 4, 3}}) {
    const Tensor<float, TestDevice> x(shape);
    Tensor<float, TestDevice> a(Shape{3}), b(Shape{3}), c(Shape{3});
    CHECK_THROWS_AS((batch_norm_statistics<float, TestDevice>(x, eps, {a.view(), b.view(), c.view()})), ShapeError);
  }
}
