/// One channel's term against the whole convolution in double, computed with and without the change.

#include <cmath>
#include <vector>

#include <fusiform/ops/channel_update.hpp>
#include <fusiform/ops/linear.hpp>

#include "tests/conformance/test_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

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
  const auto filters_t = on_device(converted<T>(filters)), change_t = on_device(converted<T>(change));
  const auto base_t = converted<T>(base);
  const ChannelTerms<T, TestDevice> terms{filters_t.view(), c.stride, c.padding};
  for (const bool relu : {false, true})
    for (const Index channel : {Index{0}, c.channels - 1}) {
      const auto y = result_of<T>(base.shape(), [&](View<T, TestDevice> result) {
        channel_update<T, TestDevice>(on_device(base_t), change_t, terms, channel, relu, result);
      });
      const auto in_place = result_of<T>(base.shape(), [&](View<T, TestDevice> result) {
        copy<T, TestDevice>(on_device(base_t), result);
        channel_update<T, TestDevice>(result, change_t, terms, channel, relu, result);
      });
      REQUIRE(same_bits(in_place, y));
      for (Index p = 0; p < y.size(); ++p) {
        const Index o = p % c.out, j = p / c.out % columns, i = p / c.out / columns % rows,
                    n = p / c.out / columns / rows;
        double expected = base[p] + term(c, change, filters, channel, n, i, j, o);
        if (relu) expected = std::max(expected, 0.0);
        REQUIRE(static_cast<double>(y[p]) == Approx(expected).margin(tolerance));
      }
    }
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("a channel's update is the term that the definition of the convolution gives it", "[ops]",
                        TestScalars) {
  const std::vector<Case> cases{
      {1, 1, 1, 1, 1, 1, 1, 1, 0},  {2, 5, 7, 3, 9, 3, 3, 1, 1},      {3, 8, 8, 2, 64, 3, 3, 1, 1},
      {1, 9, 7, 4, 72, 3, 3, 2, 1}, {2, 11, 11, 3, 33, 11, 11, 4, 2}, {2, 4, 4, 5, 130, 1, 1, 1, 0},
      {2, 3, 5, 2, 17, 2, 4, 3, 0}, {0, 5, 5, 2, 8, 3, 3, 1, 1},      {7, 4, 4, 6, 100, 4, 4, 1, 0}};
  for (const Case& c : cases) {
    INFO(c.images << " images of " << c.height << " x " << c.width << ", " << c.out << " filters");
    // At most 121 products of size 1 are summed in the scalar's precision.
    check<TestType>(c, (std::same_as<TestType, float> ? 6e-8 : 1e-13) * 121);
  }
}

TEMPLATE_LIST_TEST_CASE("a linear layer of flattened images is updated as the convolution that it is", "[ops]",
                        TestScalars) {
  using T = TestType;
  constexpr Index images = 5, positions = 6, channels = 7, out = 19;
  const auto before_change = random_tensor<T>({images, positions * channels}, Rng(4).stream("x"));
  const auto weight = on_device(random_tensor<T>({out, positions * channels}, Rng(4).stream("weight")));
  const auto bias = on_device(random_tensor<T>({out}, Rng(4).stream("bias")));
  Tensor<T, Cpu> x = before_change, change({images, positions, 1});
  for (Index n = 0; n < images; ++n)
    for (Index p = 0; p < positions; ++p) {
      T& value = x[(n * positions + p) * channels + 3];
      change[n * positions + p] = -value;
      value = 0;
    }
  const auto output = [&](const Tensor<T, Cpu>& input) {
    return result_of<T>({images, out}, [&](View<T, TestDevice> result) {
      linear_forward<T, TestDevice>(on_device(input), weight, bias, result);
    });
  };
  const auto before = output(before_change), after = output(x);
  const auto terms = ChannelTerms<T, TestDevice>{weight.view()}.of_channels(channels);
  const auto updated = result_of<T>({images, out}, [&](View<T, TestDevice> result) {
    channel_update<T, TestDevice>(on_device(before), on_device(change), terms, 3, false, result);
  });
  // 42 terms of size 1 in the scalar's precision.
  CHECK(difference(updated, after).absolute < (std::same_as<T, float> ? 1e-6 : 1e-13) * 42);
}

TEST_CASE("a channel's update does not depend on the rest of the batch", "[ops]") {
  const auto base = random_tensor<float>({5, 7, 9, 12}, Rng(1)), filters = random_tensor<float>({12, 3, 3, 5}, Rng(2)),
             change = random_tensor<float>({5, 7, 9}, Rng(3));
  const auto filters_on_device = on_device(filters);
  const ChannelTerms<float, TestDevice> terms{filters_on_device.view(), 1, 1};
  const auto update = [&](Index first, Index count) {
    return result_of<float>(base.shape().with_batch(count), [&](View<float, TestDevice> result) {
      channel_update<float, TestDevice>(on_device(base).view().batch_range(first, count),
                                        on_device(change).view().batch_range(first, count), terms, 2, true, result);
    });
  };
  const auto all = update(0, 5), last = update(4, 1);
  CHECK(same_bits(last, Tensor<float, Cpu>(last.shape(), all.view().batch_range(4, 1).span())));
}

TEST_CASE("a channel's update refuses what does not fit", "[ops]") {
  Tensor<float, TestDevice> base({2, 4, 4, 8}), change({2, 4, 4}), filters({8, 3, 3, 5}), other({2, 4, 5, 8});
  const ChannelTerms<float, TestDevice> terms{filters.view(), 1, 1};
  CHECK_THROWS_AS((channel_update<float, TestDevice>(base, change, terms, 5, false, base.view())), ShapeError);
  CHECK_THROWS_AS((channel_update<float, TestDevice>(base, change, terms, -1, false, base.view())), ShapeError);
  CHECK_THROWS_AS((channel_update<float, TestDevice>(other, change, terms, 0, false, other.view())), ShapeError);
  CHECK_THROWS_AS((channel_update<float, TestDevice>(base, change, terms, 0, false, other.view())), ShapeError);
}
