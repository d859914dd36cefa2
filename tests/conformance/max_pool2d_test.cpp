/// Max pooling against PyTorch and against a search of every window.

#include <cmath>
#include <limits>

#include <fusiform/ops/max_pool2d.hpp>
#include <fusiform/ops/relu.hpp>

#include "tests/conformance/pool_windows.hpp"
#include "tests/support/golden.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

template <class T>
struct Pooled {
  Tensor<T, Cpu> y;
  Tensor<std::int32_t, Cpu> positions;
};

template <class T>
Pooled<T> pooled(const Tensor<T, Cpu>& x, const MaxPool2dOptions& options) {
  const Tensor<T, TestDevice> input = on_device(x);
  const Shape shape = max_pool2d_output_shape(x.shape(), options);
  return {result_of<T>(shape,
                       [&](View<T, TestDevice> y) {
                         Tensor<std::int32_t, TestDevice> positions(shape);
                         max_pool2d_forward(input, options, y, positions.view());
                       }),
          result_of<std::int32_t>(shape, [&](View<std::int32_t, TestDevice> positions) {
            Tensor<T, TestDevice> y(shape);
            max_pool2d_forward(input, options, y.view(), positions);
          })};
}

template <class T>
Tensor<T, Cpu> gradient(const Tensor<T, Cpu>& dy, const Tensor<std::int32_t, Cpu>& positions,
                        const MaxPool2dOptions& options, const Shape& x) {
  const auto dy_on_device = on_device(dy);
  const auto positions_on_device = on_device(positions);
  return result_of<T>(
      x, [&](View<T, TestDevice> dx) { max_pool2d_backward(dy_on_device, positions_on_device, options, dx); });
}

}  // namespace

TEST_CASE("max pooling agrees with PyTorch", "[ops][max_pool2d]") {
  const Goldens goldens;
  for (std::size_t i = 0; i < golden_windows().size(); ++i) {
    const std::string name = text("max_pool2d.", i);
    CAPTURE(name);
    const PoolCase window = golden_windows()[i];
    const MaxPool2dOptions options{window.kernel, window.stride, window.padding};
    const auto x = goldens.tensor<float>(name + ".x");
    const auto [y, positions] = pooled(x, options);
    CHECK(same_bits(y, goldens.tensor<float>(name + ".y")));
    const auto dx = gradient(goldens.tensor<float>(name + ".dy"), positions, options, x.shape());
    // Sums of at most nine floats, possibly in another order than PyTorch's.
    CHECK(difference(dx, goldens.tensor<float>(name + ".dx")).normalized < 1e-6);
  }
}

TEMPLATE_LIST_TEST_CASE("max pooling agrees with a search of every window", "[ops][max_pool2d]", AllScalars) {
  using T = TestType;
  for (const PoolCase& pool : window_cases()) {
    CAPTURE(pool.x, pool.kernel, pool.stride, pool.padding);
    const MaxPool2dOptions options{pool.kernel, pool.stride, pool.padding};
    const auto x = random_elements<T>(pool.x, Rng(1));
    const auto values = in_double(x);
    const Shape shape = max_pool2d_output_shape(pool.x, options);
    const auto dy = random_elements<T>(shape, Rng(2));
    const auto gradients = in_double(dy);
    Tensor<T, Cpu> expected_y(shape);
    Tensor<std::int32_t, Cpu> expected_positions(shape);
    Tensor<double, Cpu> expected_dx(pool.x);
    for_each_window(pool.x, pool, shape, [&](Index n, Index c, Index out, const std::vector<Index>& pixels) {
      const auto at = [&](Index pixel) { return (n * pool.x[1] * pool.x[2] + pixel) * pool.x[3] + c; };
      const Index best = *std::max_element(pixels.begin(), pixels.end(),
                                           [&](Index a, Index b) { return values[at(a)] < values[at(b)]; });
      expected_y[out] = x[at(best)];
      expected_positions[out] = static_cast<std::int32_t>(best);
      expected_dx[at(best)] += gradients[out];
    });
    const auto [y, positions] = pooled(x, options);
    CHECK(same_bits(y, expected_y));
    CHECK(same_bits(positions, expected_positions));
    const auto input = on_device(x);
    const auto without =
        result_of<T>(shape, [&](View<T, TestDevice> result) { max_pool2d_forward(input, options, result, {}); });
    CHECK(same_bits(without, expected_y));
    const auto dx = gradient(dy, positions, options, pool.x);
    // At most nine terms per sum.
    CHECK(difference(in_double(dx), expected_dx).normalized < tolerance<T>(1e-14, 1e-6));
  }
}

TEMPLATE_LIST_TEST_CASE("max pooling passes gradients back through a ReLU before it", "[ops][max_pool2d]", AllScalars) {
  using T = TestType;
  for (const PoolCase& pool : window_cases()) {
    CAPTURE(pool.x, pool.kernel, pool.stride, pool.padding);
    const MaxPool2dOptions options{pool.kernel, pool.stride, pool.padding};
    MaxPool2dOptions after_relu = options;
    after_relu.after_relu = true;
    // Most windows of 2 x 2 have a positive value, most single pixels do not.
    const auto before = random_elements<T>(pool.x, Rng(3));
    const auto x = result_of<T>(pool.x, [&](View<T, TestDevice> r) { relu_forward(on_device(before), r); });
    const auto [y, positions] = pooled(x, options);
    const auto [y_after_relu, positions_after_relu] = pooled(x, after_relu);
    CHECK(same_bits(y_after_relu, y));
    const auto dy = random_elements<T>(y.shape(), Rng(4));
    const auto of_relu = gradient(dy, positions, options, pool.x);
    const auto expected =
        result_of<T>(pool.x, [&](View<T, TestDevice> r) { relu_backward(on_device(x), on_device(of_relu), r); });
    CHECK(same_bits(gradient(dy, positions_after_relu, after_relu, pool.x), expected));
  }
}

TEST_CASE("max pooling takes the first of equal values and lets NaN through", "[ops][max_pool2d]") {
  const auto pool = [](const std::vector<float>& pixels) {
    return pooled(Tensor<float, Cpu>(Shape{1, 2, 2, 1}, pixels), {.kernel = 2});
  };
  const auto equal = pool({1, 3, 3, 3});
  CHECK(equal.y[0] == 3);
  CHECK(equal.positions[0] == 1);
  const float lowest = -std::numeric_limits<float>::infinity();
  const auto infinite = pool({lowest, lowest, lowest, lowest});
  CHECK(infinite.y[0] == lowest);
  CHECK(infinite.positions[0] == 0);
  for (std::size_t at = 0; at < 4; ++at) {
    std::vector<float> pixels{1, 2, 3, 4};
    pixels[at] = not_a_number;
    const auto missing = pool(pixels);
    CHECK(std::isnan(missing.y[0]));
    CHECK(missing.positions[0] == static_cast<std::int32_t>(at));
  }
}

TEST_CASE("max pooling refuses windows that cannot be", "[ops][max_pool2d]") {
  const Shape x{1, 4, 4, 2};
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 0}), ConfigError);
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 2, .stride = -1}), ConfigError);
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 3, .padding = 2}), ConfigError);
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 5}), ShapeError);
  Tensor<float, TestDevice> image(x), small(Shape{1, 2, 2, 1});
  CHECK_THROWS_AS(max_pool2d_forward(image, {.kernel = 2}, small.view(), {}), ShapeError);
}
