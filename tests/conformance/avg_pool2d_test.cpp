/// Average pooling against PyTorch and against a sum over every window.

#include <fusiform/ops/avg_pool2d.hpp>

#include "tests/conformance/pool_windows.hpp"
#include "tests/support/golden.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

template <class T>
Tensor<T, Cpu> pooled(const Tensor<T, Cpu>& x, const AvgPool2dOptions& options) {
  const auto input = on_device(x);
  return result_of<T>(avg_pool2d_output_shape(x.shape(), options),
                      [&](View<T, TestDevice> y) { avg_pool2d_forward(input, options, y); });
}

template <class T>
Tensor<T, Cpu> gradient(const Tensor<T, Cpu>& dy, const AvgPool2dOptions& options, const Shape& x) {
  const auto dy_on_device = on_device(dy);
  return result_of<T>(x, [&](View<T, TestDevice> dx) { avg_pool2d_backward(dy_on_device, options, dx); });
}

}  // namespace

TEST_CASE("average pooling agrees with PyTorch", "[ops][avg_pool2d]") {
  const Goldens goldens;
  for (std::size_t i = 0; i < golden_windows().size(); ++i) {
    const std::string name = text("avg_pool2d.", i);
    CAPTURE(name);
    const PoolCase window = golden_windows()[i];
    const AvgPool2dOptions options{.kernel = window.kernel, .stride = window.stride, .padding = window.padding};
    const auto x = goldens.tensor<float>(name + ".x");
    // Nine floats, in any order.
    CHECK(difference(pooled(x, options), goldens.tensor<float>(name + ".y")).normalized < 1e-6);
    const auto dx = gradient(goldens.tensor<float>(name + ".dy"), options, x.shape());
    CHECK(difference(dx, goldens.tensor<float>(name + ".dx")).normalized < 1e-6);
  }
}

TEMPLATE_LIST_TEST_CASE("average pooling agrees with a sum over every window", "[ops][avg_pool2d]", AllScalars) {
  using T = TestType;
  for (const PoolCase& pool : window_cases())
    for (const bool count_include_pad : {true, false}) {
      if (!count_include_pad && pool.padding == 0) continue;  // the same
      CAPTURE(pool.x, pool.kernel, pool.stride, pool.padding, count_include_pad);
      const AvgPool2dOptions options{pool.kernel, pool.stride, pool.padding, count_include_pad};
      const auto x = random_elements<T>(pool.x, Rng(1));
      const auto values = in_double(x);
      const Shape shape = avg_pool2d_output_shape(pool.x, options);
      const auto dy = random_elements<T>(shape, Rng(2));
      const auto gradients = in_double(dy);
      Tensor<double, Cpu> expected_y(shape);
      Tensor<double, Cpu> expected_dx(pool.x);
      for_each_window(pool.x, pool, shape, [&](Index n, Index c, Index out, const std::vector<Index>& pixels) {
        const auto divisor =
            static_cast<double>(count_include_pad ? pool.kernel * pool.kernel : static_cast<Index>(pixels.size()));
        for (const Index pixel : pixels) {
          const Index at = (n * pool.x[1] * pool.x[2] + pixel) * pool.x[3] + c;
          expected_y[out] += values[at] / divisor;
          expected_dx[at] += gradients[out] / divisor;
        }
      });
      // Rounding of at most 16 terms.
      CHECK(difference(in_double(pooled(x, options)), expected_y).normalized < tolerance<T>(1e-14, 1e-6));
      CHECK(difference(in_double(gradient(dy, options, pool.x)), expected_dx).normalized < tolerance<T>(1e-14, 1e-6));
    }
}

TEMPLATE_LIST_TEST_CASE("global average pooling is the mean of all pixels", "[ops][avg_pool2d]", AllScalars) {
  using T = TestType;
  for (const Shape& shape : {Shape{2, 5, 7, 3}, Shape{1, 1, 1, 1}, Shape{0, 4, 4, 3}, Shape{3, 40, 40, 2},
                             Shape{2, 7, 7, 130}, Shape{5, 7, 7, 64}, Shape{2, 3, 1, 264}, Shape{2, 40, 40, 200}}) {
    CAPTURE(shape);
    const Shape small{shape[0], 1, 1, shape[3]};
    const Index pixels = shape[1] * shape[2], channels = shape[3];
    const auto x = random_elements<T>(shape, Rng(1)), dy = random_elements<T>(small, Rng(2));
    const auto values = in_double(x), gradients = in_double(dy);
    Tensor<double, Cpu> expected_y(small), expected_dx(shape);
    for (Index i = 0; i < x.size(); ++i) {
      const Index at = i / (pixels * channels) * channels + i % channels;
      expected_y[at] += values[i] / static_cast<double>(pixels);
      expected_dx[i] = gradients[at] / static_cast<double>(pixels);
    }
    const auto x_on_device = on_device(x), dy_on_device = on_device(dy);
    const auto y =
        result_of<T>(small, [&](View<T, TestDevice> result) { global_avg_pool2d_forward(x_on_device, result); });
    const auto dx =
        result_of<T>(shape, [&](View<T, TestDevice> result) { global_avg_pool2d_backward(dy_on_device, result); });
    // Up to 1600 terms in double. Floats are summed in double, by sixteens at most in float before: hardly more than
    // the rounding of the mean.
    CHECK(difference(in_double(y), expected_y).normalized < tolerance<T>(1e-13, 1e-7));
    CHECK(difference(in_double(dx), expected_dx).normalized < tolerance<T>(1e-14, 2e-7));
  }
}

TEST_CASE("average pooling refuses windows that cannot be", "[ops][avg_pool2d]") {
  CHECK_THROWS_AS(avg_pool2d_output_shape({4, 4}, {.kernel = 2}), ShapeError);
  CHECK_THROWS_AS(global_avg_pool2d_output_shape({2, 0, 3, 1}), ShapeError);
  Tensor<float, TestDevice> image(Shape{1, 4, 4, 2}), small(Shape{1, 2, 2, 1});
  CHECK_THROWS_AS(avg_pool2d_forward(image, {.kernel = 2}, small.view()), ShapeError);
}
