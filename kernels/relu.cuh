#pragma once
/// Rectified linear unit on a GPU; see fusiform/ops/relu.hpp.

#include "arch/number.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

template <class T>
__global__ void relu_forward_kernel(const T* x, Index count, T* y) {
  for (Index i = grid_thread(); i < count; i += grid_threads()) {
    const auto value = arch::number(x[i]);
    y[i] = arch::stored<T>(value > 0 || value != value ? value : 0);  // NaN stays NaN
  }
}

template <class T>
__global__ void relu_backward_kernel(const T* y, const T* dy, Index count, T* dx) {
  for (Index i = grid_thread(); i < count; i += grid_threads()) {
    const auto value = arch::number(y[i]);
    dx[i] = value > 0 || value != value ? dy[i] : arch::stored<T>(0);
  }
}

}  // namespace fusiform::kernels
