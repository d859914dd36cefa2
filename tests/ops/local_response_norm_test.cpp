#include <cmath>

#include <fusiform/ops/local_response_norm.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEST_CASE("local response norm agrees with PyTorch", "[ops][local_response_norm]") {
  const Goldens goldens;
  const auto read = [&](const std::string& name) { return goldens.tensor<float>("local_response_norm.0." + name); };
  const LocalResponseNormOptions options{.size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2};
  const auto x = read("x");
  Tensor<float, Cpu> y(x.shape()), dx(x.shape());
  local_response_norm_forward(x, options, y.view());
  local_response_norm_backward(x, read("dy"), options, dx.view());
  // Square roots here, a power there: a few roundings each.
  CHECK(difference(y, read("y")).normalized < 1e-6);
  CHECK(difference(dx, read("dx")).normalized < 1e-6);
}

TEST_CASE("local response norm agrees with its definition", "[ops][local_response_norm]") {
  for (const NormCase& norm : local_response_norm_cases()) {
    CAPTURE(norm.x, norm.size, norm.beta);
    const LocalResponseNormOptions options{norm.size, norm.alpha, norm.beta, norm.k};
    const auto x = random_tensor<double>(norm.x, Rng(1)), dy = random_tensor<double>(norm.x, Rng(2));
    Tensor<double, Cpu> expected_y(norm.x), expected_dx(norm.x);
    const Index channels = norm.x.channels();
    const double rate = norm.alpha / static_cast<double>(norm.size);
    for (Index pixel = 0; pixel < x.size(); pixel += channels)
      for (Index c = 0; c < channels; ++c) {
        const Index first = std::max<Index>(0, c - norm.size / 2);
        const Index last = std::min(channels - 1, c + (norm.size - 1) / 2);
        double s = norm.k;
        for (Index j = first; j <= last; ++j) s += rate * x[pixel + j] * x[pixel + j];
        expected_y[pixel + c] = x[pixel + c] * std::pow(s, -norm.beta);
        // y_c's share in every gradient, by the product rule
        expected_dx[pixel + c] += dy[pixel + c] * std::pow(s, -norm.beta);
        for (Index j = first; j <= last; ++j)
          expected_dx[pixel + j] +=
              dy[pixel + c] * x[pixel + c] * -norm.beta * std::pow(s, -norm.beta - 1) * 2 * rate * x[pixel + j];
      }
    Tensor<double, Cpu> y(norm.x), dx(norm.x);
    local_response_norm_forward(x, options, y.view());
    local_response_norm_backward(x, dy, options, dx.view());
    CHECK(difference(y, expected_y).normalized < 1e-14);  // rounding of double
    CHECK(difference(dx, expected_dx).normalized < 1e-13);
    Tensor<float, Cpu> single_y(norm.x), single_dx(norm.x);
    local_response_norm_forward(converted<float>(x), options, single_y.view());
    local_response_norm_backward(converted<float>(x), converted<float>(dy), options, single_dx.view());
    CHECK(difference(single_y, expected_y).normalized < 1e-6);  // about ten roundings of float
    CHECK(difference(single_dx, expected_dx).normalized < 2e-6);
  }
}

TEST_CASE("local response norm refuses an empty window", "[ops][local_response_norm]") {
  Tensor<float, Cpu> x(Shape{1, 2, 2, 3}), y(x.shape());
  CHECK_THROWS_AS(local_response_norm_forward(x, {.size = 0}, y.view()), ConfigError);
}
