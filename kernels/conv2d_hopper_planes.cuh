#pragma once
/// Factors that are sums of two bf16, high + low: nearly floats, multiplied on the tensor cores by three products.

#include "arch/target.cuh"

namespace fusiform::kernels {

/// How far the planes that one product multiplies lie behind the high ones, in channels: of the first and the second
/// factor.
struct ProductPlanes {
  int first, second;
};

/// The low plane of a factor lies behind the high one in every pixel or tap, `first` and `second` channels on; 0: there
/// is only one. A block of 64 terms that begins in the high planes of both factors and ends in the low ones adds
/// products of low parts, which the sum lacks otherwise.
struct HopperPlanes {
  int first = 0, second = 0;

  [[nodiscard]] __host__ __device__ int products() const { return first > 0 ? 3 : 1; }
  /// Small products come first: the tensor cores cut sums off, by the less the smaller these are.
  [[nodiscard]] __host__ __device__ ProductPlanes of_product(int product) const {
    if (first == 0) return {0, 0};
    return {product == 0 ? first : 0, product == 1 ? second : 0};
  }
};

}  // namespace fusiform::kernels
