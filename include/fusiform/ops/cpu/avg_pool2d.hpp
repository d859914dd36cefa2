#pragma once

#include <array>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/cpu/pool_ranges.hpp>

namespace fusiform::kernels {

/// One over the number of pixels that a window's sum is divided by.
template <Scalar T>
[[nodiscard]] T window_weight(const PoolWindow& window, bool count_include_pad, AxisRange rows, AxisRange columns) {
  const Index inside = (rows.end - rows.begin) * (columns.end - columns.begin);
  return T{1} / static_cast<T>(count_include_pad ? window.kernel * window.kernel : inside);
}

template <Scalar T>
void avg_pool2d_forward(View<const T, Cpu> x, const PoolWindow& window, bool count_include_pad, View<T, Cpu> y) {
  const Index height = x.shape()[1], width = x.shape()[2], channels = x.shape()[3];
  const Index out_height = y.shape()[1], out_width = y.shape()[2];
  const Index window_row = out_width * channels * window.kernel * window.kernel;
  parallel_ranges(y.shape()[0] * out_height, rows_grain(window_row), [&](Index first_row, Index end_row) {
    for (Index row = first_row; row < end_row; ++row) {
      const T* image = x.data() + row / out_height * height * width * channels;
      const AxisRange rows = window_inputs(window, row % out_height, height);
      for (Index ow = 0; ow < out_width; ++ow) {
        const AxisRange columns = window_inputs(window, ow, width);
        T* __restrict sum = y.data() + (row * out_width + ow) * channels;
        std::fill_n(sum, channels, T{0});
        for (Index h = rows.begin; h < rows.end; ++h)
          for (Index w = columns.begin; w < columns.end; ++w) {
            const T* __restrict pixel = image + (h * width + w) * channels;
            for (Index c = 0; c < channels; ++c) sum[c] += pixel[c];
          }
        const T weight = window_weight<T>(window, count_include_pad, rows, columns);
        for (Index c = 0; c < channels; ++c) sum[c] *= weight;
      }
    }
  });
}

/// Gathers instead of scattering: every pixel asks the windows over it, so that rows are independent of each other.
template <Scalar T>
void avg_pool2d_backward(View<const T, Cpu> dy, const PoolWindow& window, bool count_include_pad, View<T, Cpu> dx) {
  const Index height = dx.shape()[1], width = dx.shape()[2], channels = dx.shape()[3];
  const Index out_height = dy.shape()[1], out_width = dy.shape()[2];
  parallel_ranges(dx.shape()[0] * height, rows_grain(width * channels), [&](Index first_row, Index end_row) {
    for (Index row = first_row; row < end_row; ++row) {
      const Index first_output = row / height * out_height;
      const AxisRange rows = windows_over(window, row % height, out_height);
      for (Index w = 0; w < width; ++w) {
        const AxisRange columns = windows_over(window, w, out_width);
        T* __restrict result = dx.data() + (row * width + w) * channels;
        std::fill_n(result, channels, T{0});
        for (Index oh = rows.begin; oh < rows.end; ++oh)
          for (Index ow = columns.begin; ow < columns.end; ++ow) {
            const T weight = window_weight<T>(window, count_include_pad, window_inputs(window, oh, height),
                                              window_inputs(window, ow, width));
            const T* __restrict gradient = dy.data() + ((first_output + oh) * out_width + ow) * channels;
            for (Index c = 0; c < channels; ++c) result[c] += gradient[c] * weight;
          }
      }
    }
  });
}

template <Scalar T>
void global_avg_pool2d_forward(View<const T, Cpu> x, View<T, Cpu> y) {
  constexpr Index block = 64;
  const Index channels = x.shape()[3], pixels = x.shape()[1] * x.shape()[2];
  const Index blocks = (channels + block - 1) / block;
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
