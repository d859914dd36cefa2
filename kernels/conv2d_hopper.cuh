#pragma once
/// Convolution and its gradients on Hopper (compute capability 9.0, sm_90a): bf16 images (N, H, W, C) and filters
/// (out, kernel_h, kernel_w, in), sums in float. Channels in multiples of 8, pointers at multiples of 16 bytes.
/// The same call gives the same bits on every device with as many multiprocessors.

#include "conv2d_hopper_filters.cuh"
#include "conv2d_hopper_maps.cuh"
#include "conv2d_hopper_pixels.cuh"
#include "conv2d_hopper_plan.hpp"
#include "launch.cuh"
#include "sum_parts.cuh"

namespace fusiform::kernels {

/// Where and how to run. A `tile` of -1 and `splits` of 0 leave the choice to plan_pixels and plan_filters.
struct HopperRun {
  int multiprocessors = 132;
  CudaStream stream = nullptr;
  int tile = -1;
  int splits = 0;
  const char* what = "";  ///< begins the text of an error: the layer
};

namespace detail {

/// Calls run(the tile's type) for entry `tile` of a table.
template <const auto& Table, class Run>
void with_tile(int tile, Run run) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { ((tile == int(I) ? run(HopperTileAt<Table, I>{}) : void()), ...); }
  (std::make_index_sequence<std::size(Table)>{});
}

template <class Tile>
LaunchShape persistent_shape(std::int64_t items, const HopperRun& run) {
  const std::int64_t blocks = std::int64_t(run.multiprocessors) * Tile::blocks_per_multiprocessor;
  return {.grid = {unsigned(std::min(items, blocks)), 1, 1},
          .block = {unsigned(Tile::threads), 1, 1},
          .shared_bytes = std::size_t(Tile::shared_bytes),
          .stream = run.stream,
          .what = run.what};
}

/// Runs the product of one walk over `image` and `filters`.
template <arch::Order Filters>
void run_pixels(PixelWalk walk, ImageSource image, const FilterSource& filters, const ImageTarget& target,
                const Conv2dEpilogue& epilogue, const HopperRun& run) {
  const PixelProduct product{std::int64_t(walk.images) * walk.height,
                             walk.width,
                             target.channels,
                             walk.terms,
                             walk.tap_rows,
                             walk.tap_columns,
                             walk.column_step};
  const bool chosen = run.tile >= 0 && product.takes(hopper_pixel_tiles[run.tile]);
  with_tile<hopper_pixel_tiles>(chosen ? run.tile : plan_pixels(product, run.multiprocessors).tile, [&]<class Tile>(
                                                                                                        Tile) {
    walk.width = image.columns = target.columns + Tile::taps - 1;
    walk.pixel_tiles = int(pieces(product.grid_pixels(Tile::tile), Tile::rows));
    walk.column_tiles = int(pieces(target.channels, Tile::columns));
    const bool whole = Tile::windows == 0 && target.whole();  // windows make grids with columns to drop
    const PixelStore store{.data = target.data,
                           .height = target.height,
                           .width = target.width,
                           .channels = target.channels,
                           .first_row = target.first_row,
                           .first_column = target.first_column,
                           .step = target.step,
                           .lines = walk.images * walk.height,
                           .line = walk.width,
                           .columns = target.columns,
                           .rows = walk.height,
                           .whole = whole,
                           .bias = epilogue.bias,
                           .factor = epilogue.factor,
                           .relu = epilogue.relu};
    launch(conv2d_hopper_pixels<Tile, Filters>, persistent_shape<Tile>(walk.tiles(), run),
           image_map(image, Tile::a_rows), filter_map(filters, Filters == arch::Order::k_major ? Tile::columns : 64),
           whole ? whole_map(target) : lines_map(target), walk, store);
  });
}

/// Gradient of the pixels whose row and column have the given remainders by the stride: a convolution of the output
/// gradient, with stride 1, by those taps that reach them, flipped.
inline void run_backward_input_phase(const Conv2dProblem& p, const arch::bf16* dy, const arch::bf16* weight,
                                     arch::bf16* dx, int phase_row, int phase_column, const HopperRun& run) {
  const PhaseTaps rows = phase_taps(p.height, p.kernel_h, p.stride, p.padding, phase_row);
  const PhaseTaps columns = phase_taps(p.width, p.kernel_w, p.stride, p.padding, phase_column);
  const PixelWalk walk{.images = p.images,
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
                       .column_tiles = 0};
  const ImageTarget target{.data = dx,
                           .images = p.images,
                           .height = p.height,
                           .width = p.width,
                           .channels = p.in_channels,
                           .first_row = phase_row,
                           .first_column = phase_column,
                           .rows = rows.positions,
                           .columns = columns.positions,
                           .step = p.stride};
  const ImageSource source{.data = dy,
                           .images = p.images,
                           .height = p.out_height(),
                           .width = p.out_width(),
                           .channels = p.out_channels,
                           .first_row = rows.first,
                           .first_column = columns.first,
                           .rows = rows.positions,
                           .columns = columns.positions,
                           .step = 1};
  run_pixels<arch::Order::mn_major>(walk, source, {weight, p.out_channels, p.taps(), p.in_channels}, target, {}, run);
}

}  // namespace detail

/// y = epilogue(x * weight). Throws ConfigError for channels, pointers or sizes the copy engine cannot take.
inline void conv2d_forward_hopper(const Conv2dProblem& p, const arch::bf16* x, const arch::bf16* weight,
                                  const Conv2dEpilogue& epilogue, arch::bf16* y, const HopperRun& run = {}) {
  check_hopper_problem("conv2d_forward_hopper", p, {x, weight, epilogue.bias, epilogue.factor, y});
  const PixelWalk walk{.images = p.images,
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
                       .column_tiles = 0};
  const ImageTarget target{.data = y,
                           .images = p.images,
                           .height = p.out_height(),
                           .width = p.out_width(),
                           .channels = p.out_channels,
                           .first_row = 0,
                           .first_column = 0,
                           .rows = p.out_height(),
                           .columns = p.out_width(),
                           .step = 1};
  detail::run_pixels<arch::Order::k_major>(walk, forward_source(p, x),
                                           {weight, p.out_channels, p.taps(), p.in_channels}, target, epilogue, run);
}

/// dx = gradient of the loss by x, from dy, that by y. A stride above 1 takes stride^2 launches.
inline void conv2d_backward_input_hopper(const Conv2dProblem& p, const arch::bf16* dy, const arch::bf16* weight,
                                         arch::bf16* dx, const HopperRun& run = {}) {
  check_hopper_problem("conv2d_backward_input_hopper", p, {dy, weight, dx});
  for (int row = 0; row < std::min(p.stride, p.height); ++row)
    for (int column = 0; column < std::min(p.stride, p.width); ++column)
      detail::run_backward_input_phase(p, dy, weight, dx, row, column, run);
}

/// Tile and ranges of the filter gradient.
[[nodiscard]] inline HopperPlan backward_weight_plan(const Conv2dProblem& p, const HopperRun& run) {
  HopperPlan plan = plan_filters(p, run.multiprocessors, run.tile);
  const std::int64_t most = filter_pixel_blocks(p, hopper_filter_tiles[plan.tile]);
  plan.splits = int(std::min<std::int64_t>(run.splits > 0 ? run.splits : plan.splits, most));
  return plan;
}

/// Scratch memory of a filter gradient in floats: the sums of every range of pixels, and those of the bias.
struct BackwardWeightScratch {
  std::int64_t weights, bias;
  int bias_parts;
  [[nodiscard]] std::int64_t floats() const { return weights + bias; }
};

[[nodiscard]] inline BackwardWeightScratch backward_weight_scratch(const Conv2dProblem& p, const HopperRun& run = {}) {
  const HopperPlan plan = backward_weight_plan(p, run);
  const std::int64_t weights = std::int64_t(p.out_channels) * p.taps() * p.in_channels;
  const int parts = plan.splits * int(filter_column_tiles(p, hopper_filter_tiles[plan.tile])) * 4;
  return {plan.splits == 1 ? 0 : plan.splits * weights, std::int64_t(parts) * p.out_channels, parts};
}

/// dw = gradient of the loss by the filters and db = that by the bias, both in float; db may be nullptr. `scratch` has
/// backward_weight_scratch(p, run).floats() elements.
inline void conv2d_backward_weight_hopper(const Conv2dProblem& p, const arch::bf16* x, const arch::bf16* dy, float* dw,
                                          float* db, float* scratch, const HopperRun& run = {}) {
  check_hopper_problem("conv2d_backward_weight_hopper", p, {x, dy, dw, db, scratch});
  const HopperPlan plan = backward_weight_plan(p, run);
  const BackwardWeightScratch parts = backward_weight_scratch(p, run);
  FilterWalk walk{.images = p.images,
                  .height = p.out_height(),
                  .width = p.out_width(),
                  .first_row = -p.padding,
                  .first_column = -p.padding,
                  .row_step = p.stride,
                  .column_step = p.stride,
                  .tap_rows = p.kernel_h,
                  .tap_columns = p.kernel_w,
                  .in_channels = p.in_channels,
                  .out_channels = p.out_channels,
                  .row_tiles = 0,
                  .column_tiles = 0,
                  .splits = plan.splits,
                  .parts = plan.splits == 1 ? dw : scratch,
                  .bias_parts = db == nullptr ? nullptr : scratch + parts.weights};
  ImageSource image = forward_source(p, x), gradient = gradient_source(p, dy);
  detail::with_tile<hopper_filter_tiles>(plan.tile, [&]<class Tile>(Tile) {
    walk.width = image.columns = gradient.columns = p.out_width() + Tile::taps - 1;
    walk.row_tiles = int(pieces(p.out_channels, Tile::rows));
    walk.column_tiles = int(filter_column_tiles(p, Tile::tile));
    launch(conv2d_hopper_filters<Tile>, detail::persistent_shape<Tile>(walk.items(), run), image_map(gradient, 64),
           image_map(image, 64 + Tile::taps - 1), walk);
  });
  if (plan.splits > 1)
    add_parts({scratch, plan.splits, std::int64_t(p.out_channels) * p.taps() * p.in_channels}, dw, run.stream,
              run.what);
  if (db != nullptr) add_parts({walk.bias_parts, parts.bias_parts, p.out_channels}, db, run.stream, run.what);
}

}  // namespace fusiform::kernels
