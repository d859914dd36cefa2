#pragma once
/// Tensors of every scalar that the device has operations for, bfloat16 included, beside references in double.

#include "tests/conformance/test_device.hpp"
#include "tests/support/bfloat16.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

namespace fusiform::test {

/// Scalars of activations on the device.
using AllScalars =
    std::conditional_t<std::same_as<TestDevice, Cpu>, std::tuple<float, double>, std::tuple<float, bfloat16>>;

/// The same numbers.
template <class T>
[[nodiscard]] Tensor<double, Cpu> in_double(const Tensor<T, Cpu>& tensor) {
  if constexpr (std::same_as<T, bfloat16>)
    return numbers(tensor);
  else
    return converted<double>(tensor);
}

/// The nearest numbers that T has.
template <class T>
[[nodiscard]] Tensor<T, Cpu> in_scalar(const Tensor<double, Cpu>& tensor) {
  if constexpr (std::same_as<T, bfloat16>)
    return rounded(tensor);
  else
    return converted<T>(tensor);
}

/// Standard normal, rounded to T: a reference in double can start from the same numbers.
template <class T>
[[nodiscard]] Tensor<T, Cpu> random_elements(const Shape& shape, Rng rng) {
  return in_scalar<T>(random_tensor<double>(shape, rng));
}

/// How far a result may be from a reference in double, relative to it and taken over a tensor: what the test says for
/// double and for float. In bfloat16 the arithmetic is float's, and results are rounded to 8 bits: by up to 2^-8, half
/// of the last bit, and on the average by less.
template <class T>
[[nodiscard]] constexpr double tolerance(double for_double, double for_float) {
  if constexpr (std::same_as<T, bfloat16>)
    return 0x1p-8;
  else
    return std::same_as<T, float> ? for_float : for_double;
}

}  // namespace fusiform::test
