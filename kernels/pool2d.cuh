#pragma once
/// What pooling kernels share: which element a thread works on, and the ranges of windows and pixels.

#include <algorithm>

#include <fusiform/core/view.hpp>
#include <fusiform/ops/pool_window.hpp>

#include "divider.cuh"
#include "numbers.cuh"

namespace fusiform::kernels {

/// A begin and an end.
struct PoolRange {
  int begin, end;
};

/// One group of channels of one pixel.
struct PoolPlace {
  std::uint32_t image;
  int row, column, channel;
};

/// From images (N, H, W, C) to pooled ones, in groups of channels. Numbers of groups are below 2^31; see for_each_part.
struct PoolGeometry {
  int height, width, out_height, out_width, channels;
  int kernel, stride, padding;
  std::uint32_t in_groups, out_groups;
  Divider by_channel_groups, by_width, by_height, by_out_width, by_out_height, by_stride;

  PoolGeometry(const Shape& in, const Shape& out, const PoolWindow& window, int group)
      : height(int(in[1])),
        width(int(in[2])),
        out_height(int(out[1])),
        out_width(int(out[2])),
        channels(int(in[3])),
        kernel(int(window.kernel)),
        stride(int(window.stride)),
        padding(int(window.padding)),
        in_groups(std::uint32_t(in.size() / group)),
        out_groups(std::uint32_t(out.size() / group)),
        by_channel_groups(std::max<Index>(1, in[3] / group)),
        by_width(in[2]),
        by_height(in[1]),
        by_out_width(out[2]),
        by_out_height(out[1]),
        by_stride(window.stride) {}

  template <int N>
  [[nodiscard]] __device__ PoolPlace in_place(std::uint32_t group) const {
    return place<N>(group, by_width, by_height);
  }
  template <int N>
  [[nodiscard]] __device__ PoolPlace out_place(std::uint32_t group) const {
    return place<N>(group, by_out_width, by_out_height);
  }
  [[nodiscard]] __device__ Index in_position(const PoolPlace& at) const {
    return ((Index(at.image) * height + at.row) * width + at.column) * channels + at.channel;
  }
  [[nodiscard]] __device__ Index out_position(const PoolPlace& at) const {
    return ((Index(at.image) * out_height + at.row) * out_width + at.column) * channels + at.channel;
  }

  /// Pixels of the window at `out` along an axis of `extent` pixels.
  [[nodiscard]] __device__ PoolRange pixels(int out, int extent) const {
    const int first = out * stride - padding;
    return {first > 0 ? first : 0, first + kernel < extent ? first + kernel : extent};
  }
  /// Windows over the pixel at `in` along an axis with `extent` windows.
  [[nodiscard]] __device__ PoolRange windows(int in, int extent) const {
    const int last = int(by_stride.quotient(std::uint32_t(in + padding))) + 1;
    const int before = in + padding - kernel;  // the last pixel that is not reached from the first window
    const int first = before < 0 ? 0 : int(by_stride.quotient(std::uint32_t(before))) + 1;
    return {first, last < extent ? last : extent};
  }

 private:
  template <int N>
  [[nodiscard]] __device__ PoolPlace place(std::uint32_t group, const Divider& widths, const Divider& heights) const {
    const auto [pixel, channel_group] = by_channel_groups(group);
    const auto [row, column] = widths(pixel);
    const auto [image, row_of_image] = heights(row);
    return {image, int(row_of_image), int(column), int(channel_group) * N};
  }
};

/// Calls visit(group) for `count` groups, all over the grid.
template <class Visit>
__device__ inline void for_each_pool_group(std::uint32_t count, const Visit& visit) {
  for (auto group = std::uint32_t(grid_thread()); group < count; group += std::uint32_t(grid_threads())) visit(group);
}

/// Calls run(first, images) for parts of a batch whose images have `largest` elements at most, so that a part has fewer
/// than 2^31. Not at all if there are no elements.
template <class Run>
void for_each_part(Index images, Index largest, const Run& run) {
  if (largest == 0) return;
  const Index most = std::max<Index>(1, ((Index{1} << 31) - 1) / largest);
  for (Index first = 0; first < images; first += most) run(first, std::min(most, images - first));
}

}  // namespace fusiform::kernels
