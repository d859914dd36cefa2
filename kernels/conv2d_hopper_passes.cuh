#pragma once
/// A forward pass and an input gradient as passes over the pixels of a grid.

#include <algorithm>
#include <vector>

#include "conv2d_hopper_maps.cuh"
#include "conv2d_hopper_pixels.cuh"
#include "conv2d_hopper_plan.hpp"

namespace fusiform::kernels::detail {

/// A pass over the pixels of one grid.
struct PixelPass {
  PixelWalk walk;
  ImageSource image;
  ImageTarget target;
  int places = 1;         ///< PixelProduct::places
  int between_width = 0;  ///< PixelStore::between_width

  [[nodiscard]] PixelProduct product() const {
    return {.lines = std::int64_t(walk.images) * walk.height,
            .width = walk.width,
            .channels = target.channels,
            .terms = walk.terms,
            .tap_rows = walk.tap_rows,
            .tap_columns = walk.tap_columns,
            .column_step = walk.column_step,
            .products = walk.planes.products(),
            .places = places};
  }
  [[nodiscard]] int taps() const { return walk.tap_rows * walk.tap_columns; }
};

/// The forward pass, of `image` (whose channels may be two planes).
[[nodiscard]] inline PixelPass forward_pass(const Conv2dProblem& p, const ImageSource& image,
                                            const HopperPlanes& planes) {
  return {.walk = {.images = p.images,
                   .height = p.out_height(),
                   .width = p.out_width(),
                   .first_row = -p.padding,
                   .first_column = -p.padding,
                   .row_step = p.stride,
                   .column_step = p.stride,
                   .tap_rows = p.kernel_h,
                   .tap_columns = p.kernel_w,
                   .first_tap = 0,
                   .tap_row_step = p.kernel_w,
                   .tap_column_step = 1,
                   .terms = p.in_channels,
                   .pixel_tiles = 0,
                   .column_tiles = 0,
                   .planes = planes},
          .image = image,
          .target = {.data = nullptr,
                     .images = p.images,
                     .height = p.out_height(),
                     .width = p.out_width(),
                     .channels = p.out_channels,
                     .first_row = 0,
                     .first_column = 0,
                     .rows = p.out_height(),
                     .columns = p.out_width(),
                     .step = 1}};
}

/// The forward pass with maxima of windows as its results.
[[nodiscard]] inline PixelPass pooled_pass(PixelPass pass) {
  pass.places = 4;
  pass.between_width = pass.walk.width;
  for (int* half : {&pass.walk.height, &pass.walk.width, &pass.image.rows, &pass.image.columns, &pass.target.height,
                    &pass.target.width, &pass.target.rows, &pass.target.columns})
    *half /= 2;
  for (int* twice : {&pass.walk.row_step, &pass.walk.column_step, &pass.image.step}) *twice *= 2;
  return pass;
}

/// Gradient of the pixels whose row and column have the given remainders by the stride: a convolution of the output
/// gradient, with stride 1, by those taps that reach them, flipped.
[[nodiscard]] inline PixelPass backward_input_pass(const Conv2dProblem& p, ImageSource gradient,
                                                   const HopperPlanes& planes, int phase_row, int phase_column) {
  const PhaseTaps rows = phase_taps(p.height, p.kernel_h, p.stride, p.padding, phase_row);
  const PhaseTaps columns = phase_taps(p.width, p.kernel_w, p.stride, p.padding, phase_column);
  gradient.first_row = rows.first, gradient.first_column = columns.first;
  gradient.rows = rows.positions, gradient.columns = columns.positions;
  return {.walk = {.images = p.images,
                   .height = rows.positions,
                   .width = columns.positions,
                   .first_row = rows.first,
                   .first_column = columns.first,
                   .row_step = 1,
                   .column_step = 1,
                   .tap_rows = columns.taps > 0 ? rows.taps : 0,
                   .tap_columns = rows.taps > 0 ? columns.taps : 0,
                   .first_tap = rows.last_tap * p.kernel_w + columns.last_tap,
                   .tap_row_step = -p.stride * p.kernel_w,
                   .tap_column_step = -p.stride,
                   .terms = p.out_channels,
                   .pixel_tiles = 0,
                   .column_tiles = 0,
                   .planes = planes},
          .image = gradient,
          .target = {.data = nullptr,
                     .images = p.images,
                     .height = p.height,
                     .width = p.width,
                     .channels = p.in_channels,
                     .first_row = phase_row,
                     .first_column = phase_column,
                     .rows = rows.positions,
                     .columns = columns.positions,
                     .step = p.stride}};
}

/// All passes of an input gradient, those with the most taps first, so that short ones fill the end of a launch.
[[nodiscard]] inline std::vector<PixelPass> backward_input_passes(const Conv2dProblem& p, const ImageSource& gradient,
                                                                  const HopperPlanes& planes) {
  std::vector<PixelPass> passes;
  for (int row = 0; row < std::min(p.stride, p.height); ++row)
    for (int column = 0; column < std::min(p.stride, p.width); ++column)
      passes.push_back(backward_input_pass(p, gradient, planes, row, column));
  std::stable_sort(passes.begin(), passes.end(),
                   [](const PixelPass& a, const PixelPass& b) { return a.taps() > b.taps(); });
  return passes;
}

}  // namespace fusiform::kernels::detail
