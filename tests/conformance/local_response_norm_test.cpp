#include <cmath>

#include <fusiform/ops/local_response_norm.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"
#include "tests/support/golden.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

template <class T>
Tensor<T, Cpu> normalized(const Tensor<T, Cpu>& x, const LocalResponseNormOptions& options) {
  const auto input = on_device(x);
  return result_of<T>(x.shape(), [&](View<T, TestDevice> y) { local_response_norm_forward(input, options, y); });
}

template <class T>
Tensor<T, Cpu> gradient(const Tensor<T, Cpu>& x, const Tensor<T, Cpu>& dy, const LocalResponseNormOptions& options) {
  const auto input = on_device(x), dy_on_device = on_device(dy);
  return result_of<T>(x.shape(),
                      [&](View<T, TestDevice> dx) { local_response_norm_backward(input, dy_on_device, options, dx); });
}

}  // namespace

TEST_CASE("local response norm agrees with PyTorch", "[ops][local_response_norm]") {
  const Goldens goldens;
  const auto read = [&](const std::string& name) { return goldens.tensor<float>("local_response_norm.0." + name); };
  const LocalResponseNormOptions options{.size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2};
  // Square roots here, a power there: a few roundings each.
  CHECK(difference(normalized(read("x"), options), read("y")).normalized < 1e-6);
  CHECK(difference(gradient(read("x"), read("dy"), options), read("dx")).normalized < 1e-6);
}

TEMPLATE_LIST_TEST_CASE("local response norm agrees with its definition", "[ops][local_response_norm]", AllScalars) {
  using T = TestType;
  auto cases = local_response_norm_cases();
  cases.push_back({{2, 3, 2300}, 5, 0.2, 0.75, 2});  // one pixel fills more than a block's usual share
  for (const NormCase& norm : cases) {
    CAPTURE(norm.x, norm.size, norm.beta);
    const LocalResponseNormOptions options{norm.size, norm.alpha, norm.beta, norm.k};
    const auto x_rounded = random_elements<T>(norm.x, Rng(1)), dy_rounded = random_elements<T>(norm.x, Rng(2));
    const auto x = in_double(x_rounded), dy = in_double(dy_rounded);
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
    // Rounding of double; about ten roundings of float.
    CHECK(difference(in_double(normalized(x_rounded, options)), expected_y).normalized < tolerance<T>(1e-14, 1e-6));
    CHECK(difference(in_double(gradient(x_rounded, dy_rounded, options)), expected_dx).normalized <
          tolerance<T>(1e-13, 2e-6));
  }
}

TEST_CASE("local response norm refuses an empty window", "[ops][local_response_norm]") {
  Tensor<float, TestDevice> x(Shape{1, 2, 2, 3}), y(x.shape());
  CHECK_THROWS_AS(local_response_norm_forward(x, {.size = 0}, y.view()), ConfigError);
}
