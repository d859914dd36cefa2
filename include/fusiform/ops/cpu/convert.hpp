#pragma once

#include <bit>
#include <cstdint>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

[[nodiscard]] constexpr float scalar_from(bfloat16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16U); }

/// To nearest, ties to even; every NaN becomes 0x7fff, as on a GPU.
[[nodiscard]] constexpr bfloat16 scalar_from(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return {0x7FFF};
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U)};
}

template <Scalar From, Scalar To>
void convert(View<const From, Cpu> x, View<To, Cpu> y) {
  parallel_ranges(y.size(), elementwise_grain, [from = x.data(), to = y.data()](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) to[i] = scalar_from(from[i]);
  });
}

}  // namespace fusiform::kernels
