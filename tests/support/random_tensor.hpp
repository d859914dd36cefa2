#pragma once

#include <fusiform/core/random.hpp>
#include <fusiform/core/tensor.hpp>

namespace fusiform::test {

/// Standard normal elements.
template <class T>
[[nodiscard]] Tensor<T, Cpu> random_tensor(const Shape& shape, Rng rng) {
  Tensor<T, Cpu> tensor(shape);
  for (T& value : tensor.span()) value = static_cast<T>(rng.normal());
  return tensor;
}

/// The same elements in another precision.
template <class To, class From>
[[nodiscard]] Tensor<To, Cpu> converted(const Tensor<From, Cpu>& tensor) {
  Tensor<To, Cpu> result(tensor.shape());
  for (Index i = 0; i < tensor.size(); ++i) result[i] = static_cast<To>(tensor[i]);
  return result;
}

}  // namespace fusiform::test
