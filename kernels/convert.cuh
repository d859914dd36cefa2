#pragma once
/// From one scalar to another on a GPU; see fusiform/ops/convert.hpp.

#include "numbers.cuh"

namespace fusiform::kernels {

template <int N, class From, class To>
__global__ void convert_kernel(const From* x, Index count, To* y) {
  for_each_group<N>(count, [=]<int M>(Index i) {
    float values[M];
    load_numbers(x + i, values);
    store_numbers(values, y + i);
  });
}

}  // namespace fusiform::kernels
