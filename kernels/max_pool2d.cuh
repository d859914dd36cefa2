#pragma once
/// Maximum over windows on a GPU; see fusiform/ops/max_pool2d.hpp.

#include "pool2d.cuh"
#include "take_maxima.cuh"

namespace fusiform::kernels {

/// Windows of Kernel x Kernel pixels, all of which are loaded before they are compared; any for Kernel = 0. Behind a
/// ReLU maxima that are not positive have position -1.
template <int Kernel, bool WantPositions, int N, class T>
__global__ void max_pool2d_forward_kernel(const T* x, const __grid_constant__ PoolGeometry pool, bool after_relu, T* y,
                                          std::int32_t* positions) {
  for_each_pool_group(pool.out_groups, [&](std::uint32_t group) {
    const PoolPlace at = pool.out_place<N>(group);
    const PoolRange rows = pool.pixels(at.row, pool.height), columns = pool.pixels(at.column, pool.width);
    const T* corner = x + pool.in_position({at.image, rows.begin, columns.begin, at.channel});
    const auto pixel = [&](int row, int column) { return corner + (Index(row) * pool.width + column) * pool.channels; };
    const int height = rows.end - rows.begin, width = columns.end - columns.begin;
    const std::int32_t first = rows.begin * pool.width + columns.begin;
    T best[N];
    std::int32_t places[N];
    load_elements(corner, best);
#pragma unroll
    for (int k = 0; k < N; ++k) places[k] = first;
    if constexpr (Kernel > 0) {
      T elements[Kernel * Kernel][N];
#pragma unroll
      for (int i = 0; i < Kernel * Kernel; ++i)  // outside, the corner once more: it changes nothing
        load_elements(i / Kernel < height && i % Kernel < width ? pixel(i / Kernel, i % Kernel) : corner, elements[i]);
#pragma unroll
      for (int i = 0; i < Kernel * Kernel; ++i)
        if (i / Kernel < height && i % Kernel < width)
          take_maxima(elements[i], first + i / Kernel * pool.width + i % Kernel, best, places);
    } else {
      for (int row = 0; row < height; ++row)
        for (int column = 0; column < width; ++column) {
          T elements[N];
          load_elements(pixel(row, column), elements);
          take_maxima(elements, first + row * pool.width + column, best, places);
        }
    }
    const Index result = Index(group) * N;
    store_elements(best, y + result);
    if constexpr (WantPositions) {
#pragma unroll
      for (int k = 0; k < N; ++k)
        if (after_relu && arch::number(best[k]) <= 0) places[k] = -1;
      store_elements(places, positions + result);
    }
  });
}

/// Every pixel asks the windows over it.
template <int N, class T>
__global__ void max_pool2d_backward_kernel(const T* dy, const std::int32_t* positions,
                                           const __grid_constant__ PoolGeometry pool, T* dx) {
  for_each_pool_group(pool.in_groups, [&](std::uint32_t group) {
    const PoolPlace at = pool.in_place<N>(group);
    const PoolRange rows = pool.windows(at.row, pool.out_height), columns = pool.windows(at.column, pool.out_width);
    const std::int32_t place = at.row * pool.width + at.column;
    Master<T> sums[N]{};
    for (int row = rows.begin; row < rows.end; ++row)
      for (int column = columns.begin; column < columns.end; ++column) {
        const Index window = pool.out_position({at.image, row, column, at.channel});
        Master<T> gradients[N];
        std::int32_t places[N];
        load_numbers(dy + window, gradients);
        load_elements(positions + window, places);
#pragma unroll
        for (int k = 0; k < N; ++k) sums[k] += places[k] == place ? gradients[k] : 0;
      }
    store_numbers(sums, dx + Index(group) * N);
  });
}

}  // namespace fusiform::kernels
