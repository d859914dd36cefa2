#pragma once
/// One value for every element, on a GPU; see fusiform/ops/fill.hpp.

#include "runtime.cuh"

namespace fusiform::kernels {

template <class T>
__global__ void fill_kernel(T value, Index count, T* y) {
  for (Index i = grid_thread(); i < count; i += grid_threads()) y[i] = value;
}

}  // namespace fusiform::kernels
