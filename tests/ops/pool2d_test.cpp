/// Pooling in several threads, and past the caches.

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/avg_pool2d.hpp>
#include <fusiform/ops/max_pool2d.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

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
