/// Max and average pooling against PyTorch and against a slow reference that visits windows one by one.

#include <limits>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/avg_pool2d.hpp>
#include <fusiform/ops/max_pool2d.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
const std::vector<PoolCase> golden_windows = {{{}, 2, 2, 0}, {{}, 3, 2, 0}, {{}, 3, 2, 1}, {{}, 3, 1, 1}};

/// And 2 x 2 windows, which have kernels of their own, where odd extents leave pixels outside and channels are less
/// than, more than or several of any vector.
std::vector<PoolCase> window_cases() {
  std::vector<PoolCase> cases = pool_cases();
  for (const Shape& x :
       {Shape{2, 9, 7, 20}, Shape{3, 5, 6, 33}, Shape{1, 6, 5, 64}, Shape{2, 3, 3, 1}, Shape{1, 40, 41, 48}})
    cases.push_back({x, 2, 2, 0});
  return cases;
}

/// Calls visit(n, c, output position, pixels of the window) for every window of every channel.
template <class Visit>
void for_each_window(const Shape& x, const PoolCase& pool, const Shape& y, const Visit& visit) {
  for (Index n = 0; n < x[0]; ++n)
    for (Index c = 0; c < x[3]; ++c)
      for (Index out = 0; out < y[1] * y[2]; ++out) {
        std::vector<Index> pixels;
        for (Index pixel = 0; pixel < x[1] * x[2]; ++pixel) {
          const Index row = pixel / x[2] - (out / y[2] * pool.stride - pool.padding);
          const Index column = pixel % x[2] - (out % y[2] * pool.stride - pool.padding);
          if (row >= 0 && row < pool.kernel && column >= 0 && column < pool.kernel) pixels.push_back(pixel);
        }
        visit(n, c, (n * y[1] * y[2] + out) * y[3] + c, pixels);
      }
}

}  // namespace

TEST_CASE("max pooling agrees with PyTorch", "[ops][max_pool2d]") {
  const Goldens goldens;
  for (std::size_t i = 0; i < golden_windows.size(); ++i) {
    const std::string name = text("max_pool2d.", i);
    CAPTURE(name);
    const MaxPool2dOptions options{golden_windows[i].kernel, golden_windows[i].stride, golden_windows[i].padding};
    const auto x = goldens.tensor<float>(name + ".x");
    Tensor<float, Cpu> y(max_pool2d_output_shape(x.shape(), options));
    Tensor<std::int32_t, Cpu> positions(y.shape());
    max_pool2d_forward(x, options, y.view(), positions.view());
    CHECK(same_bits(y, goldens.tensor<float>(name + ".y")));
    Tensor<float, Cpu> dx(x.shape());
    max_pool2d_backward(goldens.tensor<float>(name + ".dy"), positions, options, dx.view());
    // Sums of at most nine floats, possibly in another order than PyTorch's.
    CHECK(difference(dx, goldens.tensor<float>(name + ".dx")).normalized < 1e-6);
  }
}

TEST_CASE("max pooling agrees with a search of every window", "[ops][max_pool2d]") {
  for (const PoolCase& pool : window_cases()) {
    CAPTURE(pool.x, pool.kernel, pool.stride, pool.padding);
    const MaxPool2dOptions options{pool.kernel, pool.stride, pool.padding};
    const auto x = random_tensor<float>(pool.x, Rng(1));
    const Shape shape = max_pool2d_output_shape(pool.x, options);
    const auto dy = random_tensor<float>(shape, Rng(2));
    Tensor<float, Cpu> expected_y(shape);
    Tensor<std::int32_t, Cpu> expected_positions(shape);
    Tensor<double, Cpu> expected_dx(pool.x);
    for_each_window(pool.x, pool, shape, [&](Index n, Index c, Index out, const std::vector<Index>& pixels) {
      const auto value = [&](Index pixel) { return x[(n * pool.x[1] * pool.x[2] + pixel) * pool.x[3] + c]; };
      const Index best =
          *std::max_element(pixels.begin(), pixels.end(), [&](Index a, Index b) { return value(a) < value(b); });
      expected_y[out] = value(best);
      expected_positions[out] = static_cast<std::int32_t>(best);
      expected_dx[(n * pool.x[1] * pool.x[2] + best) * pool.x[3] + c] += static_cast<double>(dy[out]);
    });
    Tensor<float, Cpu> y(shape);
    Tensor<std::int32_t, Cpu> positions(shape);
    max_pool2d_forward(x, options, y.view(), positions.view());
    CHECK(same_bits(y, expected_y));
    CHECK(same_bits(positions, expected_positions));
    Tensor<float, Cpu> without(shape);
    max_pool2d_forward(x, options, without.view(), {});
    CHECK(same_bits(without, expected_y));
    Tensor<float, Cpu> dx(pool.x);
    dx.fill(not_a_number);
    max_pool2d_backward(dy, positions, options, dx.view());
    CHECK(difference(dx, expected_dx).normalized < 1e-6);  // at most nine floats per sum
  }
}

TEST_CASE("max pooling takes the first of equal values and lets NaN through", "[ops][max_pool2d]") {
  const MaxPool2dOptions options{.kernel = 2};
  Tensor<float, Cpu> y(Shape{1, 1, 1, 1});
  Tensor<std::int32_t, Cpu> position(Shape{1, 1, 1, 1});
  const auto pool = [&](std::vector<float> pixels) {
    max_pool2d_forward(Tensor<float, Cpu>(Shape{1, 2, 2, 1}, pixels), options, y.view(), position.view());
  };
  pool({1, 3, 3, 3});
  CHECK(y[0] == 3);
  CHECK(position[0] == 1);
  const float lowest = -std::numeric_limits<float>::infinity();
  pool({lowest, lowest, lowest, lowest});
  CHECK(y[0] == lowest);
  CHECK(position[0] == 0);
  for (std::size_t at = 0; at < 4; ++at) {
    std::vector<float> pixels{1, 2, 3, 4};
    pixels[at] = not_a_number;
    pool(pixels);
    CHECK(std::isnan(y[0]));
    CHECK(position[0] == static_cast<std::int32_t>(at));
  }
}

TEST_CASE("average pooling agrees with PyTorch", "[ops][avg_pool2d]") {
  const Goldens goldens;
  for (std::size_t i = 0; i < golden_windows.size(); ++i) {
    const std::string name = text("avg_pool2d.", i);
    CAPTURE(name);
    const AvgPool2dOptions options{
        .kernel = golden_windows[i].kernel, .stride = golden_windows[i].stride, .padding = golden_windows[i].padding};
    const auto x = goldens.tensor<float>(name + ".x");
    Tensor<float, Cpu> y(avg_pool2d_output_shape(x.shape(), options));
    avg_pool2d_forward(x, options, y.view());
    CHECK(difference(y, goldens.tensor<float>(name + ".y")).normalized < 1e-6);  // nine floats, any order
    Tensor<float, Cpu> dx(x.shape());
    avg_pool2d_backward(goldens.tensor<float>(name + ".dy"), options, dx.view());
    CHECK(difference(dx, goldens.tensor<float>(name + ".dx")).normalized < 1e-6);
  }
}

TEST_CASE("average pooling agrees with a sum over every window", "[ops][avg_pool2d]") {
  for (const PoolCase& pool : window_cases())
    for (const bool count_include_pad : {true, false}) {
      CAPTURE(pool.x, pool.kernel, pool.stride, pool.padding, count_include_pad);
      const AvgPool2dOptions options{pool.kernel, pool.stride, pool.padding, count_include_pad};
      const auto x = random_tensor<double>(pool.x, Rng(1));
      const Shape shape = avg_pool2d_output_shape(pool.x, options);
      const auto dy = random_tensor<double>(shape, Rng(2));
      Tensor<double, Cpu> expected_y(shape);
      Tensor<double, Cpu> expected_dx(pool.x);
      for_each_window(pool.x, pool, shape, [&](Index n, Index c, Index out, const std::vector<Index>& pixels) {
        const auto divisor =
            static_cast<double>(count_include_pad ? pool.kernel * pool.kernel : static_cast<Index>(pixels.size()));
        for (const Index pixel : pixels) {
          const Index at = (n * pool.x[1] * pool.x[2] + pixel) * pool.x[3] + c;
          expected_y[out] += x[at] / divisor;
          expected_dx[at] += dy[out] / divisor;
        }
      });
      Tensor<double, Cpu> y(shape);
      avg_pool2d_forward(x, options, y.view());
      CHECK(difference(y, expected_y).normalized < 1e-14);  // rounding of double, at most 16 terms
      Tensor<double, Cpu> dx(pool.x);
      dx.fill(not_a_number);
      avg_pool2d_backward(dy, options, dx.view());
      CHECK(difference(dx, expected_dx).normalized < 1e-14);
    }
}

TEST_CASE("global average pooling is average pooling with a window over everything", "[ops][avg_pool2d]") {
  for (const Shape& shape : {Shape{3, 7, 7, 65}, Shape{1, 1, 1, 1}, Shape{0, 3, 3, 4}, Shape{2, 40, 40, 200}}) {
    CAPTURE(shape);
    const AvgPool2dOptions options{.kernel = shape[1]};
    const auto x = random_tensor<double>(shape, Rng(3));
    const Shape small = global_avg_pool2d_output_shape(shape);
    const auto dy = random_tensor<double>(small, Rng(4));
    Tensor<double, Cpu> y(small), expected_y(small), dx(shape), expected_dx(shape);
    global_avg_pool2d_forward(x, y.view());
    avg_pool2d_forward(x, options, expected_y.view());
    CHECK(difference(y, expected_y).normalized < 1e-13);  // up to 1600 terms in double
    global_avg_pool2d_backward(dy, dx.view());
    avg_pool2d_backward(dy, options, expected_dx.view());
    CHECK(difference(dx, expected_dx).normalized < 1e-14);
    // float input: the sum itself runs in double, so one rounding at the end
    const auto single = converted<float>(x);
    Tensor<float, Cpu> mean(small);
    global_avg_pool2d_forward(single, mean.view());
    Tensor<double, Cpu> exact(small);
    global_avg_pool2d_forward(converted<double>(single), exact.view());
    CHECK(difference(mean, exact).normalized < 6e-8);
  }
}

TEST_CASE("pooling refuses windows that cannot be", "[ops][pool2d]") {
  const Shape x{1, 4, 4, 2};
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 0}), ConfigError);
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 2, .stride = -1}), ConfigError);
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 3, .padding = 2}), ConfigError);
  CHECK_THROWS_AS(max_pool2d_output_shape(x, {.kernel = 5}), ShapeError);
  CHECK_THROWS_AS(avg_pool2d_output_shape({4, 4}, {.kernel = 2}), ShapeError);
  CHECK_THROWS_AS(global_avg_pool2d_output_shape({2, 0, 3, 1}), ShapeError);
  Tensor<float, Cpu> image(x), small(Shape{1, 2, 2, 1});
  CHECK_THROWS_AS(avg_pool2d_forward(image, {.kernel = 2}, small.view()), ShapeError);
  CHECK_THROWS_AS(max_pool2d_forward(image, {.kernel = 2}, small.view(), {}), ShapeError);
}

TEST_CASE("pooling gives the same bits for any number of threads", "[ops][pool2d]") {
  const int threads = thread_count();
  const auto x = random_tensor<float>({5, 33, 31, 48}, Rng(5));
  const MaxPool2dOptions window{.kernel = 3, .stride = 2, .padding = 1};
  const AvgPool2dOptions average{.kernel = 3, .stride = 2, .padding = 1};
  const Shape shape = max_pool2d_output_shape(x.shape(), window);
  const auto run = [&](int count) {
    set_thread_count(count);
    std::vector<Tensor<float, Cpu>> results;
    Tensor<std::int32_t, Cpu> positions(shape);
    max_pool2d_forward(x, window, results.emplace_back(shape).view(), positions.view());
    avg_pool2d_forward(x, average, results.emplace_back(shape).view());
    const Tensor<float, Cpu> dy = results.back();
    max_pool2d_backward(dy, positions, window, results.emplace_back(x.shape()).view());
    avg_pool2d_backward(dy, average, results.emplace_back(x.shape()).view());
    global_avg_pool2d_forward(x, results.emplace_back(Shape{5, 1, 1, 48}).view());
    return results;
  };
  const auto one = run(1);
  const auto five = run(5);
  set_thread_count(threads);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], five[i]));
}

/// A batch whose gradient is stored past the caches, and its images one by one, whose gradients are not.
TEST_CASE("pooling gives an image the same bits in a large batch", "[ops][pool2d]") {
  const auto x = random_tensor<float>({19, 60, 60, 64}, Rng(6));
  for (const Index kernel : {2, 3}) {
    const MaxPool2dOptions window{.kernel = kernel, .stride = 2};
    const AvgPool2dOptions average{.kernel = kernel, .stride = 2};
    const Shape shape = max_pool2d_output_shape(x.shape(), window);
    Tensor<float, Cpu> largest(shape), mean(shape), from_largest(x.shape()), from_mean(x.shape());
    Tensor<std::int32_t, Cpu> positions(shape);
    max_pool2d_forward(x, window, largest.view(), positions.view());
    avg_pool2d_forward(x, average, mean.view());
    max_pool2d_backward(largest, positions, window, from_largest.view());
    avg_pool2d_backward(mean, average, from_mean.view());
    bool same = true;
    const auto compare = [&](const Tensor<float, Cpu>& image, const Tensor<float, Cpu>& batch, Index n) {
      same = same && same_bits(image, Tensor<float, Cpu>(image.shape(), batch.view().batch_range(n, 1).span()));
    };
    for (Index n = 0; n < x.shape()[0]; ++n) {
      Tensor<float, Cpu> y(shape.with_batch(1)), dx(x.shape().with_batch(1));
      Tensor<std::int32_t, Cpu> places(y.shape());
      max_pool2d_forward(x.view().batch_range(n, 1), window, y.view(), places.view());
      max_pool2d_backward(y, places, window, dx.view());
      compare(y, largest, n);
      compare(dx, from_largest, n);
      avg_pool2d_forward(x.view().batch_range(n, 1), average, y.view());
      avg_pool2d_backward(y, average, dx.view());
      compare(y, mean, n);
      compare(dx, from_mean, n);
    }
    CHECK(same);
  }
}
