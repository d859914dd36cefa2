#pragma once
/// How far a result is from what was expected.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
#include <span>
#include <type_traits>

#include <fusiform/core/tensor.hpp>

namespace fusiform::test {

struct Difference {
  double absolute = 0;    ///< the largest
  double normalized = 0;  ///< root of the summed squares, over that of what was expected

  friend std::ostream& operator<<(std::ostream& out, const Difference& d) {
    return out << "absolute " << d.absolute << ", normalized " << d.normalized;
  }
};

/// Infinite if the sizes differ or a number is missing on one side only (NaN against NaN agrees).
template <class T, class U>
[[nodiscard]] Difference difference(std::span<const T> got, std::span<const U> expected) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (got.size() != expected.size()) return {infinity, infinity};
  Difference result;
  double squares = 0;
  double norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto a = static_cast<double>(got[i]);
    const auto b = static_cast<double>(expected[i]);
    if (a == b || (std::isnan(a) && std::isnan(b))) {
      norm += std::isfinite(b) ? b * b : 0;
      continue;
    }
    const double distance = std::isfinite(a - b) ? std::abs(a - b) : infinity;
    result.absolute = std::max(result.absolute, distance);
    squares += distance * distance;
    norm += b * b;
  }
  result.normalized = squares == 0 ? 0 : std::sqrt(squares / norm);
  return result;
}

template <class T, class U>
[[nodiscard]] Difference difference(const Tensor<T, Cpu>& got, const Tensor<U, Cpu>& expected) {
  if (!(got.shape() == expected.shape())) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {infinity, infinity};
  }
  return difference(got.span(), expected.span());
}

/// Whether two tensors have the same shape and the same bytes.
template <class T>
[[nodiscard]] bool same_bits(const Tensor<T, Cpu>& a, const Tensor<T, Cpu>& b) {
  return a.shape() == b.shape() &&
         (a.empty() || std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0);
}

}  // namespace fusiform::test
