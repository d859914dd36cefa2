#pragma once
/// Gradient of a convolution with respect to its filters, patches read where they lie: dw(o, k) = sum over pixels p of
/// dy(p, o) patch(p, k), with patches and gradients read where they lie. A tile in registers holds neighbouring
/// positions k of one kernel row and the outputs o of a panel.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/conv2d_implicit_gemm.hpp>
#include <fusiform/ops/cpu/padded_rows.hpp>
#include <fusiform/ops/cpu/strided_tile.hpp>

namespace fusiform::kernels {

struct DirectPartialScratch {};
struct PackedGradientScratch {};

/// The rows of all images are cut into chunks that depend on the shapes only, and the chunks are added in their order.
/// So the bits do not depend on the number of threads.
template <Scalar T>
class DirectWeightGradient {
 public:
  /// dy: (pixels, outputs); dw: (outputs, patches.columns()).
  DirectWeightGradient(const Patches<T>& patches, const T* dy, Index outputs, T* dw)
      : patches_(patches), dy_(dy), outputs_(outputs), padded_(round_up(outputs, simd::lanes<T>)), dw_(dw) {}

  void run() const {
    const Index size = patches_.columns() * padded_;
    const Index rows = patches_.images * patches_.grid_height;
    const Index chunks = std::clamp<Index>(patches_.rows() / pixels_worthwhile, 1, chunks_wanted);
    const Index chunk_rows = divide_up(rows, chunks);
    T* partial = scratch<DirectPartialScratch, T>(chunks * size);
    parallel_for(chunks, [&](Index chunk) {
      std::fill_n(partial + chunk * size, size, T{});
      const Index end = std::min(rows, (chunk + 1) * chunk_rows);
      for (Index row = chunk * chunk_rows; row < end;) {
        const Index image = row / patches_.grid_height;
        const Index first = row % patches_.grid_height;
        const Index count = std::min({band_rows(), patches_.grid_height - first, end - row});
        add_band(image, first, count, partial + chunk * size);
        row += count;
      }
    });
    parallel_ranges(patches_.columns(), 8, [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) {
        T* sum = partial + k * padded_;
        for (Index chunk = 1; chunk < chunks; ++chunk)
          for (Index o = 0; o < outputs_; ++o) sum[o] += sum[chunk * size + o];
        for (Index o = 0; o < outputs_; ++o) dw_[o * patches_.columns() + k] = sum[o];
      }
    });
  }

 private:
  static constexpr Index chunks_wanted = 32;
  static constexpr Index pixels_worthwhile = 2048;
  /// Pixels summed in registers before they are added to the partial sums: their gradients, a panel wide, take half of
  /// a first-level cache.
  [[nodiscard]] Index block_pixels() const { return (Index{1} << 14U) / (panel_columns() * Index{sizeof(T)}); }

  /// Tiles of four vectors, or with AVX-512, where two fill the registers, of two: then a block has twice the pixels.
  [[nodiscard]] Index panel_columns() const {
    const Index run = patches_.window_width * patches_.channels;
    return run > strided_rows<4> && strided_rows<4> > 4 ? strided_columns<T> / 2 : strided_columns<T>;
  }

  /// Rows whose part of the image is copied together.
  [[nodiscard]] Index band_rows() const { return std::max<Index>(8, divide_up(1024, patches_.grid_width)); }

  /// Adds grid rows first to first + count - 1 of an image, in blocks of whole rows or of parts of a row.
  void add_band(Index image, Index first, Index count, T* sum) const {
    const PaddedRows<T> image_rows = padded_rows(patches_, image, first, count);
    const Index width = patches_.grid_width;
    const T* dy = dy_ + (image * patches_.grid_height + first) * width * outputs_;
    const Index rows_each = std::max<Index>(1, block_pixels() / width);
    const Index pieces = divide_up(width, block_pixels());
    for (Index row = 0; row < count; row += rows_each)
      for (Index piece = 0; piece < pieces; ++piece) {
        const Index column = piece * width / pieces;
        const Index columns = (piece + 1) * width / pieces - column;
        const T* a =
            image_rows.data + row * patches_.step * image_rows.line + column * patches_.step * patches_.channels;
        add_block(a, image_rows.line, dy + (row * width + column) * outputs_, std::min(rows_each, count - row), columns,
                  sum);
      }
  }

  void add_block(const T* image, Index line, const T* dy, Index rows, Index columns, T* sum) const {
    const Index run = patches_.window_width * patches_.channels;
    const T* next = dy + rows * columns * outputs_;
    const Index dy_line = patches_.grid_width * outputs_;
    StridedOperands<T> operands{.a = image,
                                .b = dy,
                                .lines = rows,
                                .depth = columns,
                                .a_row = 1,
                                .a_line = patches_.step * line,
                                .a_step = patches_.step * patches_.channels,
                                .b_line = dy_line,
                                .b_step = outputs_};
    // Each tile fetches one cache line of every pixel of the next block, until it is there.
    constexpr Index fetched = 64 / static_cast<Index>(sizeof(T));
    Index fetch = 0;
    const Index panel = panel_columns();
    for (Index j = 0; j < padded_; j += panel) {
      const Index width = std::min(panel, padded_ - j);
      const T* b = dy + j;
      if (packs_gradients()) {
        b = packed_gradients(b, rows, columns, std::min(width, outputs_ - j), width);
        operands.b_line = columns * width;
        operands.b_step = width;
      }
      for (Index kernel_row = 0; kernel_row < patches_.window_height; ++kernel_row, fetch += fetched) {
        operands.a = image + kernel_row * line;
        operands.b = b;
        const StridedTarget<T> target{
            .c = sum + kernel_row * run * padded_ + j, .row = padded_, .columns = width, .accumulate = true};
        if (fetch < outputs_) {
          StridedTiles<T>::multiply(run, operands, {next + fetch, 0, dy_line, outputs_}, target);
        } else {
          StridedTiles<T>::multiply(run, operands, target);
        }
      }
    }
  }

  /// A panel's gradients are copied if they do not fill whole vectors, or lie so far apart that they share few sets of
  /// the first-level cache. With AVX-512, which reads them half as often, the copy pays later.
  [[nodiscard]] bool packs_gradients() const {
    constexpr Index far_apart = simd::registers == 32 ? 256 : 64;
    return padded_ != outputs_ || padded_ > far_apart;
  }

  /// The first `outputs` gradients of each pixel, filled up with zeros to `width`.
  [[nodiscard]] const T* packed_gradients(const T* dy, Index rows, Index columns, Index outputs, Index width) const {
    T* const packed = scratch<PackedGradientScratch, T>(rows * columns * width);
    T* to = packed;
    for (Index row = 0; row < rows; ++row)
      for (Index column = 0; column < columns; ++column, to += width) {
        copy_short(dy + (row * patches_.grid_width + column) * outputs_, outputs, to);
        zero_short(width - outputs, to + outputs);
      }
    return packed;
  }

  const Patches<T>& patches_;
  const T* dy_;
  Index outputs_;
  Index padded_;  ///< outputs with padding
  T* dw_;
};

template <Scalar T>
void conv2d_backward_weight_direct(View<const T, Cpu> x, View<const T, Cpu> dy, const Conv2dOptions& options,
                                   View<T, Cpu> dw) {
  const Patches<T> patches = convolution_patches(x, dw.shape(), dy.shape(), options);
  DirectWeightGradient<T>(patches, dy.data(), dy.shape()[3], dw.data()).run();
}

}  // namespace fusiform::kernels
