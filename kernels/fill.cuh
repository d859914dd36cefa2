#pragma once
/// One value for every element, on a GPU; see fusiform/ops/fill.hpp.

#include "numbers.cuh"

namespace fusiform::kernels {

template <int N, class T>
__global__ void fill_kernel(T value, Index count, T* y) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    T values[M];
#pragma unroll
    for (int k = 0; k < M; ++k) values[k] = value;
    store_elements(values, y + i);
  });
}

}  // namespace fusiform::kernels
