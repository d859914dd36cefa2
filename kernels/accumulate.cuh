#pragma once
/// y += x on a GPU; see fusiform/ops/accumulate.hpp.

#include "numbers.cuh"

namespace fusiform::kernels {

template <int N, class T>
__global__ void accumulate_kernel(const T* x, Index count, T* y) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    Master<T> term[M], sum[M];
    load_numbers(x + i, term);
    load_numbers(y + i, sum);
#pragma unroll
    for (int k = 0; k < M; ++k) sum[k] += term[k];
    store_numbers(sum, y + i);
  });
}

}  // namespace fusiform::kernels
