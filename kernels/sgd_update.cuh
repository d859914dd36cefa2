#pragma once
/// Stochastic gradient descent on a GPU; see fusiform/ops/sgd_update.hpp.

#include <fusiform/ops/cpu/sgd_update.hpp>

#include "numbers.cuh"

namespace fusiform::kernels {

template <int N, class T>
__global__ void sgd_update_kernel(const T* gradient, SgdStep<T> step, Index count, T* velocity, T* value) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    T g[M], v[M], w[M];
    load_elements(gradient + i, g);
    load_elements(velocity + i, v);
    load_elements(value + i, w);
#pragma unroll
    for (int k = 0; k < M; ++k) {
      v[k] = step.momentum * v[k] + (g[k] + step.weight_decay * w[k]);
      w[k] -= step.learning_rate * v[k];
    }
    store_elements(v, velocity + i);
    store_elements(w, value + i);
  });
}

}  // namespace fusiform::kernels
