#pragma once
/// Pooling by the usual window, 2 x 2 pixels side by side without padding: every pixel belongs to one window at most,
/// so that both passes go once along pairs of rows, and gradients are sent to their pixels.

#include <algorithm>
#include <cstdint>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/channel_vectors.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/pool_window.hpp>

namespace fusiform::kernels {

[[nodiscard]] inline bool is_pool_2x2(const PoolWindow& window) noexcept {
  return window.kernel == 2 && window.stride == 2 && window.padding == 0;
}

/// Where a window begins in x and its output in y, in elements, and the place of its first pixel in the image.
struct Window2x2 {
  Index x, y, place;
};

/// Calls body(window) for all windows of x (N, H, W, C) in parallel.
template <class Body>
void for_each_window_2x2(const Shape& x, const Body& body) {
  const Index height = x[1], width = x[2], channels = x[3];
  const Index out_height = height / 2, out_width = width / 2;
  parallel_ranges(x[0] * out_height, rows_grain(2 * width * channels), [&](Index first_row, Index end_row) {
    for (Index row = first_row; row < end_row; ++row) {
      const Index h = row % out_height * 2;
      Window2x2 window{(row / out_height * height + h) * width * channels, row * out_width * channels, h * width};
      for (Index w = 0; w < out_width; ++w) {
        body(window);
        window.x += 2 * channels;
        window.y += channels;
        window.place += 2;
      }
    }
    stream_fence();
  });
}

/// Fetches what is read 4 KiB later into the second-level cache: in the first it would be in the way.
template <Scalar T>
FUSIFORM_INLINE void fetch_window_2x2(const T* pixel, Index row, Index channels) noexcept {
  constexpr Index ahead = 4096 / static_cast<Index>(sizeof(T));
  __builtin_prefetch(pixel + ahead, 0, 2);
  __builtin_prefetch(pixel + channels + ahead, 0, 2);
  __builtin_prefetch(pixel + row + ahead, 0, 2);
  __builtin_prefetch(pixel + row + channels + ahead, 0, 2);
}

/// `fetches`: x comes from memory and not from a cache.
template <Scalar T, bool want_positions, bool fetches>
void max_pool2d_forward_2x2(View<const T, Cpu> x, View<T, Cpu> y, std::int32_t* positions) {
  const Index width = x.shape()[2], channels = x.shape()[3];
  const Index row = width * channels;
  for_each_window_2x2(
      x.shape(), [&](const Window2x2& window) __attribute__((always_inline)) {
        const T* corner = x.data() + window.x;
        for_each_channel_vector<T>(
            channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
              const T* pixel = corner + c;
              if constexpr (fetches) fetch_window_2x2(pixel, row, channels);
              simd::Vector<T> best = lanes.load(pixel);
              Places<T> offset{};
              const auto compare = [&](const T* with, Index place) __attribute__((always_inline)) {
                const simd::Vector<T> value = lanes.load(with);
                const Places<T> take = (value > best) | (value != value);  // NaN counts as the largest
                best = take ? value : best;
                if constexpr (want_positions) offset = take ? Places<T>{} + static_cast<PlaceScalar<T>>(place) : offset;
              };
              compare(pixel + channels, 1);
              compare(pixel + row, width);
              compare(pixel + row + channels, width + 1);
              lanes.store(y.data() + window.y + c, best);
              if constexpr (want_positions)
                lanes.store(positions + window.y + c, offset + static_cast<PlaceScalar<T>>(window.place));
            });
      });
}

template <Scalar T, bool fetches>
void avg_pool2d_forward_2x2(View<const T, Cpu> x, View<T, Cpu> y) {
  const Index channels = x.shape()[3];
  const Index row = x.shape()[2] * channels;
  for_each_window_2x2(
      x.shape(), [&](const Window2x2& window) __attribute__((always_inline)) {
        const T* corner = x.data() + window.x;
        for_each_channel_vector<T>(
            channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
              const T* pixel = corner + c;
              if constexpr (fetches) fetch_window_2x2(pixel, row, channels);
              const simd::Vector<T> above = lanes.load(pixel) + lanes.load(pixel + channels);
              const simd::Vector<T> sum = above + lanes.load(pixel + row) + lanes.load(pixel + row + channels);
              lanes.store(y.data() + window.y + c, sum * (T{1} / 4));
            });
      });
}

/// Of odd extents the last row and column, which are in no window, become 0.
template <Scalar T>
void clear_outside_windows_2x2(View<T, Cpu> dx) {
  const Index height = dx.shape()[1], width = dx.shape()[2], channels = dx.shape()[3];
  const Index rows = dx.shape()[0] * height;
  for (Index row = 0; row < rows; ++row) {
    T* pixels = dx.data() + row * width * channels;
    if (height % 2 == 1 && row % height == height - 1)
      std::fill_n(pixels, width * channels, T{});
    else if (width % 2 == 1)
      std::fill_n(pixels + (width - 1) * channels, channels, T{});
  }
}

template <Scalar T, bool streams>
void max_pool2d_backward_2x2(View<const T, Cpu> dy, View<const std::int32_t, Cpu> positions, View<T, Cpu> dx) {
  const Index width = dx.shape()[2], channels = dx.shape()[3];
  const Index row = width * channels;
  for_each_window_2x2(
      dx.shape(), [&](const Window2x2& window) __attribute__((always_inline)) {
        T* corner = dx.data() + window.x;
        for_each_channel_vector<T, streams>(
            channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
              const simd::Vector<T> gradient = lanes.load(dy.data() + window.y + c);
              const Places<T> offset =
                  lanes.load(positions.data() + window.y + c) - static_cast<PlaceScalar<T>>(window.place);
              const auto send = [&](T * pixel, Index place) __attribute__((always_inline)) {
                lanes.store(pixel + c, offset == static_cast<PlaceScalar<T>>(place) ? gradient : simd::Vector<T>{});
              };
              send(corner, 0);
              send(corner + channels, 1);
              send(corner + row, width);
              send(corner + row + channels, width + 1);
            });
      });
  clear_outside_windows_2x2(dx);
}

template <Scalar T, bool streams>
void avg_pool2d_backward_2x2(View<const T, Cpu> dy, View<T, Cpu> dx) {
  const Index channels = dx.shape()[3];
  const Index row = dx.shape()[2] * channels;
  for_each_window_2x2(
      dx.shape(), [&](const Window2x2& window) __attribute__((always_inline)) {
        T* corner = dx.data() + window.x;
        for_each_channel_vector<T, streams>(
            channels, [&](Index c, auto lanes) __attribute__((always_inline)) {
              const simd::Vector<T> share = lanes.load(dy.data() + window.y + c) * (T{1} / 4);
              lanes.store(corner + c, share);
              lanes.store(corner + channels + c, share);
              lanes.store(corner + row + c, share);
              lanes.store(corner + row + channels + c, share);
            });
      });
  clear_outside_windows_2x2(dx);
}

}  // namespace fusiform::kernels
