#pragma once
/// Product of a patch matrix with a packed matrix, patches read where they lie in the image: the algorithm of `direct`
/// convolution and of its gradient with respect to inputs of many channels.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/ops/cpu/implicit_gemm.hpp>
#include <fusiform/ops/cpu/padded_rows.hpp>
#include <fusiform/ops/cpu/strided_tile.hpp>

namespace fusiform::kernels {

/// A slice of the patch matrix: `lines` kernel rows from `line` on, of each the elements offset to offset + depth - 1.
struct PatchSlice {
  Index line, lines, offset, depth;
};

/// The columns of a patch matrix cut into slices of about the same size: whole kernel rows, or parts of one.
class PatchSlices {
 public:
  /// Windows of `lines` kernel rows of `run` elements.
  PatchSlices(Index lines, Index run, Index limit)
      : lines_(lines),
        run_(run),
        parts_(std::max<Index>(1, divide_up(run, limit))),
        depth_(divide_up(run, parts_)),
        lines_each_(std::max<Index>(1, limit / std::max<Index>(1, run))) {
    if (lines > 0) lines_each_ = divide_up(lines, divide_up(lines, lines_each_));
  }

  /// At least one, which is empty if the windows are.
  [[nodiscard]] Index count() const noexcept { return std::max<Index>(1, divide_up(lines_, lines_each_)) * parts_; }

  [[nodiscard]] PatchSlice operator[](Index slice) const noexcept {
    const Index line = slice / parts_ * lines_each_;
    const Index offset = slice % parts_ * depth_;
    return {line, std::min(lines_each_, lines_ - line), offset, std::min(depth_, run_ - offset)};
  }

  /// The first column of a slice.
  [[nodiscard]] Index column(const PatchSlice& slice) const noexcept { return slice.line * run_ + slice.offset; }

 private:
  Index lines_, run_;
  Index parts_;       ///< slices of a kernel row
  Index depth_;       ///< elements of a part
  Index lines_each_;  ///< kernel rows of a slice
};

/// 1x1 filters see pixels, whatever rows these stand in. If the target has no gaps either, the same pixels become rows
/// of a length that suits tiles.
template <Scalar T>
void join_rows(Patches<T>& patches, PixelTarget<T>& target) {
  const bool same_pixels = patches.window_height == 1 && patches.window_width == 1 && patches.step == 1 &&
                           patches.first_row == 0 && patches.first_column == 0 &&
                           patches.grid_height == patches.height && patches.grid_width == patches.width;
  const bool no_gaps = target.row == patches.width * target.column && target.image == patches.height * target.row;
  if (!same_pixels || !no_gaps || patches.rows() == 0) return;
  const Index rows = patches.images * patches.height;
  Index joined = std::clamp<Index>(64 / patches.width, 1, rows);
  while (rows % joined != 0) --joined;
  patches.images = 1;
  patches.width = patches.grid_width = patches.width * joined;
  patches.height = patches.grid_height = rows / joined;
  target.row *= joined;
  target.image = patches.height * target.row;
}

struct StartScratch {};

/// target(pixel, j) = bias(j) + sum over k of patch(pixel, k) * matrix(k, j), for 0 <= j < outputs; with `relu` the
/// larger of that and 0. Like ImplicitGemm, without a copy of the patches.
template <Scalar T, class PackPanel>
class DirectProduct {
 public:
  /// `pack`, `bias` and the places of the target's pixels, rows and images as in ImplicitGemm.
  DirectProduct(const Patches<T>& patches, Index outputs, const PackPanel& pack, const T* bias,
                const PixelTarget<T>& target, bool relu = false)
      : patches_(patches),
        slices_(patches.window_height, patches.window_width * patches.channels, slice_limit),
        outputs_(outputs),
        pack_(pack),
        bias_(bias),
        target_(target),
        relu_(relu) {
    join_rows(patches_, target_);
  }

  /// The cut among the threads does not change results: no sum is split.
  void run() const {
    if (patches_.rows() == 0 || outputs_ == 0) return;
    const T* packed = pack_all();
    const T* start = padded_bias();
    const Index band = band_rows();
    const Index bands = divide_up(patches_.grid_height, band);
    parallel_for(patches_.images * bands, [&](Index task) {
      const Index first = task % bands * band;
      compute(task / bands, first, std::min(band, patches_.grid_height - first), packed, start);
    });
  }

 private:
  /// Columns of the patch matrix that are summed in registers before the target is visited. Their panel of the packed
  /// matrix streams from the second-level cache.
  static constexpr Index slice_limit = 512;
  /// Pixels for which a panel is read once, and pixels that are worth a task.
  static constexpr Index group_pixels = 224;
  static constexpr Index task_pixels = 1024;
  /// Elements of the image that a task copies at most, if possible: a quarter of a second-level cache.
  static constexpr Index copied = (Index{1} << 18U) / Index{sizeof(T)};

  static constexpr Index panel_columns = strided_columns<T>;

  [[nodiscard]] Index padded_outputs() const { return round_up(outputs_, simd::lanes<T>); }
  /// Columns of the panel that starts at `j`, filled up to whole vectors.
  [[nodiscard]] Index width(Index j) const { return std::min(panel_columns, padded_outputs() - j); }

  [[nodiscard]] Index rows_for(Index pixels) const { return divide_up(pixels, patches_.grid_width); }

  /// Grid rows of one task: enough to pay for the rows of the image that two tasks share, few enough for some tasks
  /// per thread.
  [[nodiscard]] Index band_rows() const {
    const Index fitting = copied / (patches_.step * patches_.width * patches_.channels + 1);
    const Index worthwhile = std::max({Index{8}, rows_for(group_pixels), std::min(rows_for(task_pixels), fitting)});
    const Index fair = divide_up(patches_.images * patches_.grid_height, 4 * Index{thread_count()});
    return std::clamp<Index>(std::min(worthwhile, std::max(fair, rows_for(group_pixels / 4))), 1, patches_.grid_height);
  }

  /// Slice after slice, in each one panel after the other.
  [[nodiscard]] const T* pack_all() const {
    T* packed = scratch<PackedMatrixScratch, T>(padded_outputs() * patches_.columns() + 1);
    parallel_for(slices_.count(), [&](Index i) {
      const PatchSlice slice = slices_[i];
      const Index k = slices_.column(slice);
      const Index depth = slice.lines * slice.depth;
      T* to = packed + k * padded_outputs();
      for (Index j = 0; depth > 0 && j < outputs_; j += panel_columns)
        pack_(k, depth, j, std::min(panel_columns, outputs_ - j), width(j), to + j * depth);
    });
    return packed;
  }

  [[nodiscard]] const T* padded_bias() const {
    if (bias_ == nullptr) return nullptr;
    T* start = scratch<StartScratch, T>(padded_outputs());
    std::fill(std::copy_n(bias_, outputs_, start), start + padded_outputs(), T{});
    return start;
  }

  /// Grid rows first to first + rows - 1 of an image.
  void compute(Index image, Index first, Index rows, const T* packed, const T* start) const {
    const PaddedRows<T> padded = padded_rows(patches_, image, first, rows);
    T* const to = target_.data + image * target_.image + first * target_.row;
    const Index group = rows_for(group_pixels);
    for (Index begin = 0; begin < rows; begin += group) {
      const Index end = std::min(rows, begin + group);
      for (Index i = 0; i < slices_.count(); ++i) {
        const PatchSlice slice = slices_[i];
        const T* const matrix = packed + slices_.column(slice) * padded_outputs();
        const bool last = i + 1 == slices_.count();
        for (Index j = 0; j < outputs_; j += panel_columns) {
          const T* const panel = matrix + j * slice.lines * slice.depth;
          for (Index row = begin; row < end; ++row) {
            const StridedTarget<T> target{.c = to + row * target_.row + j,
                                          .row = target_.column,
                                          .columns = std::min(panel_columns, outputs_ - j),
                                          .start = start == nullptr || i > 0 ? nullptr : start + j,
                                          .accumulate = i > 0,
                                          .relu = relu_ && last};
            const T* windows = padded.data + row * patches_.step * padded.line;
            const FetchAhead<T> fetch =
                pixels_only() && j == 0 ? next_group(padded, begin, end, slice, row) : FetchAhead<T>{panel, 0, 0, 0};
            multiply(first + row, slice, windows, padded.line, panel, width(j), fetch, target);
          }
        }
      }
    }
  }

  [[nodiscard]] bool pixels_only() const {
    return patches_.window_height == 1 && patches_.window_width == 1 && patches_.step == 1;
  }

  /// While the first panel of a slice meets the grid rows begin to end - 1 of pixels that nothing has read yet, as much
  /// of the rows behind them is fetched as the slice has of these.
  [[nodiscard]] FetchAhead<T> next_group(const PaddedRows<T>& padded, Index begin, Index end, const PatchSlice& slice,
                                         Index row) const {
    const Index width = patches_.grid_width;
    const Index fetched = (slice.offset * (end - begin) + slice.depth * (row - begin)) * width;
    return {padded.data + end * padded.line + fetched, slice.depth, 0, strided_rows<4>};
  }

  /// One grid row; kernel rows outside of the image are left out.
  void multiply(Index grid_row, PatchSlice slice, const T* windows, Index line, const T* panel, Index width,
                const FetchAhead<T>& fetch, const StridedTarget<T>& target) const {
    const Index top = grid_row * patches_.step + patches_.first_row;
    const Index begin = std::max(slice.line, -top);
    const Index end = std::min(slice.line + slice.lines, patches_.height - top);
    if (begin >= end && target.accumulate && !target.relu) return;
    const StridedOperands<T> operands{.a = windows + begin * line + slice.offset,
                                      .b = panel + (begin - slice.line) * slice.depth * width,
                                      .lines = std::max<Index>(0, end - begin),
                                      .depth = slice.depth,
                                      .a_row = patches_.step * patches_.channels,
                                      .a_line = line,
                                      .a_step = 1,
                                      .b_line = slice.depth * width,
                                      .b_step = width};
    StridedTiles<T>::multiply(patches_.grid_width, operands, fetch, target);
  }

  Patches<T> patches_;
  PatchSlices slices_;
  Index outputs_;
  const PackPanel& pack_;
  const T* bias_;
  PixelTarget<T> target_;
  bool relu_;
};

}  // namespace fusiform::kernels
