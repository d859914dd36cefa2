#include <cmath>

#include <fusiform/ops/dropout.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

template <class T>
struct Dropped {
  Tensor<T, Cpu> y;
  Tensor<std::int32_t, Cpu> mask;
};

template <class T>
Dropped<T> dropped(const Tensor<T, Cpu>& x, double probability, const Rng& rng) {
  const Tensor<T, TestDevice> input = on_device(x);
  const Shape mask_shape = dropout_mask_shape(x.shape());
  return {result_of<T>(x.shape(),
                       [&](View<T, TestDevice> result) {
                         Tensor<std::int32_t, TestDevice> mask(mask_shape);
                         dropout_forward(input, probability, rng, result, mask.view());
                       }),
          result_of<std::int32_t>(mask_shape, [&](View<std::int32_t, TestDevice> mask) {
            Tensor<T, TestDevice> y(x.shape());
            dropout_forward(input, probability, rng, y.view(), mask);
          })};
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("dropout draws one word of the stream per element", "[ops][dropout]", AllScalars) {
  using T = TestType;
  const Rng rng = Rng(7).stream("dropout");
  for (const Index count : element_counts())
    for (const double probability : {0.0, 0.25, 0.5, 1.0}) {
      CAPTURE(count, probability);
      const auto x = random_elements<T>({count}, Rng(1)), dy = random_elements<T>({count}, Rng(2));
      const auto [y, mask] = dropped(x, probability, rng);
      const auto mask_on_device = on_device(mask);
      const auto dx = result_of<T>(x.shape(), [&](View<T, TestDevice> result) {
        dropout_backward(on_device(dy), mask_on_device, probability, result);
      });
      Tensor<std::int32_t, Cpu> expected_mask(mask.shape());
      auto expected_y = in_double(x), expected_dx = in_double(dy);
      const auto scale = static_cast<double>(static_cast<Master<T>>(1 / (1 - probability)));
      for (Index i = 0; i < (count + 31) / 32 * 32; ++i) {
        const bool kept = rng.word_at(static_cast<std::uint64_t>(i)) / 4294967296.0 >= probability;
        if (kept)
          expected_mask[i / 32] |= static_cast<std::int32_t>(std::uint32_t{1} << static_cast<std::uint32_t>(i % 32));
        if (i >= count) continue;
        expected_y[i] = kept ? expected_y[i] * scale : 0;
        expected_dx[i] = kept ? expected_dx[i] * scale : 0;
      }
      CHECK(same_bits(mask, expected_mask));
      CHECK(same_bits(y, in_scalar<T>(expected_y)));  // one product, rounded once
      CHECK(same_bits(dx, in_scalar<T>(expected_dx)));
    }
}

TEST_CASE("dropout refuses what is no probability, and masks of another size", "[ops][dropout]") {
  const Rng rng(7);
  Tensor<float, TestDevice> x(Shape{40});
  Tensor<std::int32_t, TestDevice> mask(Shape{2}), small(Shape{1});
  CHECK_THROWS_AS(dropout_forward(x, 1.5, rng, x.view(), mask.view()), ConfigError);
  CHECK_THROWS_AS(dropout_forward(x, 0.5, rng, x.view(), small.view()), ShapeError);
}

TEST_CASE("dropout drops the share it is told to", "[ops][dropout]") {
  Tensor<float, Cpu> x(Shape{200000});
  x.fill(1);
  for (const double probability : {0.1, 0.5, 0.8}) {
    const auto y = dropped(x, probability, Rng(3)).y;
    double sum = 0;
    for (const float value : y.span()) sum += static_cast<double>(value);
    // Mean 1, standard error sqrt(p / (1 - p) / 200000) <= 0.0045; five of them.
    CHECK(std::abs(sum / 200000 - 1) < 5 * std::sqrt(probability / (1 - probability) / 200000));
  }
}
