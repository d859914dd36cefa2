#pragma once
/// Mean over windows on a GPU; see fusiform/ops/avg_pool2d.hpp.

#include "pool2d.cuh"

namespace fusiform::kernels {

/// One over the number of pixels that the sum over a window is divided by.
template <class T>
[[nodiscard]] __device__ inline Master<T> window_weight(const PoolGeometry& pool, bool count_include_pad,
                                                        const PoolRange& rows, const PoolRange& columns) {
  const int inside = (rows.end - rows.begin) * (columns.end - columns.begin);
  return 1 / Master<T>(count_include_pad ? pool.kernel * pool.kernel : inside);
}

template <int N, class T>
__global__ void avg_pool2d_forward_kernel(const T* x, const __grid_constant__ PoolGeometry pool, bool count_include_pad,
                                          T* y) {
  for_each_pool_group(pool.out_groups, [&](std::uint32_t group) {
    const PoolPlace at = pool.out_place<N>(group);
    const PoolRange rows = pool.pixels(at.row, pool.height), columns = pool.pixels(at.column, pool.width);
    Master<T> sums[N]{};
    for (int row = rows.begin; row < rows.end; ++row)
#pragma unroll 3
      for (int column = columns.begin; column < columns.end; ++column) {
        Master<T> values[N];
        load_numbers(x + pool.in_position({at.image, row, column, at.channel}), values);
#pragma unroll
        for (int k = 0; k < N; ++k) sums[k] += values[k];
      }
    const Master<T> weight = window_weight<T>(pool, count_include_pad, rows, columns);
#pragma unroll
    for (int k = 0; k < N; ++k) sums[k] *= weight;
    store_numbers(sums, y + Index(group) * N);
  });
}

/// Every pixel asks the windows over it.
template <int N, class T>
__global__ void avg_pool2d_backward_kernel(const T* dy, const __grid_constant__ PoolGeometry pool,
                                           bool count_include_pad, T* dx) {
  for_each_pool_group(pool.in_groups, [&](std::uint32_t group) {
    const PoolPlace at = pool.in_place<N>(group);
    const PoolRange rows = pool.windows(at.row, pool.out_height), columns = pool.windows(at.column, pool.out_width);
    Master<T> sums[N]{};
    for (int row = rows.begin; row < rows.end; ++row)
      for (int column = columns.begin; column < columns.end; ++column) {
        Master<T> gradients[N];
        load_numbers(dy + pool.out_position({at.image, row, column, at.channel}), gradients);
        const Master<T> weight =
            window_weight<T>(pool, count_include_pad, pool.pixels(row, pool.height), pool.pixels(column, pool.width));
#pragma unroll
        for (int k = 0; k < N; ++k) sums[k] += gradients[k] * weight;
      }
    store_numbers(sums, dx + Index(group) * N);
  });
}

/// Every pixel of an image takes the image's gradient times `weight`.
template <int N, class T>
__global__ void global_avg_pool2d_backward_kernel(const T* dy, const __grid_constant__ PoolGeometry pool,
                                                  Master<T> weight, T* dx) {
  for_each_pool_group(pool.in_groups, [&](std::uint32_t group) {
    const PoolPlace at = pool.in_place<N>(group);
    Master<T> gradients[N];
    load_numbers(dy + Index(at.image) * pool.channels + at.channel, gradients);
#pragma unroll
    for (int k = 0; k < N; ++k) gradients[k] *= weight;
    store_numbers(gradients, dx + Index(group) * N);
  });
}

}  // namespace fusiform::kernels
