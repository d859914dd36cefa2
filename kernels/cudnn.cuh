#pragma once
/// What cuDNN leaves to be done where it has no plan that does it.

#include "arch/number.cuh"
#include "conv2d_problem.hpp"
#include "runtime.cuh"

namespace fusiform::kernels {

/// Bias and ReLU of sums (pixels, channels), in place.
template <class T>
__global__ void finish_sums(T* y, Index count, int channels, Conv2dEpilogue epilogue) {
  for (Index i = grid_thread(); i < count; i += grid_threads()) {
    float value = arch::number(y[i]);
    if (epilogue.bias != nullptr) value += epilogue.bias[i % channels];
    if (epilogue.relu && value <= 0.0f) value = 0.0f;
    y[i] = arch::stored<T>(value);
  }
}

template <int = 0>
__global__ void widen(const bfloat16* from, Index count, float* to) {
  for (Index i = grid_thread(); i < count; i += grid_threads()) to[i] = arch::number(from[i]);
}

}  // namespace fusiform::kernels
