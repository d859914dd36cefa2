#pragma once
/// Launches of the Hopper convolutions: from shapes and tensors to walks, tensor maps and a tile.

#include <algorithm>
#include <array>
#include <concepts>
#include <span>

#include "conv2d_hopper_filters.cuh"
#include "conv2d_hopper_passes.cuh"
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

[[nodiscard]] inline PixelStore pixel_store(const PixelPass& pass, const Conv2dEpilogue& epilogue, bool whole) {
  const ImageTarget& t = pass.target;
  return {.data = t.data,
          .height = t.height,
          .width = t.width,
          .channels = t.channels,
          .first_row = t.first_row,
          .first_column = t.first_column,
          .step = t.step,
          .lines = pass.walk.images * pass.walk.height,
          .line = pass.walk.width,
          .columns = t.columns,
          .rows = pass.walk.height,
          .whole = whole,
          .bias = epilogue.bias,
          .factor = epilogue.factor,
          .relu = epilogue.relu,
          .floats = t.floats,
          .relu_output = t.relu_output,
          .relu_floats = t.relu_floats,
          .positions = epilogue.max_pool.positions,
          .after_relu = epilogue.max_pool.after_relu,
          .between_width = pass.between_width};
}

/// At most `Count` passes in one launch, cut into tiles of one kind.
template <class Tile, arch::Order Filters, class Out, int Count>
void launch_pixels(std::span<const PixelPass> passes, const FilterSource& filters, const Conv2dEpilogue& epilogue,
                   const HopperRun& run) {
  PixelWork<Count> work;
  work.filters = filter_map(filters, Filters == arch::Order::k_major ? Tile::columns : 64);
  work.first_tile[0] = 0;
  for (std::size_t i = 0; i < Count; ++i) {
    PixelPass pass = passes[std::min(i, passes.size() - 1)];  // beyond the last: of no tiles
    pass.walk.width = pass.image.columns = pass.target.columns + Tile::taps - 1;
    pass.walk.pixel_tiles = int(pieces(pass.product().lines * pass.walk.width * pass.places, Tile::rows));
    pass.walk.column_tiles = int(pieces(pass.target.channels, Tile::columns));
    const bool whole = Tile::windows == 0 && pass.target.whole();  // windows make grids with columns to drop
    work.image[i] = image_map(pass.image, box_pixels<Tile, are_maxima<Out>>);
    work.result[i] = !std::same_as<Out, arch::bf16> ? work.filters  // not used
                     : whole                        ? whole_map(pass.target)
                                                    : lines_map(pass.target);
    work.walk[i] = pass.walk;
    work.store[i] = pixel_store(pass, epilogue, whole);
    work.first_tile[i + 1] = work.first_tile[i] + (i < passes.size() ? pass.walk.tiles() : 0);
  }
  launch(conv2d_hopper_pixels<Tile, Filters, Out, Count>, persistent_shape<Tile>(work.tiles(), run), work);
}

/// Runs at most `Count` passes in one launch, with results of type Out.
template <arch::Order Filters, class Out, int Count>
void run_pixels(std::span<const PixelPass> passes, const FilterSource& filters, const Conv2dEpilogue& epilogue,
                const HopperRun& run) {
  std::array<PixelProduct, Count> products;
  for (std::size_t i = 0; i < passes.size(); ++i) products[i] = passes[i].product();
  const std::span<const PixelProduct> asked(products.data(), passes.size());
  const auto takes = [&](const PixelProduct& product) { return product.takes(hopper_pixel_tiles[run.tile]); };
  const bool chosen = run.tile >= 0 && std::all_of(asked.begin(), asked.end(), takes);
  with_tile<hopper_pixel_tiles>(chosen ? run.tile : plan_pixels(asked, run.multiprocessors).tile,
                                [&]<class Tile>(Tile) {
                                  if constexpr (Tile::taps == 1 || !are_maxima<Out>)  // as PixelProduct::takes says
                                    launch_pixels<Tile, Filters, Out, Count>(passes, filters, epilogue, run);
                                });
}

/// The forward pass by filters (out, taps, in), or (out, taps, planes of in).
template <class Out>
void run_forward(PixelPass pass, const FilterSource& filters, const Conv2dEpilogue& epilogue, const HopperRun& run) {
  if (epilogue.max_pool.wanted) pass = pooled_pass(pass);
  const std::span<const PixelPass> passes(&pass, 1);
  if (epilogue.max_pool.wanted)
    run_pixels<arch::Order::k_major, Maxima<Out>, 1>(passes, filters, epilogue, run);
  else
    run_pixels<arch::Order::k_major, Out, 1>(passes, filters, epilogue, run);
}

/// The input gradient; four passes a launch.
template <class Out>
void run_backward_input(std::span<const PixelPass> passes, const FilterSource& filters, const HopperRun& run) {
  if (passes.size() == 1) return run_pixels<arch::Order::mn_major, Out, 1>(passes, filters, {}, run);
  for (; !passes.empty(); passes = passes.subspan(std::min<std::size_t>(passes.size(), 4)))
    run_pixels<arch::Order::mn_major, Out, 4>(passes.first(std::min<std::size_t>(passes.size(), 4)), filters, {}, run);
}

}  // namespace detail

/// Tile and ranges of the filter gradient, of `products` products of planes.
[[nodiscard]] inline HopperPlan backward_weight_plan(const Conv2dProblem& p, const HopperRun& run, int products = 1) {
  HopperPlan plan = plan_filters(p, run.multiprocessors, run.tile, products);
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

[[nodiscard]] inline BackwardWeightScratch backward_weight_scratch(const Conv2dProblem& p, const HopperPlan& plan) {
  const std::int64_t weights = std::int64_t(p.out_channels) * p.taps() * p.in_channels;
  const int parts = plan.splits * int(filter_column_tiles(p, hopper_filter_tiles[plan.tile])) * 4;
  // What follows the weights' sums begins at a multiple of 8 bytes.
  return {plan.splits == 1 ? 0 : (plan.splits * weights + 1) / 2 * 2, std::int64_t(parts) * p.out_channels, parts};
}

namespace detail {

/// The filter gradient and, unless nullptr, that of the bias.
struct FilterGradients {
  float *weights, *bias;
};

inline void run_backward_weight(const Conv2dProblem& p, ImageSource image, ImageSource gradient,
                                const HopperPlanes& planes, const FilterGradients& results, float* scratch,
                                const HopperRun& run) {
  const HopperPlan plan = backward_weight_plan(p, run, planes.products());
  const BackwardWeightScratch parts = backward_weight_scratch(p, plan);
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
                  .parts = plan.splits == 1 ? results.weights : scratch,
                  .bias_parts = results.bias == nullptr ? nullptr : scratch + parts.weights,
                  .planes = planes};
  with_tile<hopper_filter_tiles>(plan.tile, [&]<class Tile>(Tile) {
    walk.width = image.columns = gradient.columns = p.out_width() + Tile::taps - 1;
    walk.row_tiles = int(pieces(p.out_channels, Tile::rows));
    walk.column_tiles = int(filter_column_tiles(p, Tile::tile));
    launch(conv2d_hopper_filters<Tile>, persistent_shape<Tile>(walk.items(), run), image_map(gradient, 64),
           image_map(image, 64 + Tile::taps - 1), walk);
  });
  const std::int64_t weights = std::int64_t(p.out_channels) * p.taps() * p.in_channels;
  if (plan.splits > 1) add_parts({scratch, plan.splits, weights}, results.weights, run.stream, run.what);
  if (results.bias != nullptr)
    add_parts({walk.bias_parts, parts.bias_parts, p.out_channels}, results.bias, run.stream, run.what);
}

}  // namespace detail

}  // namespace fusiform::kernels
