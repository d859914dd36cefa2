#pragma once
/// Gradient of a convolution with respect to an input of few channels. A gather, as in implicit GEMM, would compute few
/// columns (the channels) of a product and leave most lanes of the vectors empty. Here every output pixel is multiplied
/// by all filters, which gives what it contributes to each of the pixels in its window, and the contributions are added
/// up (GEMM and col2im, line by line in the first-level cache).

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/conv2d_implicit_gemm.hpp>
#include <fusiform/ops/cpu/direct_product.hpp>
#include <fusiform/ops/cpu/strided_panels.hpp>
#include <fusiform/ops/cpu/strided_tile.hpp>

namespace fusiform::kernels {

struct ContributionScratch {};
struct GradientLinesScratch {};

/// Every element of dx is summed over the rows of dy, over fixed pieces of each row and over the taps, in this order,
/// so that neither the batch nor the cut among threads changes a bit.
template <Scalar T>
class DirectInputGradient {
 public:
  DirectInputGradient(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options, View<T, Cpu> dx)
      : dy_(dy),
        dx_(dx),
        stride_(options.stride),
        padding_(options.padding),
        kernel_height_(weight.shape()[1]),
        kernel_width_(weight.shape()[2]),
        width_(dx.shape()[2]),
        channels_(dx.shape()[3]),
        pixel_(round_up(channels_, group)),
        grid_height_(dy.shape()[1]),
        grid_width_(dy.shape()[2]),
        outputs_(dy.shape()[3]),
        run_(kernel_width_ * channels_),
        panels_(kernel_height_ * run_, outputs_,
                [&](Index o, Index j) { return weight[o * kernel_height_ * run_ + j]; }),
        piece_(divide_up(grid_width_, divide_up(grid_width_, piece_pixels()))) {}

  void run() const {
    const Index images = dx_.shape()[0];
    const Index height = dx_.shape()[1];
    // Neighbouring bands compute the contributions of the rows of dy between them twice.
    const Index bands = std::clamp<Index>(divide_up(4 * Index{thread_count()}, images), 1, divide_up(height, 16));
    const Index band = divide_up(height, bands);
    parallel_for(images * bands, [&](Index task) {
      const Index first = task % bands * band;
      compute(task / bands, first, std::min(height, first + band));
    });
  }

 private:
  /// Channels are padded to whole groups, so that the sums of neighbouring pixels share no vector: a load that overlaps
  /// two recent stores waits for both.
  static constexpr Index group = std::min(4, simd::lanes<T>);
  using Group __attribute__((vector_size(group * sizeof(T)))) = T;

  FUSIFORM_INLINE static Group load_group(const T* from) {
    Group vector;
    __builtin_memcpy(&vector, from, sizeof(vector));
    return vector;
  }
  FUSIFORM_INLINE static void store_group(T* to, Group vector) { __builtin_memcpy(to, &vector, sizeof(vector)); }

  /// Pixels of dy whose contributions lie in half of a first-level cache together, if there is room for some tiles.
  [[nodiscard]] Index piece_pixels() const {
    return std::max<Index>(56, (Index{1} << 14U) / (panels_.padded_columns() * Index{sizeof(T)} + 1));
  }

  /// Rows first to end - 1 of one dx.
  void compute(Index image, Index first, Index end) const {
    const Index line = width_ * pixel_;
    T* lines = scratch<GradientLinesScratch, T>(kernel_height_ * line);
    std::fill_n(lines, kernel_height_ * line, T{});
    T* contributions = scratch<ContributionScratch, T>(piece_ * panels_.padded_columns() + group);
    std::fill_n(contributions + piece_ * panels_.padded_columns(), group, T{});
    // The rows of dy whose windows reach first to end - 1.
    const Index reach = first + padding_ - kernel_height_ + 1;
    const Index first_dy = reach <= 0 ? 0 : divide_up(reach, stride_);
    const Index end_dy = std::min(grid_height_, (end - 1 + padding_) / stride_ + 1);
    Index written = first;
    for (Index i = first_dy; i < end_dy; ++i) {
      const Index window = i * stride_ - padding_;
      for (Index j = 0; j < grid_width_; j += piece_) {
        const Index j_end = std::min(grid_width_, j + piece_);
        multiply(image, i, j, j_end, contributions);
        for (Index row = std::max(first, window); row < std::min(end, window + kernel_height_); ++row)
          add_contributions(contributions + (row - window) * run_, j, j_end, lines + row % kernel_height_ * line);
      }
      for (; written < std::min(end, window + stride_); ++written) write_row(image, written, lines);
    }
    for (; written < end; ++written) write_row(image, written, lines);
  }

  /// contributions(pixel, (kernel row, kernel column, channel)) of pixels j to j_end - 1 of a row of dy.
  void multiply(Index image, Index row, Index j, Index j_end, T* contributions) const {
    const T* a = dy_.data() + ((image * grid_height_ + row) * grid_width_ + j) * outputs_;
    const Index padded = panels_.padded_columns();
    const T* next = a + (j_end - j) * outputs_;
    for (Index column = 0; column < padded; column += strided_columns<T>) {
      const Index width = panels_.width(column);
      const StridedOperands<T> operands{.a = a,
                                        .b = panels_.at(column),
                                        .lines = 1,
                                        .depth = outputs_,
                                        .a_row = outputs_,
                                        .a_line = 0,
                                        .a_step = 1,
                                        .b_line = 0,
                                        .b_step = width};
      const StridedTarget<T> target{.c = contributions + column, .row = padded, .columns = width};
      if (column == 0) {
        StridedTiles<T>::multiply(j_end - j, operands, {next, outputs_, 0, tile_rows}, target);
      } else {
        StridedTiles<T>::multiply(j_end - j, operands, target);
      }
    }
  }

  /// Adds what pixels j to j_end - 1 contribute through one kernel row to a line of padded pixels.
  void add_contributions(const T* contributions, Index j, Index j_end, T* line) const {
    const Index padded = panels_.padded_columns();
    // From tap b of output pixel q to tap b + stride of pixel q - 1, which meets the same input pixel.
    const Index next = stride_ * channels_ - padded;
    for (Index phase = 0; phase < std::min(stride_, kernel_width_); ++phase) {
      const Index taps = divide_up(kernel_width_ - phase, stride_);
      const Index left = phase - padding_;  // the input pixel of output pixel 0
      const Index begin = std::max(j, left >= 0 ? 0 : divide_up(-left, stride_));
      const Index end = std::min(j_end + taps - 1, width_ <= left ? 0 : divide_up(width_ - left, stride_));
      // All taps of these pixels lie in this piece.
      const Index inner = std::clamp(j + taps - 1, begin, std::max(begin, end));
      const Index inner_end = std::clamp(j_end, inner, std::max(inner, end));
      const T* from = contributions + phase * channels_ - j * padded;
      T* to = line + left * pixel_;
      const auto add_some = [&](Index q) {
        add_taps(from + q * padded, next, std::max<Index>(0, q - j_end + 1), std::min(taps, q - j + 1),
                 to + q * stride_ * pixel_);
      };
      for (Index q = begin; q < inner; ++q) add_some(q);
      add_pixels(inner, inner_end, taps, from, next, to);
      for (Index q = inner_end; q < end; ++q) add_some(q);
    }
  }

  /// Adds taps first to end - 1 to one pixel.
  void add_taps(const T* from, Index next, Index first, Index end, T* to) const {
    for (Index c = 0; c < channels_; c += group) {
      Group sum = load_group(from + c + first * next);
      for (Index tap = first + 1; tap < end; ++tap) sum = sum + load_group(from + c + tap * next);
      store_group(to + c, load_group(to + c) + sum);
    }
  }

  /// The same for all taps of the pixels begin to end - 1; a known number of taps is three times as fast.
  void add_pixels(Index begin, Index end, Index taps, const T* from, Index next, T* to) const {
    const auto add = [&]<int known>(std::integral_constant<int, known>) {
      const Index padded = panels_.padded_columns();
      const Index step = stride_ * pixel_;
      for (Index q = begin; q < end; ++q) {
        Group sum = load_group(from + q * padded);
        simd::unrolled<known - 1>([&](auto tap) __attribute__((always_inline)) {
          sum = sum + load_group(from + q * padded + (tap + 1) * next);
        });
        store_group(to + q * step, load_group(to + q * step) + sum);
      }
    };
    if (pixel_ == group && taps == 1) return add(std::integral_constant<int, 1>{});
    if (pixel_ == group && taps == 2) return add(std::integral_constant<int, 2>{});
    if (pixel_ == group && taps == 3) return add(std::integral_constant<int, 3>{});
    if (pixel_ == group && taps == 4) return add(std::integral_constant<int, 4>{});
    if (pixel_ == group && taps == 5) return add(std::integral_constant<int, 5>{});
    for (Index q = begin; q < end; ++q)
      add_taps(from + q * panels_.padded_columns(), next, 0, taps, to + q * stride_ * pixel_);
  }

  /// Moves a finished line without its padding to dx and leaves zeros for the next row that uses it.
  void write_row(Index image, Index row, T* lines) const {
    T* from = lines + row % kernel_height_ * width_ * pixel_;
    T* to = dx_.data() + (image * dx_.shape()[1] + row) * width_ * channels_;
    const Index size = width_ * channels_;
    for (Index p = 0; p < width_; ++p)
      for (Index c = 0; c < channels_; c += group) {
        const Index at = p * channels_ + c;
        const T* source = from + p * pixel_ + c;
        // The lanes of the padding are overwritten by the next pixel.
        if (at + group <= size) {
          store_group(to + at, load_group(source));
        } else {
          std::copy_n(source, size - at, to + at);
        }
      }
    std::fill_n(from, width_ * pixel_, T{});
  }

  View<const T, Cpu> dy_;
  View<T, Cpu> dx_;
  Index stride_, padding_;
  Index kernel_height_, kernel_width_;
  Index width_, channels_;
  Index pixel_;  ///< channels with padding
  Index grid_height_, grid_width_, outputs_;
  Index run_;  ///< elements of a kernel row
  StridedPanels<T> panels_;
  Index piece_;
};

/// Up to here contributions are added up; more channels fill the vectors of a product.
inline constexpr Index scattered_channels = 8;

template <Scalar T>
void conv2d_backward_input_direct(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options,
                                  View<T, Cpu> dx) {
  if (dx.shape()[3] > scattered_channels) return conv2d_backward_input_product<DirectProduct>(dy, weight, options, dx);
  if (!dx.empty()) DirectInputGradient<T>(dy, weight, options, dx).run();
}

}  // namespace fusiform::kernels
