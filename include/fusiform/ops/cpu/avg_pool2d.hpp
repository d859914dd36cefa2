#pragma once

#include <array>
#include <type_traits>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/channel_vectors.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/cpu/pool_2x2.hpp>
#include <fusiform/ops/cpu/pool_ranges.hpp>

namespace fusiform::kernels {

/// One over the number of pixels that the sum over a window is divided by.
template <Scalar T>
[[nodiscard]] T window_weight(const PoolWindow& window, bool count_include_pad, AxisRange rows, AxisRange columns) {
  return T{1} / static_cast<T>(count_include_pad ? window.kernel * window.kernel : rows.size() * columns.size());
}

template <Scalar T>
void avg_pool2d_forward_windows(View<const T, Cpu> x, const PoolWindow& window, bool count_include_pad,
                                View<T, Cpu> y) {
  const Index width = x.shape()[2], channels = x.shape()[3];
  const Index image_size = x.shape()[1] * width * channels;
  const Shape& out = y.shape();
  constexpr Index ahead = pool_fetch_bytes / static_cast<Index>(sizeof(T));
  const auto pool = [&](Index n, Index h, Index w, AxisRange rows, AxisRange columns) __attribute__((always_inline)) {
    const T* corner = x.data() + n * image_size + (rows.begin * width + columns.begin) * channels;
    T* result = y.data() + ((n * out[1] + h) * out[2] + w) * channels;
    const T weight = window_weight<T>(window, count_include_pad, rows, columns);
    with_extents(
        rows, columns, [&](auto window_height, auto window_width) __attribute__((always_inline)) {
          for_each_channel_vector<T>(
              channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
                simd::Vector<T> sum{};
                for (Index row = 0; row < window_height; ++row)
                  for (Index column = 0; column < window_width; ++column) {
                    const T* pixel = corner + (row * width + column) * channels + c;
                    __builtin_prefetch(pixel + ahead, 0, 2);
                    sum += lanes.load(pixel);
                  }
                lanes.store(result + c, sum * weight);
              });
        });
  };
  for_each_pixel(out, inputs_of_outputs(window, x.shape(), out), channels * window.kernel * window.kernel, pool);
}

template <Scalar T>
void avg_pool2d_forward(View<const T, Cpu> x, const PoolWindow& window, bool count_include_pad, View<T, Cpu> y) {
  if (!is_pool_2x2(window)) {
    avg_pool2d_forward_windows(x, window, count_include_pad, y);
  } else if (larger_than_caches<T>(x.size())) {
    avg_pool2d_forward_2x2<T, true>(x, y);
  } else {
    avg_pool2d_forward_2x2<T, false>(x, y);
  }
}

/// Gathers instead of scattering: every pixel asks the windows over it, so that rows are independent of each other.
template <Scalar T, bool streams>
void avg_pool2d_backward_gather(View<const T, Cpu> dy, const PoolWindow& window, bool count_include_pad,
                                View<T, Cpu> dx) {
  const Index channels = dx.shape()[3];
  const Index out_height = dy.shape()[1], out_width = dy.shape()[2];
  const PoolRanges inputs = inputs_of_outputs(window, dx.shape(), dy.shape());
  const bool one_weight = count_include_pad || window.padding == 0;
  const T full_weight = window_weight<T>(window, true, {}, {});
  const auto weight_of = [&](Index row, Index column) {
    return window_weight<T>(window, false, inputs.rows[static_cast<std::size_t>(row)],
                            inputs.columns[static_cast<std::size_t>(column)]);
  };
  const auto gather = [&](Index n, Index h, Index w, AxisRange rows, AxisRange columns) __attribute__((always_inline)) {
    const T* corner = dy.data() + ((n * out_height + rows.begin) * out_width + columns.begin) * channels;
    T* result = dx.data() + ((n * dx.shape()[1] + h) * dx.shape()[2] + w) * channels;
    with_extents(
        rows, columns, [&](auto height, auto breadth) __attribute__((always_inline)) {
          for_each_channel_vector<T, streams>(
              channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
                simd::Vector<T> sum{};
                for (Index row = 0; row < height; ++row)
                  for (Index column = 0; column < breadth; ++column)
                    sum += lanes.load(corner + (row * out_width + column) * channels + c) *
                           (one_weight ? full_weight : weight_of(rows.begin + row, columns.begin + column));
                lanes.store(result + c, sum);
              });
        });
  };
  for_each_pixel(dx.shape(), outputs_of_inputs(window, dx.shape(), dy.shape()), channels, gather);
}

template <Scalar T>
void avg_pool2d_backward(View<const T, Cpu> dy, const PoolWindow& window, bool count_include_pad, View<T, Cpu> dx) {
  const auto pool = [&]<bool streams>(std::bool_constant<streams>) {
    if (is_pool_2x2(window)) {
      avg_pool2d_backward_2x2<T, streams>(dy, dx);
    } else {
      avg_pool2d_backward_gather<T, streams>(dy, window, count_include_pad, dx);
    }
  };
  if (worth_streaming(dx.data(), dx.size(), dx.shape()[3])) {
    pool(std::true_type{});
  } else {
    pool(std::false_type{});
  }
}

template <Scalar T>
void global_avg_pool2d_forward(View<const T, Cpu> x, View<T, Cpu> y) {
  constexpr Index block = 64;
  const Index channels = x.shape()[3], pixels = x.shape()[1] * x.shape()[2];
  const Index blocks = divide_up(channels, block);
  const Index grain = rows_grain(pixels * std::min(channels, block));
  parallel_ranges(x.shape()[0] * blocks, grain, [&](Index begin, Index end) {
    for (Index task = begin; task < end; ++task) {
      const Index image = task / blocks;
      const Index first = task % blocks * block;
      const Index count = std::min(block, channels - first);
      const T* __restrict pixel = x.data() + image * pixels * channels + first;
      std::array<double, block> sum{};
      for (Index p = 0; p < pixels; ++p, pixel += channels)
        for (Index c = 0; c < count; ++c) sum[static_cast<std::size_t>(c)] += static_cast<double>(pixel[c]);
      T* mean = y.data() + image * channels + first;
      for (Index c = 0; c < count; ++c)
        mean[c] = static_cast<T>(sum[static_cast<std::size_t>(c)] / static_cast<double>(pixels));
    }
  });
}

template <Scalar T>
void global_avg_pool2d_backward(View<const T, Cpu> dy, View<T, Cpu> dx) {
  const Index channels = dx.shape()[3], pixels = dx.shape()[1] * dx.shape()[2];
  const T weight = T{1} / static_cast<T>(pixels);
  parallel_ranges(dx.shape()[0] * pixels, rows_grain(channels), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const T* __restrict gradient = dy.data() + row / pixels * channels;
      T* __restrict result = dx.data() + row * channels;
      for (Index c = 0; c < channels; ++c) result[c] = gradient[c] * weight;
    }
  });
}

}  // namespace fusiform::kernels
