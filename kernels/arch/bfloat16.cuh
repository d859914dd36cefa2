#pragma once
/// Between bf16 and float.

#include <cstring>

#include <fusiform/core/scalar.hpp>

#include "target.cuh"

namespace fusiform::arch {

using bf16 = bfloat16;

__host__ __device__ inline float to_float(bf16 x) {
  const std::uint32_t bits = std::uint32_t(x.bits) << 16;
  float result;
  memcpy(&result, &bits, 4);
  return result;
}

/// Rounds to nearest, ties to even; every NaN becomes 0x7fff, as cvt.rn.bf16.f32 has it.
__host__ __device__ inline bf16 to_bf16(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  bf16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
#else
  std::uint32_t bits;
  memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
#endif
}

/// Two bf16 in one register: `first` in the lower half, which comes first in memory.
__host__ __device__ inline std::uint32_t pack_bf16(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  std::uint32_t result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(second), "f"(first));
  return result;
#else
  return to_bf16(first).bits | std::uint32_t(to_bf16(second).bits) << 16;
#endif
}

}  // namespace fusiform::arch
