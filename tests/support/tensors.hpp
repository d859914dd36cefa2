#pragma once
/// Small helpers of the tests of products: bounded random tensors, poisoned outputs, inner products.

#include <limits>
#include <string_view>

#include <fusiform/core/random.hpp>
#include <fusiform/core/tensor.hpp>

#include "tests/support/compare.hpp"

namespace fusiform::test {

/// Uniform in [-1, 1), a function of the purpose.
template <Scalar T>
[[nodiscard]] Tensor<T, Cpu> uniform_tensor(const Shape& shape, std::string_view purpose) {
  Rng rng = Rng(20240229).stream(purpose);
  Tensor<T, Cpu> tensor(shape);
  for (T& element : tensor.span()) element = static_cast<T>(rng.uniform(-1, 1));
  return tensor;
}

/// Filled with NaN: an output that must be overwritten completely.
template <Scalar T>
[[nodiscard]] Tensor<T, Cpu> poisoned_tensor(const Shape& shape) {
  Tensor<T, Cpu> tensor(shape);
  tensor.fill(std::numeric_limits<T>::quiet_NaN());
  return tensor;
}

/// Root of the mean squared difference over that of `expected`.
template <Scalar T, Scalar U>
[[nodiscard]] double normalised_error(const Tensor<T, Cpu>& expected, const Tensor<U, Cpu>& found) {
  return difference(found, expected).normalized;
}

template <Scalar T>
[[nodiscard]] double dot(const Tensor<T, Cpu>& a, const Tensor<T, Cpu>& b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace fusiform::test
