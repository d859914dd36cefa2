#pragma once
/// Gradient of a convolution with respect to its filters: dw(o, k) = sum over pixels p of dy(p, o) patch(p, k).

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/add_chunks.hpp>
#include <fusiform/ops/cpu/conv2d_implicit_gemm.hpp>

namespace fusiform::kernels {

/// Pixels summed in registers before they are added to dw. Half a first-level cache of patches (two vectors wide).
inline constexpr Index pixel_depth = 128;

struct WeightGradientPartialScratch {};
struct OutputGradientScratch {};
struct FilterRowScratch {};

/// The sum over pixels is cut into chunks that depend on the shapes only; each chunk and each block of filter columns
/// is one task. Chunks are added in their order. So the bits do not depend on the number of threads.
template <Scalar T>
class WeightGradient {
 public:
  /// dy: (pixels, outputs); dw: (outputs, patches.columns()).
  WeightGradient(const Patches<T>& patches, const T* dy, Index outputs, T* dw)
      : patches_(patches), dy_(dy), outputs_(outputs), dw_(dw) {}

  void run() const {
    const Index pixels = patches_.rows();
    const Index columns = patches_.columns();
    const Index size = outputs_ * columns;
    if (size == 0) return;
    if (pixels == 0) {
      std::fill_n(dw_, size, T{});
      return;
    }
    const Index blocks = divide_up(columns, block_depth<T>);
    const Index block_columns = round_up(divide_up(columns, blocks), panel_width<T>);
    const Index chunks = std::clamp<Index>(divide_up(tasks_wanted, blocks), 1, divide_up(pixels, pixels_worthwhile));
    const Index chunk_pixels = round_up(divide_up(pixels, chunks), pixel_depth);
    T* partial = chunks > 1 ? scratch<WeightGradientPartialScratch, T>((chunks - 1) * size) : nullptr;
    parallel_for(chunks * blocks, [&](Index task) {
      const Index chunk = task / blocks;
      const Index column = task % blocks * block_columns;
      T* sum = chunk == 0 ? dw_ : partial + (chunk - 1) * size;
      compute(std::min(pixels, chunk * chunk_pixels), std::min(pixels, (chunk + 1) * chunk_pixels), column,
              std::min(columns, column + block_columns), sum);
    });
    add_chunks(partial, chunks - 1, size, dw_);
  }

 private:
  static constexpr Index tasks_wanted = 32;
  static constexpr Index pixels_worthwhile = 1024;

  /// Pixels first to end - 1, columns begin to column_end - 1 of all filters, into `sum` of dw's shape.
  void compute(Index first, Index end, Index begin, Index column_end, T* sum) const {
    const Index columns = patches_.columns();
    const Index tiles = divide_up(outputs_, tile_rows);
    T* block = scratch<PatchBlockScratch, T>(std::max(pixel_block, pixel_depth) * block_stride<T>);
    T* gradients = scratch<OutputGradientScratch, T>(tiles * tile_rows * pixel_depth);
    T** rows = scratch<FilterRowScratch, T*>(outputs_);
    for (Index o = 0; o < outputs_; ++o) rows[o] = sum + o * columns;
    if (first >= end) {
      for (Index o = 0; o < outputs_; ++o) std::fill(rows[o] + begin, rows[o] + column_end, T{});
      return;
    }
    if ((column_end - begin) % panel_width<T> != 0) std::fill_n(block, pixel_depth * block_stride<T>, T{});
    for (Index p = first; p < end; p += pixel_depth) {
      const Index depth = std::min(pixel_depth, end - p);
      pack_patches(patches_, p, depth, begin, column_end, block, block_stride<T>);
      pack_gradients(p, depth, gradients);
      for (Index k = begin; k < column_end; k += panel_width<T>) {
        const TileTarget<T> target{rows, k, std::min(panel_width<T>, column_end - k), p > first, nullptr};
        multiply_panel<PanelsOfA<T>>(
            outputs_, depth,
            [&](Index row) { return gradients + row / tile_rows * tile_rows * pixel_depth + row % tile_rows; },
            block + (k - begin), target);
      }
    }
  }

  /// Panels of tile_rows output channels, pixel after pixel.
  void pack_gradients(Index first, Index depth, T* panels) const {
    for (Index o = 0; o < outputs_; o += tile_rows, panels += tile_rows * pixel_depth) {
      const T* from = dy_ + first * outputs_ + o;
      const Index rows = std::min<Index>(tile_rows, outputs_ - o);
      T* to = panels;
      if (rows == tile_rows) {
        for (Index p = 0; p < depth; ++p, from += outputs_, to += tile_rows)
          std::memcpy(to, from, tile_rows * sizeof(T));
      } else {
        for (Index p = 0; p < depth; ++p, from += outputs_, to += tile_rows)
          for (Index i = 0; i < rows; ++i) to[i] = from[i];
      }
    }
  }

  const Patches<T>& patches_;
  const T* dy_;
  Index outputs_;
  T* dw_;
};

template <Scalar T>
void conv2d_backward_weight_implicit_gemm(View<const T, Cpu> x, View<const T, Cpu> dy, const Conv2dOptions& options,
                                          View<T, Cpu> dw) {
  const Patches<T> patches = convolution_patches(x, dw.shape(), dy.shape(), options);
  WeightGradient<T>(patches, dy.data(), dy.shape()[3], dw.data()).run();
}

}  // namespace fusiform::kernels
