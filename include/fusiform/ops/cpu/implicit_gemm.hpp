#pragma once
/// Product of a patch matrix with a packed matrix: the algorithm of the forward convolution and of its gradient with
/// respect to the input ("implicit GEMM", Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning").

#include <algorithm>
#include <array>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/ops/cpu/gemm.hpp>
#include <fusiform/ops/cpu/patches.hpp>

namespace fusiform::kernels {

/// Where the results of pixel (n, i, j) of the patches' grid go: data + n * image + i * row + j * column.
template <Scalar T>
struct PixelTarget {
  T* data;
  Index image, row, column;
};

/// Pixels whose patches are packed together. With block_depth columns they take a quarter of a 1 MiB second-level
/// cache, and the slice of the packed matrix that they meet another quarter.
inline constexpr Index pixel_block = 16 * tile_rows;
inline constexpr Index panel_block_columns = 256;

struct PackedMatrixScratch {};
struct PatchBlockScratch {};

/// target(pixel, j) = bias(j) + sum over k of patch(pixel, k) * matrix(k, j), for 0 <= j < outputs; with `relu` the
/// larger of that and 0.
/// `pack(k, depth, j, columns, width, panel)` writes one panel of the matrix, `width` columns wide with those that are
/// filled with 0; `bias` may be nullptr.
template <Scalar T, class PackPanel>
class ImplicitGemm {
 public:
  ImplicitGemm(const Patches<T>& patches, Index outputs, const PackPanel& pack, const T* bias,
               const PixelTarget<T>& target, bool relu = false)
      : patches_(patches), outputs_(outputs), pack_(pack), bias_(bias), target_(target), relu_(relu) {}

  /// Cuts the work among the threads. The cut does not change results: no sum is split.
  void run() const {
    const Index pixels = patches_.rows();
    if (pixels == 0 || outputs_ == 0) return;
    const Index threads = thread_count();
    const Index panels = padded_outputs() / panel_width<T>;
    Index pixel_tasks = divide_up(pixels, pixel_block);
    Index output_tasks = 1;
    // Few pixels: share out the outputs. Then each task packs its own part of the matrix, and it is read only once.
    const bool few_pixels = pixel_tasks < 4;
    if (few_pixels && threads > 1)
      output_tasks = std::min(panels, balanced(divide_up(outputs_, panel_block_columns), threads, panels));
    if (!few_pixels || pixel_tasks * output_tasks < threads)
      pixel_tasks = balanced(pixel_tasks, threads, divide_up(pixels, tile_rows));
    const bool pack_first = !few_pixels && padded_outputs() * patches_.columns() <= packed_limit;
    const Index pixels_each = round_up(divide_up(pixels, pixel_tasks), tile_rows);
    const Index outputs_each = divide_up(panels, output_tasks) * panel_width<T>;

    const T* packed = pack_first ? pack_all() : nullptr;
    parallel_for(pixel_tasks * output_tasks, [&](Index task) {
      const Index first_pixel = task / output_tasks * pixels_each;
      const Index first_output = task % output_tasks * outputs_each;
      const Index count = std::min(pixels_each, pixels - first_pixel);
      const Index columns = std::min(outputs_each, outputs_ - first_output);
      if (count > 0 && columns > 0) compute(first_pixel, count, first_output, columns, packed);
    });
  }

 private:
  static constexpr Index packed_limit = Index{1} << 24;  // elements: 64 MiB of floats

  /// `tasks`, or if there are few of them the next multiple of the threads that `limit` allows.
  static Index balanced(Index tasks, Index threads, Index limit) {
    return tasks < 8 * threads ? std::min(round_up(tasks, threads), limit) : tasks;
  }

  [[nodiscard]] Index padded_outputs() const { return round_up(outputs_, panel_width<T>); }

  /// The whole matrix: one slice per block_depth rows, in it one panel after the other.
  [[nodiscard]] const T* pack_all() const {
    const Index depth = patches_.columns();
    T* packed = scratch<PackedMatrixScratch, T>(padded_outputs() * depth);
    const Index panels = padded_outputs() / panel_width<T>;
    parallel_for(divide_up(depth, block_depth<T>), [&](Index slice) {
      const Index k = slice * block_depth<T>;
      const Index slice_depth = std::min(block_depth<T>, depth - k);
      T* to = packed + k * padded_outputs();
      for (Index panel = 0; panel < panels; ++panel, to += slice_depth * panel_width<T>)
        pack_panel(k, slice_depth, panel * panel_width<T>, to);
    });
    return packed;
  }

  void pack_panel(Index k, Index depth, Index j, T* panel) const {
    pack_(k, depth, j, std::min(panel_width<T>, outputs_ - j), panel_width<T>, panel);
  }

  /// Pixels first_pixel.. and outputs first_output..; `packed` is nullptr if the matrix is not packed yet.
  void compute(Index first_pixel, Index pixels, Index first_output, Index outputs, const T* packed) const {
    struct SliceScratch {};
    const Index depth = patches_.columns();
    T* block = scratch<PatchBlockScratch, T>(pixel_block * block_stride<T>);
    T* slice = packed == nullptr
                   ? scratch<SliceScratch, T>(round_up(std::min(outputs, panel_block_columns), panel_width<T>) *
                                              block_depth<T>)
                   : nullptr;
    std::array<T*, pixel_block> rows;
    for (Index first = 0; first < pixels; first += pixel_block) {
      const Index count = std::min(pixel_block, pixels - first);
      find_rows(first_pixel + first, count, rows);
      if (depth == 0) fill_with_bias(count, first_output, outputs, rows);
      for (Index k = 0; k < depth; k += block_depth<T>) {
        const Index block_columns = std::min(block_depth<T>, depth - k);
        pack_patches(patches_, first_pixel + first, count, k, k + block_columns, block, block_stride<T>);
        for (Index j0 = 0; j0 < outputs; j0 += panel_block_columns) {
          const Index j_end = std::min(outputs, j0 + panel_block_columns);
          const T* panels = slice;
          if (packed != nullptr) {
            panels = packed + k * padded_outputs() + (first_output + j0) * block_columns;
          } else {
            for (Index j = j0; j < j_end; j += panel_width<T>)
              pack_panel(k, block_columns, first_output + j, slice + (j - j0) * block_columns);
          }
          multiply(count, k, block_columns, first_output + j0, first_output + j_end, block, panels, rows);
        }
      }
    }
  }

  /// A tile of patches stays in the first-level cache while the panels stream past it.
  void multiply(Index count, Index k, Index depth, Index j0, Index j_end, const T* block, const T* panels,
                const std::array<T*, pixel_block>& rows) const {
    for (Index i = 0; i < count; i += tile_rows) {
      const T* panel = panels;
      for (Index j = j0; j < j_end; j += panel_width<T>, panel += depth * panel_width<T>) {
        const bool last = k + depth == patches_.columns();
        const TileTarget<T> target{rows.data() + i, j,     std::min(panel_width<T>, j_end - j),
                                   k > 0,           bias_, relu_ && last};
        multiply_panel<RowsOfA<T>>(
            std::min<Index>(tile_rows, count - i), depth,
            [&](Index row) { return block + (i + row) * block_stride<T>; }, panel, target);
      }
    }
  }

  void find_rows(Index first, Index count, std::array<T*, pixel_block>& rows) const {
    GridPosition position = patches_.position(first);
    for (Index i = 0; i < count; ++i, position.advance())
      rows[static_cast<std::size_t>(i)] = target_.data + position.image() * target_.image +
                                          position.row() * target_.row + position.column() * target_.column;
  }

  /// A window without pixels: what is left of the sum is the bias.
  void fill_with_bias(Index count, Index first_output, Index outputs, const std::array<T*, pixel_block>& rows) const {
    for (Index i = 0; i < count; ++i)
      for (Index j = first_output; j < first_output + outputs; ++j) {
        const T value = bias_ == nullptr ? T{} : bias_[j];
        rows[static_cast<std::size_t>(i)][j] = relu_ && value < T{} ? T{} : value;
      }
  }

  const Patches<T>& patches_;
  Index outputs_;
  const PackPanel& pack_;
  const T* bias_;
  const PixelTarget<T>& target_;
  bool relu_;
};

}  // namespace fusiform::kernels
