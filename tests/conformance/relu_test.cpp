#include <cmath>
#include <limits>

#include <fusiform/ops/relu.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEMPLATE_LIST_TEST_CASE("relu keeps what is positive", "[ops][relu]", AllScalars) {
  using T = TestType;
  for (const Index count : element_counts()) {
    CAPTURE(count);
    const auto x = random_elements<T>({count}, Rng(1)), dy = random_elements<T>({count}, Rng(2));
    const auto values = in_double(x);
    Tensor<T, Cpu> expected_y(x.shape()), expected_dx(x.shape());
    for (Index i = 0; i < count; ++i)
      if (values[i] > 0) {
        expected_y[i] = x[i];
        expected_dx[i] = dy[i];
      }
    const auto y = result_of<T>(x.shape(), [&](View<T, TestDevice> result) { relu_forward(on_device(x), result); });
    const auto dx = result_of<T>(
        x.shape(), [&](View<T, TestDevice> result) { relu_backward(on_device(y), on_device(dy), result); });
    CHECK(same_bits(y, expected_y));
    CHECK(same_bits(dx, expected_dx));
  }
}

TEST_CASE("relu at its corner, at NaN and at infinity", "[ops][relu]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values{0.F, std::numeric_limits<float>::quiet_NaN(), infinity, -infinity};
  const Tensor<float, Cpu> x(Shape{4}, values);
  Tensor<float, Cpu> dy(Shape{4});
  dy.fill(3);
  const auto y =
      result_of<float>(x.shape(), [&](View<float, TestDevice> result) { relu_forward(on_device(x), result); });
  CHECK(y[0] == 0);
  CHECK(std::isnan(y[1]));
  CHECK(y[2] == infinity);
  CHECK(y[3] == 0);
  const auto dx = result_of<float>(
      x.shape(), [&](View<float, TestDevice> result) { relu_backward(on_device(y), on_device(dy), result); });
  CHECK(dx[0] == 0);
  CHECK(dx[1] == 3);
  CHECK(dx[2] == 3);
  CHECK(dx[3] == 0);
}

TEST_CASE("relu refuses other shapes", "[ops][relu]") {
  Tensor<float, TestDevice> x(Shape{4}), other(Shape{2, 2});
  CHECK_THROWS_AS(relu_forward(x, other.view()), ShapeError);
}
