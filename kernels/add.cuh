#pragma once
/// y = a + b on a GPU; see fusiform/ops/add.hpp.

#include "numbers.cuh"

namespace fusiform::kernels {

template <int N, class T>
__global__ void add_kernel(const T* a, const T* b, Index count, T* y) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    Master<T> first[M], second[M];
    load_numbers(a + i, first);
    load_numbers(b + i, second);
#pragma unroll
    for (int k = 0; k < M; ++k) first[k] += second[k];
    store_numbers(first, y + i);
  });
}

}  // namespace fusiform::kernels
