#pragma once
/// Rectified linear unit on a GPU; see fusiform/ops/relu.hpp.

#include "numbers.cuh"

namespace fusiform::kernels {

template <int N, class T>
__global__ void relu_forward_kernel(const T* x, Index count, T* y) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    Master<T> values[M];
    load_numbers(x + i, values);
#pragma unroll
    for (int k = 0; k < M; ++k) values[k] = values[k] > 0 || values[k] != values[k] ? values[k] : 0;  // NaN stays NaN
    store_numbers(values, y + i);
  });
}

template <int N, class T>
__global__ void relu_backward_kernel(const T* y, const T* dy, Index count, T* dx) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    Master<T> values[M];
    T gradients[M];
    load_numbers(y + i, values);
    load_elements(dy + i, gradients);
#pragma unroll
    for (int k = 0; k < M; ++k)
      if (!(values[k] > 0 || values[k] != values[k])) gradients[k] = arch::stored<T>(0);
    store_elements(gradients, dx + i);
  });
}

}  // namespace fusiform::kernels
