/// Starting weights: their distribution, and that threads and sizes do not change them.

#include <cmath>
#include <cstring>
#include <numbers>

#include <fusiform/layers/initializer.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

TEST_CASE("weights are normal with the deviation asked for") {
  // Bounds are five standard errors of each estimate for n independent normals: the variances of z, z^2, z^3 and z^4
  // are 1, 2, 15 and 96. The moments of products with the element one to four places on are 0 and 1.
  const Index n = 400'000;
  Tensor<double, Cpu> weights({n});
  const double deviation = 0.03;
  normal(weights, deviation, Rng(11));
  const auto z = [&](Index i) { return weights.data()[i % n] / deviation; };
  double first = 0;
  double second = 0;
  double third = 0;
  double fourth = 0;
  for (Index i = 0; i < n; ++i) {
    first += z(i);
    second += z(i) * z(i);
    third += z(i) * z(i) * z(i);
    fourth += z(i) * z(i) * z(i) * z(i);
  }
  const auto standard_error = [](double variance) { return std::sqrt(variance / static_cast<double>(n)); };
  CHECK(std::abs(first / n) < 5 * standard_error(1));
  CHECK(std::abs(second / n - 1) < 5 * standard_error(2));
  CHECK(std::abs(third / n) < 5 * standard_error(15));
  CHECK(std::abs(fourth / n - 3) < 5 * standard_error(96));
  for (Index distance = 1; distance <= 4; ++distance) {
    double products = 0;
    double squares = 0;
    for (Index i = 0; i < n; ++i) {
      products += z(i) * z(i + distance);
      squares += z(i) * z(i) * z(i + distance) * z(i + distance);
    }
    CAPTURE(distance);
    CHECK(std::abs(products / n) < 5 * standard_error(1));
    // Neighbours share z^2: by the variance of z^2 w^2 (8) and the covariance of consecutive terms (2 each side).
    CHECK(std::abs(squares / n - 1) < 5 * standard_error(12));
  }
}

TEST_CASE("the quantiles of weights are those of the normal distribution") {
  const Index n = 400'000;
  Tensor<float, Cpu> weights({n});
  normal(weights, 1.0, Rng(12));
  for (const double bound : {-3.0, -2.0, -1.0, -0.1, 0.0, 0.5, 1.5, 2.5, 3.5}) {
    Index below = 0;
    for (const float weight : weights.span()) below += weight < bound ? 1 : 0;
    const double p = 0.5 * std::erfc(-bound / std::numbers::sqrt2);
    CAPTURE(bound);
    CHECK(std::abs(static_cast<double>(below) / n - p) < 5 * std::sqrt(p * (1 - p) / n));
  }
}

TEST_CASE("weights do not depend on the number of threads") {
  const Index n = 200'003;  // several pieces, and a last block that is not full
  Tensor<float, Cpu> reference({n});
  {
    const test::ThreadCount guard(1);
    normal(reference, 0.5, Rng(13));
  }
  for (const int threads : {2, 3, 8}) {
    const test::ThreadCount guard(threads);
    Tensor<float, Cpu> weights({n});
    normal(weights, 0.5, Rng(13));
    CHECK(std::memcmp(weights.data(), reference.data(), static_cast<std::size_t>(n) * sizeof(float)) == 0);
  }
}

TEST_CASE("a weight depends on its place only") {
  Tensor<float, Cpu> large({1000});
  normal(large, 1.0, Rng(14));
  for (const Index size : {0, 1, 2, 3, 4, 5, 999}) {
    Tensor<float, Cpu> small({size});
    normal(small, 1.0, Rng(14));
    for (Index i = 0; i < size; ++i) REQUIRE(small.data()[i] == large.data()[i]);
  }
  Tensor<float, Cpu> other({1000});
  normal(other, 1.0, Rng(15));
  for (Index i = 0; i < 1000; ++i) REQUIRE(other.data()[i] != large.data()[i]);
}

TEST_CASE("filters start with the variance 2 / fan_out") {
  Tensor<double, Cpu> filters({64, 3, 5, 40});
  kaiming_normal_fan_out(filters, Rng(16));
  double squares = 0;
  for (const double weight : filters.span()) squares += weight * weight;
  const auto n = static_cast<double>(filters.size());
  const double expected = 2.0 / (64 * 3 * 5);
  CHECK(std::abs(squares / n / expected - 1) < 5 * std::sqrt(2.0 / n));
  Tensor<double, Cpu> matrix({4, 5});
  CHECK_THROWS_AS(kaiming_normal_fan_out(matrix, Rng(16)), ShapeError);
}
