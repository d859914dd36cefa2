#pragma once
/// bf16 tensors on the CPU: rounded to nearest, ties to even, and read back.

#include <bit>
#include <cmath>

#include <fusiform/core/tensor.hpp>

namespace fusiform::test {

[[nodiscard]] inline double number(bfloat16 x) {
  return static_cast<double>(std::bit_cast<float>(std::uint32_t{x.bits} << 16U));
}

[[nodiscard]] inline bfloat16 rounded(double x) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(x));
  return {static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16U & 1U)) >> 16U)};
}

[[nodiscard]] inline Tensor<double, Cpu> numbers(const Tensor<bfloat16, Cpu>& tensor) {
  Tensor<double, Cpu> result(tensor.shape());
  for (Index i = 0; i < tensor.size(); ++i) result[i] = number(tensor[i]);
  return result;
}

template <class T>
[[nodiscard]] Tensor<bfloat16, Cpu> rounded(const Tensor<T, Cpu>& tensor) {
  Tensor<bfloat16, Cpu> result(tensor.shape());
  for (Index i = 0; i < tensor.size(); ++i) result[i] = rounded(static_cast<double>(tensor[i]));
  return result;
}

}  // namespace fusiform::test
