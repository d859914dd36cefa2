#pragma once
/// What kernels compute with, whatever tensors are stored in: float for bf16, else the type itself.

#include <fusiform/core/scalar.hpp>

#include "bfloat16.cuh"

namespace fusiform::arch {

__host__ __device__ inline float number(float x) { return x; }
__host__ __device__ inline double number(double x) { return x; }
__host__ __device__ inline float number(bf16 x) { return to_float(x); }

/// Rounds to the type of a tensor's elements.
template <class T>
__host__ __device__ inline T stored(Master<T> x) {
  if constexpr (std::same_as<T, bf16>)
    return to_bf16(x);
  else
    return x;
}

}  // namespace fusiform::arch
