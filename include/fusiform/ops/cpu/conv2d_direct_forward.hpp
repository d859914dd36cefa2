#pragma once
/// Forward convolution that reads patches where they lie in the image. Made for images of few channels, whose patches
/// are short beside the outputs that are computed from them: packing them costs as much as the multiplications.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/conv2d_implicit_gemm.hpp>
#include <fusiform/ops/cpu/padded_rows.hpp>
#include <fusiform/ops/cpu/strided_panels.hpp>
#include <fusiform/ops/cpu/strided_tile.hpp>

namespace fusiform::kernels {

/// Output rows of one task: enough pixels to pay for the rows of the image that two tasks share, few enough for some
/// tasks per thread. Results do not depend on it.
[[nodiscard]] inline Index direct_band(Index images, Index grid_height, Index grid_width) {
  const Index worthwhile = std::max<Index>(8, divide_up(1024, grid_width));
  const Index fair = divide_up(images * grid_height, 4 * Index{thread_count()});
  return std::clamp<Index>(std::min(worthwhile, fair), 1, grid_height);
}

template <Scalar T>
void conv2d_forward_direct(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                           const Conv2dOptions& options, View<T, Cpu> y) {
  if (y.empty()) return;
  const Patches<T> patches = convolution_patches(x, weight.shape(), y.shape(), options);
  const Index outputs = y.shape()[3];
  const Index depth = patches.columns();
  const Index run = patches.window_width * patches.channels;
  const StridedPanels<T> panels(outputs, depth + 1, [&](Index k, Index j) {
    if (k > 0) return weight[j * depth + k - 1];
    return bias.data() == nullptr ? T{} : bias[j];
  });
  const Index band = direct_band(patches.images, patches.grid_height, patches.grid_width);
  const Index bands = divide_up(patches.grid_height, band);
  parallel_for(patches.images * bands, [&](Index task) {
    const Index image = task / bands;
    const Index first = task % bands * band;
    const Index rows = std::min(band, patches.grid_height - first);
    const PaddedRows<T> padded = padded_rows(patches, image, first, rows);
    T* to = y.data() + (image * patches.grid_height + first) * patches.grid_width * outputs;
    for (Index row = 0; row < rows; ++row, to += patches.grid_width * outputs) {
      for (Index j = 0; j < outputs; j += strided_columns<T>) {
        const T* panel = panels.at(j);
        const Index width = panels.width(j);
        const StridedOperands<T> operands{.a = padded.data + row * patches.step * padded.line,
                                          .b = panel + width,
                                          .lines = patches.window_height,
                                          .depth = run,
                                          .a_row = patches.step * patches.channels,
                                          .a_line = padded.line,
                                          .a_step = 1,
                                          .b_line = run * width,
                                          .b_step = width};
        StridedTiles<T>::multiply(patches.grid_width, operands,
                                  {.c = to + j,
                                   .row = outputs,
                                   .columns = std::min(width, outputs - j),
                                   .start = panel,
                                   .relu = options.relu});
      }
    }
  });
}

}  // namespace fusiform::kernels
