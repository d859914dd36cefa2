#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/core/simd_math.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

/// exp of one number, in some lane; the others hold numbers that must not matter.
template <class T>
T exp_in_lane(T x, int lane) {
  simd::Vector<T> vector = simd::broadcast(T{-700});
  vector[lane] = x;
  return simd::exp<T>(vector)[lane];
}

/// Distance to the exact value in units in the last place of it. The exact value comes from a wider type.
template <class T, class Wide>
double distance_in_units(T got, Wide exact) {
  const T rounded = static_cast<T>(exact);
  const T unit = std::nextafter(rounded, std::numeric_limits<T>::infinity()) - rounded;
  return static_cast<double>(std::abs(static_cast<Wide>(got) - exact) / static_cast<Wide>(unit));
}

}  // namespace

TEST_CASE("exp of vectors is within two units in the last place", "[core][simd]") {
  Rng rng(1);
  double worst_float = 0;
  double worst_double = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto x = static_cast<float>(rng.uniform(-87, 88));
    worst_float = std::max(worst_float,
                           distance_in_units(exp_in_lane(x, i % simd::lanes<float>), std::exp(static_cast<double>(x))));
    const double y = i % 2 == 0 ? rng.uniform(-708, 709) : rng.uniform(-1, 1);
    worst_double = std::max(worst_double, distance_in_units(exp_in_lane(y, i % simd::lanes<double>),
                                                            std::exp(static_cast<long double>(y))));
  }
  CHECK(worst_float < 2);
  CHECK(worst_double < 2);
}

TEMPLATE_TEST_CASE("exp of vectors at the ends of its range", "[core][simd]", float, double) {
  using T = TestType;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  CHECK(exp_in_lane<T>(0, 0) == 1);
  CHECK(exp_in_lane<T>(-T{0}, 0) == 1);
  CHECK(exp_in_lane<T>(-infinity, 0) == 0);
  CHECK(exp_in_lane<T>(std::numeric_limits<T>::lowest(), 0) == 0);
  CHECK(exp_in_lane<T>(infinity, 0) == infinity);
  CHECK(exp_in_lane<T>(std::numeric_limits<T>::max(), 0) == infinity);
  CHECK(std::isnan(exp_in_lane<T>(std::numeric_limits<T>::quiet_NaN(), 0)));
  // Subnormal results: within two steps of the smallest positive number.
  const T small = std::log(std::numeric_limits<T>::min()) - 3;
  CHECK(std::abs(exp_in_lane<T>(small, 0) - std::exp(small)) <= 2 * std::numeric_limits<T>::denorm_min());
}

TEST_CASE("widened parts of a vector are its numbers in order", "[core][simd]") {
  simd::Vector<float> vector;
  for (int i = 0; i < simd::lanes<float>; ++i) vector[i] = static_cast<float>(i) + 0.5F;
  const simd::Vector<double> first = simd::widened<float, 0>(vector);
  const simd::Vector<double> second = simd::widened<float, 1>(vector);
  for (int i = 0; i < simd::lanes<double>; ++i) {
    CHECK(first[i] == i + 0.5);
    CHECK(second[i] == i + simd::lanes<double> + 0.5);
  }
}
