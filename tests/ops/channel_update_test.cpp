/// One channel's term against the whole convolution in double, computed with and without the change.

#include <cmath>
#include <vector>

#include <fusiform/ops/channel_update.hpp>
#include <fusiform/ops/linear.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;

namespace {

struct Case {
  Index images, height, width, channels, out, kernel_h, kernel_w, stride, padding;
};

/// Scalar by scalar, from the definition.
double term(const Case& c, const Tensor<double, Cpu>& change, const Tensor<double, Cpu>& filters, Index channel,
            Index n, Index i, Index j, Index o) {
  double sum = 0;
  for (Index row = 0; row < c.height; ++row)
    for (Index column = 0; column < c.width; ++column) {
      const Index a = row - (i * c.stride - c.padding);
      const Index b = column - (j * c.stride - c.padding);
      if (a < 0 || a >= c.kernel_h || b < 0 || b >= c.kernel_w) continue;
      sum += change[(n * c.height + row) * c.width + column] *
             filters[((o * c.kernel_h + a) * c.kernel_w + b) * c.channels + channel];
    }
  return sum;
}

template <Scalar T>
Tensor<T, Cpu> converted(const Tensor<double, Cpu>& values) {
  Tensor<T, Cpu> result(values.shape());
  for (Index i = 0; i < values.size(); ++i) result[i] = static_cast<T>(values[i]);
  return result;
}

template <Scalar T>
void check(const Case& c, double tolerance) {
  Rng rng(3);
  const auto random = [&](const Shape& shape) {
    Tensor<double, Cpu> values(shape);
    for (double& value : values.span()) value = static_cast<double>(static_cast<T>(rng.normal()));
    return values;
  };
  const auto change = random({c.images, c.height, c.width});
  const auto filters = random({c.out, c.kernel_h, c.kernel_w, c.channels});
  const Index rows = (c.height + 2 * c.padding - c.kernel_h) / c.stride + 1;
  const Index columns = (c.width + 2 * c.padding - c.kernel_w) / c.stride + 1;
  const auto base = random({c.images, rows, columns, c.out});
  const Tensor<T, Cpu> filters_t = converted<T>(filters), change_t = converted<T>(change);
  const ChannelTerms<T, Cpu> terms{filters_t.view(), c.stride, c.padding};
  for (const bool relu : {false, true})
    for (const Index channel : {Index{0}, c.channels - 1}) {
      Tensor<T, Cpu> in_place = converted<T>(base);
      Tensor<T, Cpu> y = converted<T>(base);
      channel_update<T>(in_place.view(), change_t.view(), terms, channel, relu, y.view());
      channel_update<T>(in_place.view(), change_t.view(), terms, channel, relu, in_place.view());
      for (Index p = 0; p < y.size(); ++p) {
        const Index o = p % c.out, j = p / c.out % columns, i = p / c.out / columns % rows,
                    n = p / c.out / columns / rows;
        double expected = base[p] + term(c, change, filters, channel, n, i, j, o);
        if (relu) expected = std::max(expected, 0.0);
        REQUIRE(static_cast<double>(y[p]) == Approx(expected).margin(tolerance));
        REQUIRE(in_place[p] == y[p]);
      }
    }
}

}  // namespace

TEST_CASE("a channel's update is the term that the definition of the convolution gives it") {
  const std::vector<Case> cases{
      {1, 1, 1, 1, 1, 1, 1, 1, 0},  {2, 5, 7, 3, 9, 3, 3, 1, 1},      {3, 8, 8, 2, 64, 3, 3, 1, 1},
      {1, 9, 7, 4, 72, 3, 3, 2, 1}, {2, 11, 11, 3, 33, 11, 11, 4, 2}, {2, 4, 4, 5, 130, 1, 1, 1, 0},
      {2, 3, 5, 2, 17, 2, 4, 3, 0}, {0, 5, 5, 2, 8, 3, 3, 1, 1},      {7, 4, 4, 6, 100, 4, 4, 1, 0}};
  for (const Case& c : cases) {
    INFO(c.images << " images of " << c.height << " x " << c.width << ", " << c.out << " filters");
    // At most 121 products of size 1 are summed in the scalar's precision.
    check<double>(c, 1e-13 * 121);
    check<float>(c, 6e-8 * 121);
  }
}

TEST_CASE("a linear layer of flattened images is updated as the convolution that it is") {
  constexpr Index images = 5, positions = 6, channels = 7, out = 19;
  Rng rng(4);
  Tensor<double, Cpu> x({images, positions * channels}), weight({out, positions * channels}), bias({out});
  for (Tensor<double, Cpu>* values : {&x, &weight, &bias})
    for (double& value : values->span()) value = rng.normal();
  Tensor<double, Cpu> before({images, out}), after({images, out}), updated({images, out});
  linear_forward<double, Cpu>(x.view(), weight.view(), bias.view(), before.view());
  Tensor<double, Cpu> change({images, positions, 1});
  for (Index n = 0; n < images; ++n)
    for (Index p = 0; p < positions; ++p) {
      double& value = x[(n * positions + p) * channels + 3];
      change[n * positions + p] = -value;
      value = 0;
    }
  linear_forward<double, Cpu>(x.view(), weight.view(), bias.view(), after.view());
  const auto terms = ChannelTerms<double, Cpu>{weight.view()}.of_channels(channels);
  channel_update<double>(before.view(), change.view(), terms, 3, false, updated.view());
  for (Index i = 0; i < after.size(); ++i) CHECK(updated[i] == Approx(after[i]).margin(1e-13 * 42));
}

TEST_CASE("a channel's update refuses what does not fit") {
  Tensor<float, Cpu> base({2, 4, 4, 8}), change({2, 4, 4}), filters({8, 3, 3, 5}), other({2, 4, 5, 8});
  const ChannelTerms<float, Cpu> terms{filters.view(), 1, 1};
  CHECK_THROWS_AS(channel_update<float>(base.view(), change.view(), terms, 5, false, base.view()), ShapeError);
  CHECK_THROWS_AS(channel_update<float>(base.view(), change.view(), terms, -1, false, base.view()), ShapeError);
  CHECK_THROWS_AS(channel_update<float>(other.view(), change.view(), terms, 0, false, other.view()), ShapeError);
  CHECK_THROWS_AS(channel_update<float>(base.view(), change.view(), terms, 0, false, other.view()), ShapeError);
}
