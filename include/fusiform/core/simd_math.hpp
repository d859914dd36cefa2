#pragma once
/// The exponential function and wider sums for vectors.

#include <iterator>

#include <fusiform/core/simd.hpp>

namespace fusiform::simd {

/// Integers as wide and as many as the lanes of a vector of T.
template <Scalar T>
using Integers = decltype(Vector<T>{} < Vector<T>{});

/// Vectors of double that a vector of T becomes.
template <Scalar T>
inline constexpr int double_parts = static_cast<int>(sizeof(double) / sizeof(T));

/// Part `part` of a vector, in double.
template <Scalar T, int part>
[[nodiscard]] FUSIFORM_INLINE Vector<double> widened(Vector<T> vector) noexcept {
  if constexpr (double_parts<T> == 1) {
    return vector;
  } else {
    const auto lanes_of_part = [&]<int... lane>(std::integer_sequence<int, lane...>) __attribute__((always_inline)) {
      return shuffled<(part * lanes<double> + lane)...>(vector, vector);
    };
    const auto half = lanes_of_part(std::make_integer_sequence<int, lanes<double>>{});
#if defined(__AVX512F__) && !defined(__clang__)
    // g++ 12 converts in two pieces and puts them together again. 4: rounding as set.
    return __builtin_ia32_cvtps2pd512_mask(half, Vector<double>{}, -1, 4);
#else
    return __builtin_convertvector(half, Vector<double>);
#endif
  }
}

template <Scalar T>
struct ExpConstants;

/// Polynomial: the minimax one of Cephes' expf (S. Moshier, netlib.org/cephes).
template <>
struct ExpConstants<float> {
  static constexpr float log2_e = 1.44269504088896341F;
  static constexpr float ln2_high = 0.693359375F;  ///< 9 bits: times an exponent it is exact
  static constexpr float ln2_low = -2.12194440e-4F;
  static constexpr float round = 0x1.8p23F;  ///< added, leaves the nearest integer in the last bits
  static constexpr float lowest = -104;      ///< below, exp is 0
  static constexpr float highest = 89;       ///< above, infinite
  static constexpr int mantissa_bits = 23;
  static constexpr int exponent_bias = 127;
  static constexpr float polynomial[] = {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F,
                                         4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F};
};

/// Polynomial: Taylor's, whose rest is below 1e-17 for |r| <= ln(2) / 2.
template <>
struct ExpConstants<double> {
  static constexpr double log2_e = 1.44269504088896340736;
  static constexpr double ln2_high = 6.93147180369123816490e-01;  ///< 33 bits
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr double round = 0x1.8p52;
  static constexpr double lowest = -746;
  static constexpr double highest = 710;
  static constexpr int mantissa_bits = 52;
  static constexpr int exponent_bias = 1023;
  static constexpr double polynomial[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                          1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                          1.0 / 120,        1.0 / 24,        1.0 / 6,        1.0 / 2};
};

/// e^x lane by lane, at most 2 units in the last place off, where the result is a normal number. 0 and infinity where
/// e^x is too small or too large; NaN stays NaN.
template <Scalar T>
[[nodiscard]] FUSIFORM_INLINE Vector<T> exp(Vector<T> x) noexcept {
  using Constants = ExpConstants<T>;
  Vector<T> clamped = x < Constants::lowest ? broadcast(Constants::lowest) : x;
  clamped = clamped > Constants::highest ? broadcast(Constants::highest) : clamped;
  // x = n ln(2) + r
  const Vector<T> shifted = clamped * Constants::log2_e + Constants::round;
  const Vector<T> n = shifted - Constants::round;
  const Vector<T> r = (clamped - n * Constants::ln2_high) - n * Constants::ln2_low;
  Vector<T> p = broadcast(Constants::polynomial[0]);
  for (std::size_t i = 1; i < std::size(Constants::polynomial); ++i) p = p * r + Constants::polynomial[i];
  p = p * (r * r) + r + T{1};
  // times 2^n, in two factors: one alone cannot reach the smallest and the largest results.
  const Vector<T> round = broadcast(Constants::round);
  Integers<T> exponent;
  Integers<T> zero;
  __builtin_memcpy(&exponent, &shifted, sizeof(exponent));
  __builtin_memcpy(&zero, &round, sizeof(zero));
  exponent -= zero;
  const Integers<T> half = exponent >> 1;
  const Integers<T> first = (half + Constants::exponent_bias) << Constants::mantissa_bits;
  const Integers<T> second = (exponent - half + Constants::exponent_bias) << Constants::mantissa_bits;
  Vector<T> first_factor;
  Vector<T> second_factor;
  __builtin_memcpy(&first_factor, &first, sizeof(first));
  __builtin_memcpy(&second_factor, &second, sizeof(second));
  return p * first_factor * second_factor;
}

}  // namespace fusiform::simd
