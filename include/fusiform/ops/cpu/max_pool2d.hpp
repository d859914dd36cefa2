#pragma once

#include <cstdint>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/cpu/pool_ranges.hpp>

namespace fusiform::kernels {

/// Compares one pixel with the maxima so far, for all channels.
template <Scalar T>
void take_maximum(const T* __restrict pixel, std::int32_t place, Index channels, T* __restrict best,
                  std::int32_t* __restrict position) {
  for (Index c = 0; c < channels; ++c) {
    const bool take = (pixel[c] > best[c]) | (pixel[c] != pixel[c]);
    best[c] = take ? pixel[c] : best[c];
    position[c] = take ? place : position[c];
  }
}

/// The same without positions.
template <Scalar T>
void take_maximum(const T* __restrict pixel, Index channels, T* __restrict best) {
  for (Index c = 0; c < channels; ++c) {
    const bool take = (pixel[c] > best[c]) | (pixel[c] != pixel[c]);
    best[c] = take ? pixel[c] : best[c];
  }
}

template <Scalar T>
void max_pool2d_forward(View<const T, Cpu> x, const PoolWindow& window, View<T, Cpu> y,
                        View<std::int32_t, Cpu> positions) {
  const Index height = x.shape()[1], width = x.shape()[2], channels = x.shape()[3];
  const Index out_height = y.shape()[1], out_width = y.shape()[2];
  const bool want_positions = positions.data() != nullptr;
  const Index window_row = out_width * channels * window.kernel * window.kernel;
  parallel_ranges(y.shape()[0] * out_height, rows_grain(window_row), [&](Index first_row, Index end_row) {
    for (Index row = first_row; row < end_row; ++row) {
      const T* image = x.data() + row / out_height * height * width * channels;
      const AxisRange rows = window_inputs(window, row % out_height, height);
      for (Index ow = 0; ow < out_width; ++ow) {
        const AxisRange columns = window_inputs(window, ow, width);
        const Index at = (row * out_width + ow) * channels;
        const Index first = rows.begin * width + columns.begin;
        T* best = y.data() + at;
        std::copy_n(image + first * channels, channels, best);
        if (want_positions) std::fill_n(positions.data() + at, channels, static_cast<std::int32_t>(first));
        for (Index h = rows.begin; h < rows.end; ++h)
          for (Index w = columns.begin; w < columns.end; ++w) {
            const Index place = h * width + w;
            if (place == first) continue;
            if (want_positions)
              take_maximum(image + place * channels, static_cast<std::int32_t>(place), channels, best,
                           positions.data() + at);
            else
              take_maximum(image + place * channels, channels, best);
          }
      }
    }
  });
}

/// Gathers instead of scattering: every pixel asks the windows over it, so that rows are independent of each other.
template <Scalar T>
void max_pool2d_backward(View<const T, Cpu> dy, View<const std::int32_t, Cpu> positions, const PoolWindow& window,
                         View<T, Cpu> dx) {
  const Index height = dx.shape()[1], width = dx.shape()[2], channels = dx.shape()[3];
  const Index out_height = dy.shape()[1], out_width = dy.shape()[2];
  parallel_ranges(dx.shape()[0] * height, rows_grain(width * channels), [&](Index first_row, Index end_row) {
    for (Index row = first_row; row < end_row; ++row) {
      const Index h = row % height;
      const Index first_output = row / height * out_height;
      const AxisRange rows = windows_over(window, h, out_height);
      for (Index w = 0; w < width; ++w) {
        const AxisRange columns = windows_over(window, w, out_width);
        const auto place = static_cast<std::int32_t>(h * width + w);
        T* __restrict result = dx.data() + (row * width + w) * channels;
        std::fill_n(result, channels, T{0});
        for (Index oh = rows.begin; oh < rows.end; ++oh)
          for (Index ow = columns.begin; ow < columns.end; ++ow) {
            const Index at = ((first_output + oh) * out_width + ow) * channels;
            const T* __restrict gradient = dy.data() + at;
            const std::int32_t* __restrict position = positions.data() + at;
            for (Index c = 0; c < channels; ++c) result[c] += position[c] == place ? gradient[c] : T{0};
          }
      }
    }
  });
}

}  // namespace fusiform::kernels
