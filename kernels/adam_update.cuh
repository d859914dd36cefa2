#pragma once
/// Adam on a GPU; see fusiform/ops/adam_update.hpp.

#include <cmath>

#include <fusiform/ops/cpu/adam_update.hpp>

#include "numbers.cuh"

namespace fusiform::kernels {

template <int N, class T>
__global__ void adam_update_kernel(const T* gradient, AdamStep<T> step, Index count, T* mean, T* square, T* value) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    T g[M], m[M], v[M], w[M];
    load_elements(gradient + i, g);
    load_elements(mean + i, m);
    load_elements(square + i, v);
    load_elements(value + i, w);
#pragma unroll
    for (int k = 0; k < M; ++k) {
      const T d = g[k] + step.weight_decay * w[k];
      m[k] += step.towards_mean * (d - m[k]);
      v[k] = step.beta2 * v[k] + step.towards_square * (d * d);
      w[k] -= step.step_size * (m[k] / (std::sqrt(v[k]) * step.root_scale + step.eps));
    }
    store_elements(m, mean + i);
    store_elements(v, square + i);
    store_elements(w, value + i);
  });
}

}  // namespace fusiform::kernels
