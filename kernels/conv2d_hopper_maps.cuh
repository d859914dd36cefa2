#pragma once
/// How the copy engine sees the tensors of a convolution, and what it cannot take.

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include <fusiform/core/error.hpp>

#include "arch/bfloat16.cuh"
#include "arch/tensor_map.cuh"
#include "conv2d_hopper_plan.hpp"

namespace fusiform::kernels {

/// An image (images, height, width, channels) and the grid of pixels at which tap (0, 0) reads it: `rows` x `columns`
/// of them, `step` apart, from (first_row, first_column) on. Places outside the image read as zeros.
struct ImageSource {
  const arch::bf16* data;
  int images, height, width, channels;
  int first_row, first_column, rows, columns, step;
};

/// Filters (out, taps, in).
struct FilterSource {
  const arch::bf16* data;
  int out, taps, in;
};

/// One direction of the pixels whose place has the remainder `phase` by the stride: how many there are, which taps
/// reach them (every stride-th, from the last, `last_tap`, down), and at which place of the output gradient the first
/// of them meets the last tap.
struct PhaseTaps {
  int positions, taps, last_tap, first;
};

[[nodiscard]] constexpr PhaseTaps phase_taps(int size, int kernel, int stride, int padding, int phase) {
  const int first_tap = (phase + padding) % stride;
  const int taps = first_tap < kernel ? (kernel - first_tap + stride - 1) / stride : 0;
  const int before = taps > 0 ? taps - 1 : 0;
  return {.positions = (size - phase + stride - 1) / stride,
          .taps = taps,
          .last_tap = first_tap + stride * before,
          .first = (phase + padding - first_tap) / stride - before};
}

[[nodiscard]] inline ImageSource forward_source(const Conv2dProblem& p, const arch::bf16* x) {
  return {.data = x,
          .images = p.images,
          .height = p.height,
          .width = p.width,
          .channels = p.in_channels,
          .first_row = -p.padding,
          .first_column = -p.padding,
          .rows = p.out_height(),
          .columns = p.out_width(),
          .step = p.stride};
}

/// The output gradient, every pixel as it is.
[[nodiscard]] inline ImageSource gradient_source(const Conv2dProblem& p, const arch::bf16* dy) {
  return {.data = dy,
          .images = p.images,
          .height = p.out_height(),
          .width = p.out_width(),
          .channels = p.out_channels,
          .first_row = 0,
          .first_column = 0,
          .rows = p.out_height(),
          .columns = p.out_width(),
          .step = 1};
}

/// Columns of `pixels` pixels, 64 channels wide, at the places of the grid.
[[nodiscard]] inline arch::TensorMap image_map(const ImageSource& s, int pixels) {
  return arch::make_tensor_map(
      arch::Im2colMap{.data = s.data,
                      .images = s.images,
                      .height = s.height,
                      .width = s.width,
                      .channels = s.channels,
                      .lower_row = s.first_row,
                      .lower_column = s.first_column,
                      .upper_row = s.first_row + (s.rows - 1) * s.step - (s.height - 1),
                      .upper_column = s.first_column + (s.columns - 1) * s.step - (s.width - 1),
                      .row_step = s.step,
                      .column_step = s.step,
                      .box_channels = 64,
                      .box_pixels = unsigned(pixels),
                      .swizzle = arch::Swizzle::bytes_128});
}

/// Where a pass over pixels writes: pixel (n, i, j) of the grid of (images, rows, columns) is pixel
/// (n, first_row + i step, first_column + j step) of an image of (height, width, channels).
struct ImageTarget {
  arch::bf16* data;
  int images, height, width, channels;
  int first_row, first_column, rows, columns, step;
  float* floats = nullptr;                  ///< in place of `data` where results are float
  const arch::bf16* relu_output = nullptr;  ///< of the same shape: results are 0 where it is not positive
  const float* relu_floats = nullptr;       ///< in place of `relu_output` where results are float

  /// Whether grid and image are the same pixels.
  [[nodiscard]] bool whole() const { return step == 1 && rows == height && columns == width; }
};

/// 64 channels of 64 pixels that follow each other, in a map of (channels, pixels).
[[nodiscard]] inline arch::TensorMap whole_map(const ImageTarget& t) {
  const std::uint64_t pixels = std::uint64_t(t.images) * unsigned(t.height) * unsigned(t.width);
  return arch::make_tensor_map(arch::TiledMap{.data = t.data,
                                              .extent = {unsigned(t.channels), pixels},
                                              .stride = {},
                                              .box = {64, 64},
                                              .swizzle = arch::Swizzle::bytes_128});
}

/// 64 channels of 8 pixels of a line, in a map of (channels, columns, rows, images) of the grid.
[[nodiscard]] inline arch::TensorMap lines_map(const ImageTarget& t) {
  const std::uint64_t pixel = 2ull * unsigned(t.channels), row = pixel * unsigned(t.width);
  return arch::make_tensor_map(
      arch::TiledMap{.data = t.data + (std::int64_t(t.first_row) * t.width + t.first_column) * t.channels,
                     .extent = {unsigned(t.channels), unsigned(t.columns), unsigned(t.rows), unsigned(t.images)},
                     .stride = {pixel * unsigned(t.step), row * unsigned(t.step), row * unsigned(t.height)},
                     .box = {64, 8, 1, 1},
                     .swizzle = arch::Swizzle::bytes_128});
}

/// 64 input channels of one tap of `filters` filters.
[[nodiscard]] inline arch::TensorMap filter_map(const FilterSource& s, int filters) {
  return arch::make_tensor_map(arch::TiledMap{.data = s.data,
                                              .extent = {unsigned(s.in), unsigned(s.taps), unsigned(s.out)},
                                              .stride = {},
                                              .box = {64, 1, unsigned(filters)},
                                              .swizzle = arch::Swizzle::bytes_128});
}

/// Throws for maxima that a forward pass cannot end with: `group` channels are written at once.
inline void check_hopper_pooling(const char* where, const Conv2dProblem& p, const Conv2dMaxPool& pool, const void* y,
                                 int group) {
  require_setting(p.stride <= 4, where, "stride 1 to 4 before a pooling", p.stride);
  require_setting(p.out_channels % group == 0, where, text("output channels in a multiple of ", group), p.out_channels);
  if (!can_pool(p))
    throw ShapeError(
        text(where, ": expected at least one window of 2 x 2, got ", p.out_height(), " x ", p.out_width()));
  for (const void* pointer : {y, static_cast<const void*>(pool.positions)})
    require_setting(reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0, where, "pointers at multiples of 16 bytes",
                    pointer);
}

/// Throws ConfigError or ShapeError for what the copy engine or the kernels cannot take.
inline void check_hopper_problem(const char* where, const Conv2dProblem& p,
                                 std::initializer_list<const void*> pointers) {
  require_setting(p.images >= 1, where, "at least 1 image", p.images);
  require_setting(p.in_channels >= 8 && p.in_channels % 8 == 0, where, "input channels in a multiple of 8",
                  p.in_channels);
  require_setting(p.out_channels >= 8 && p.out_channels % 8 == 0, where, "output channels in a multiple of 8",
                  p.out_channels);
  // im2col offsets are bytes, strides at most 8, and corners -128 to 127.
  require_setting(p.stride >= 1 && p.stride <= 8, where, "stride 1 to 8", p.stride);
  require_setting(p.padding >= 0 && p.padding <= 100, where, "padding 0 to 100", p.padding);
  const int kernel = std::max(p.kernel_h, p.kernel_w);
  require_setting(kernel <= 100 && p.kernel_h >= 1 && p.kernel_w >= 1, where, "a kernel of 1 to 100 pixels", kernel);
  if (p.height + 2 * p.padding < p.kernel_h || p.width + 2 * p.padding < p.kernel_w)
    throw ShapeError(text(where, ": expected an input that holds the kernel ", p.kernel_h, " x ", p.kernel_w,
                          " with padding ", p.padding, ", got ", p.height, " x ", p.width));
  // Of any grid, those with columns to drop included.
  const std::int64_t lines = std::int64_t(p.images) * std::max(p.height, p.out_height());
  const std::int64_t largest = lines * (std::max(p.width, p.out_width()) + kernel);
  require_setting(largest < (std::int64_t(1) << 31) - 256, where, "fewer than 2^31 pixels", largest);
  for (const void* pointer : pointers)
    require_setting(reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0, where, "pointers at multiples of 16 bytes",
                    pointer);
}

}  // namespace fusiform::kernels
