/// Add, copy, fill, dropout and the masking of channels.

#include <cmath>
#include <limits>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/add.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/dropout.hpp>
#include <fusiform/ops/fill.hpp>
#include <fusiform/ops/mask_channels.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEST_CASE("add sums from left to right", "[ops][add]") {
  for (const Index count : element_counts()) {
    std::vector<Tensor<float, Cpu>> summands;
    for (std::uint64_t i = 0; i < 4; ++i) summands.push_back(random_tensor<float>({count}, Rng(i)));
    const std::vector<View<const float, Cpu>> views(summands.begin(), summands.end());
    for (const std::size_t used : {2U, 3U, 4U}) {
      Tensor<float, Cpu> y(Shape{count}), expected(Shape{count});
      add(std::span(views).first(used), y.view());
      for (Index i = 0; i < count; ++i) {
        expected[i] = summands[0][i];
        for (std::size_t k = 1; k < used; ++k) expected[i] += summands[k][i];
      }
      CHECK(same_bits(y, expected));
    }
    Tensor<float, Cpu> y(Shape{count});
    CHECK_THROWS_AS(add(std::span(views).first(1), y.view()), ShapeError);
  }
  Tensor<float, Cpu> a(Shape{2, 3}), b(Shape{3, 2});
  CHECK_THROWS_AS(add(a, b, a.view()), ShapeError);
}

TEST_CASE("copy and fill reach every element", "[ops][copy]") {
  for (const Index count : element_counts()) {
    const auto x = random_tensor<float>({count}, Rng(1));
    Tensor<float, Cpu> y(Shape{1, count});
    copy(x, y.view());
    CHECK(difference(std::span<const float>(y.span()), x.span()).absolute == 0);
    fill(2.5F, y.view());
    CHECK(std::count(y.span().begin(), y.span().end(), 2.5F) == count);
  }
  const Tensor<float, Cpu> x(Shape{3});
  Tensor<float, Cpu> y(Shape{4});
  CHECK_THROWS_AS(copy(x, y.view()), ShapeError);
}

TEST_CASE("dropout draws one word of the stream per element", "[ops][dropout]") {
  const Rng rng = Rng(7).stream("dropout");
  for (const Index count : element_counts())
    for (const double probability : {0.0, 0.25, 0.5, 1.0}) {
      CAPTURE(count, probability);
      const auto x = random_tensor<float>({count}, Rng(1)), dy = random_tensor<float>({count}, Rng(2));
      Tensor<float, Cpu> y(x.shape()), dx(x.shape()), expected_y(x.shape()), expected_dx(x.shape());
      Tensor<std::int32_t, Cpu> mask(dropout_mask_shape(x.shape()));
      dropout_forward(x, probability, rng, y.view(), mask.view());
      dropout_backward(dy, mask, probability, dx.view());
      const auto scale = static_cast<float>(1 / (1 - probability));
      for (Index i = 0; i < count; ++i) {
        const double uniform = rng.word_at(static_cast<std::uint64_t>(i)) / 4294967296.0;
        if (uniform >= probability) {
          expected_y[i] = x[i] * scale;
          expected_dx[i] = dy[i] * scale;
        }
      }
      CHECK(same_bits(y, expected_y));
      CHECK(same_bits(dx, expected_dx));
    }
  Tensor<float, Cpu> x(Shape{40});
  Tensor<std::int32_t, Cpu> mask(Shape{2}), small(Shape{1});
  CHECK_THROWS_AS(dropout_forward(x, 1.5, rng, x.view(), mask.view()), ConfigError);
  CHECK_THROWS_AS(dropout_forward(x, 0.5, rng, x.view(), small.view()), ShapeError);
}

TEST_CASE("dropout drops the share it is told to", "[ops][dropout]") {
  Tensor<float, Cpu> x(Shape{200000}), y(x.shape());
  x.fill(1);
  Tensor<std::int32_t, Cpu> mask(dropout_mask_shape(x.shape()));
  for (const double probability : {0.1, 0.5, 0.8}) {
    dropout_forward(x, probability, Rng(3), y.view(), mask.view());
    double sum = 0;
    for (const float value : y.span()) sum += static_cast<double>(value);
    // Mean 1, standard error sqrt(p / (1 - p) / 200000) <= 0.0045; five of them.
    CHECK(std::abs(sum / 200000 - 1) < 5 * std::sqrt(probability / (1 - probability) / 200000));
  }
}

TEST_CASE("elementwise operations give the same bits for any number of threads", "[ops][dropout]") {
  const int threads = thread_count();
  const auto x = random_tensor<float>({200001}, Rng(1));
  const auto run = [&](int count) {
    set_thread_count(count);
    Tensor<float, Cpu> dropped(x.shape()), rectified(x.shape());
    Tensor<std::int32_t, Cpu> mask(dropout_mask_shape(x.shape()));
    dropout_forward(x, 0.5, Rng(3), dropped.view(), mask.view());
    relu_forward(dropped, rectified.view());
    return rectified;
  };
  const auto one = run(1), five = run(5);
  set_thread_count(threads);
  CHECK(same_bits(one, five));
}

TEST_CASE("channels are zeroed, scaled and copied everywhere and nowhere else", "[ops][mask_channels]") {
  for (const Shape& shape : channel_shapes()) {
    CAPTURE(shape);
    const Index last = shape.channels() - 1;
    const std::vector<Index> channels = last == 0 ? std::vector<Index>{0} : std::vector<Index>{last, 0};
    const auto x = random_tensor<float>(shape, Rng(1));
    const auto other = random_tensor<float>(shape, Rng(2));
    const auto image = random_tensor<float>(shape.without_batch(), Rng(3));
    Tensor<float, Cpu> zeroed = x, scaled = x, copied = x, repeated = x;
    zero_channels(zeroed.view(), channels);
    scale_channels(scaled.view(), channels, 0.5F);
    copy_channels(other, channels, copied.view());
    copy_channels(image, channels, repeated.view());
    Tensor<float, Cpu> expected_zeroed = x, expected_scaled = x, expected_copied = x, expected_repeated = x;
    for (Index i = 0; i < x.size(); ++i) {
      const Index c = i % shape.channels();
      if (c != 0 && c != last) continue;
      expected_zeroed[i] = 0;
      expected_scaled[i] = x[i] / 2;
      expected_copied[i] = other[i];
      expected_repeated[i] = image[i - i / image.size() * image.size()];
    }
    CHECK(same_bits(zeroed, expected_zeroed));
    CHECK(same_bits(scaled, expected_scaled));
    CHECK(same_bits(copied, expected_copied));
    CHECK(same_bits(repeated, expected_repeated));
    Tensor<float, Cpu> untouched = x;
    zero_channels(untouched.view(), std::vector<Index>{});
    CHECK(same_bits(untouched, x));
  }
  Tensor<float, Cpu> x(Shape{2, 3});
  x.fill(std::numeric_limits<float>::quiet_NaN());
  zero_channels(x.view(), std::vector<Index>{1});
  CHECK(x[1] == 0);
  CHECK_THROWS_AS(zero_channels(x.view(), std::vector<Index>{3}), ShapeError);
  CHECK_THROWS_AS(zero_channels(x.view(), std::vector<Index>{-1}), ShapeError);
  const Tensor<float, Cpu> other(Shape{1, 3});
  CHECK_THROWS_AS(copy_channels(other, std::vector<Index>{0}, x.view()), ShapeError);
  CHECK_THROWS_AS(copy_channels(x, std::vector<Index>{3}, x.view()), ShapeError);
}
