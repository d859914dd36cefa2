#pragma once

#include <cstdint>
#include <type_traits>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/channel_vectors.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/cpu/pool_2x2.hpp>
#include <fusiform/ops/cpu/pool_ranges.hpp>

namespace fusiform::kernels {

template <Scalar T, bool want_positions>
void max_pool2d_forward(View<const T, Cpu> x, const PoolWindow& window, View<T, Cpu> y, std::int32_t* positions) {
  const Index width = x.shape()[2], channels = x.shape()[3];
  const Index image_size = x.shape()[1] * width * channels;
  const Shape& out = y.shape();
  constexpr Index ahead = pool_fetch_bytes / static_cast<Index>(sizeof(T));
  const auto pool = [&](Index n, Index h, Index w, AxisRange rows, AxisRange columns) __attribute__((always_inline)) {
    const Index first = rows.begin * width + columns.begin;
    const T* corner = x.data() + n * image_size + first * channels;
    const Index at = ((n * out[1] + h) * out[2] + w) * channels;
    with_extents(
        rows, columns, [&](auto window_height, auto window_width) __attribute__((always_inline)) {
          for_each_channel_vector<T>(
              channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
                simd::Vector<T> best = lanes.load(corner + c);
                Places<T> position = Places<T>{} + static_cast<PlaceScalar<T>>(first);
                for (Index row = 0; row < window_height; ++row)
                  for (Index column = 0; column < window_width; ++column) {
                    const T* pixel = corner + (row * width + column) * channels + c;
                    __builtin_prefetch(pixel + ahead, 0, 2);
                    const simd::Vector<T> value = lanes.load(pixel);
                    const Places<T> take = (value > best) | (value != value);  // NaN counts as the largest
                    best = take ? value : best;
                    if constexpr (want_positions)
                      position =
                          take ? Places<T>{} + static_cast<PlaceScalar<T>>(first + row * width + column) : position;
                  }
                lanes.store(y.data() + at + c, best);
                if constexpr (want_positions) lanes.store(positions + at + c, position);
              });
        });
  };
  for_each_pixel(out, inputs_of_outputs(window, x.shape(), out), channels * window.kernel * window.kernel, pool);
}

/// Maxima that a ReLU before let nothing through to.
template <Scalar T>
void forget_positions_of_zeros(View<const T, Cpu> y, View<std::int32_t, Cpu> positions) {
  parallel_ranges(y.size(), elementwise_grain, [y = y.data(), p = positions.data()](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) p[i] = y[i] <= 0 ? -1 : p[i];
  });
}

template <Scalar T>
void max_pool2d_forward(View<const T, Cpu> x, const PoolWindow& window, bool after_relu, View<T, Cpu> y,
                        View<std::int32_t, Cpu> positions) {
  const auto pool = [&]<bool want_positions>(std::bool_constant<want_positions>) {
    if (!is_pool_2x2(window)) {
      max_pool2d_forward<T, want_positions>(x, window, y, positions.data());
    } else if (larger_than_caches<T>(x.size())) {
      max_pool2d_forward_2x2<T, want_positions, true>(x, y, positions.data());
    } else {
      max_pool2d_forward_2x2<T, want_positions, false>(x, y, positions.data());
    }
  };
  if (positions.data() != nullptr)
    pool(std::true_type{});
  else
    pool(std::false_type{});
  if (after_relu && positions.data() != nullptr) forget_positions_of_zeros(View<const T, Cpu>(y), positions);
}

/// Gathers instead of scattering: every pixel asks the windows over it, so that rows are independent of each other.
template <Scalar T, bool streams>
void max_pool2d_backward_gather(View<const T, Cpu> dy, View<const std::int32_t, Cpu> positions,
                                const PoolWindow& window, View<T, Cpu> dx) {
  const Index width = dx.shape()[2], channels = dx.shape()[3];
  const Index out_height = dy.shape()[1], out_width = dy.shape()[2];
  const auto gather = [&](Index n, Index h, Index w, AxisRange rows, AxisRange columns) __attribute__((always_inline)) {
    const auto place = static_cast<PlaceScalar<T>>(h * width + w);
    const Index corner = ((n * out_height + rows.begin) * out_width + columns.begin) * channels;
    T* result = dx.data() + ((n * dx.shape()[1] + h) * width + w) * channels;
    with_extents(
        rows, columns, [&](auto height, auto breadth) __attribute__((always_inline)) {
          for_each_channel_vector<T, streams>(
              channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
                simd::Vector<T> sum{};
                for (Index row = 0; row < height; ++row)
                  for (Index column = 0; column < breadth; ++column) {
                    const Index at = corner + (row * out_width + column) * channels + c;
                    const simd::Vector<T> gradient = lanes.load(dy.data() + at);
                    sum += lanes.load(positions.data() + at) == place ? gradient : simd::Vector<T>{};
                  }
                lanes.store(result + c, sum);
              });
        });
  };
  for_each_pixel(dx.shape(), outputs_of_inputs(window, dx.shape(), dy.shape()), channels, gather);
}

template <Scalar T>
void max_pool2d_backward(View<const T, Cpu> dy, View<const std::int32_t, Cpu> positions, const PoolWindow& window,
                         View<T, Cpu> dx) {
  const auto pool = [&]<bool streams>(std::bool_constant<streams>) {
    if (is_pool_2x2(window)) {
      max_pool2d_backward_2x2<T, streams>(dy, positions, dx);
    } else {
      max_pool2d_backward_gather<T, streams>(dy, positions, window, dx);
    }
  };
  if (worth_streaming(dx.data(), dx.size(), dx.shape()[3])) {
    pool(std::true_type{});
  } else {
    pool(std::false_type{});
  }
}

}  // namespace fusiform::kernels
