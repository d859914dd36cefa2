#pragma once
/// Convolution of images with few channels on the tensor cores (compute capability 8.0 and later): bf16 images (N, H,
/// W, C) and filters (out, kernel_h, kernel_w, in), sums in float. Made for the first layer of a network, 1 to 4
/// channels; right for any number that fits. Output channels in multiples of 8, results at multiples of 16 bytes. The
/// same call gives the same bits on every device with as many multiprocessors.

#include <initializer_list>

#include "conv2d_few_channels_filters.cuh"
#include "conv2d_few_channels_forward.cuh"
#include "sum_parts.cuh"

namespace fusiform::kernels {

/// Where to run.
struct FewChannelsRun {
  int multiprocessors = 132;
  CudaStream stream = nullptr;
  std::size_t shared_bytes = 99 * 1024;  ///< that a block may take on the device; 227 KiB on Hopper
  const char* what = "";                 ///< begins the text of an error: the layer
};

namespace detail {

/// Patches so small that two blocks share a multiprocessor of an A100 (164 KiB), or else one.
[[nodiscard]] inline FewChannelsForward plan_few_channels_forward(const Conv2dProblem& p, std::size_t shared_bytes) {
  const auto layout = plan_few_channels<FewChannelsForward>(p, 81 * 1024);
  return layout.shared_bytes() <= 81 * 1024 ? layout : plan_few_channels<FewChannelsForward>(p, shared_bytes);
}

}  // namespace detail

/// Throws ConfigError or ShapeError for what the kernels cannot take.
inline void check_few_channels_problem(const char* where, const Conv2dProblem& p, std::size_t shared_bytes,
                                       const FewChannelsRun& run, std::initializer_list<const void*> wide_pointers) {
  require_setting(p.images >= 1, where, "at least 1 image", p.images);
  require_setting(p.in_channels >= 1, where, "at least 1 input channel", p.in_channels);
  require_setting(p.out_channels >= 8 && p.out_channels % 8 == 0, where, "output channels in a multiple of 8",
                  p.out_channels);
  require_setting(p.stride >= 1 && p.padding >= 0, where, "stride >= 1 and padding >= 0",
                  text("stride ", p.stride, ", padding ", p.padding));
  require_setting(p.kernel_h >= 1 && p.kernel_w >= 1, where, "a kernel of at least 1 x 1",
                  text(p.kernel_h, " x ", p.kernel_w));
  if (p.height + 2 * p.padding < p.kernel_h || p.width + 2 * p.padding < p.kernel_w)
    throw ShapeError(text(where, ": expected an input that holds the kernel ", p.kernel_h, " x ", p.kernel_w,
                          " with padding ", p.padding, ", got ", p.height, " x ", p.width));
  require_setting(shared_bytes <= run.shared_bytes, where,
                  text("filters and lines of at most ", run.shared_bytes, " bytes"), shared_bytes);
  for (const void* pointer : wide_pointers)
    require_setting(reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0, where, "pointers at multiples of 16 bytes",
                    pointer);
}

/// y = epilogue(x * weight). Throws ConfigError for shapes and pointers that the kernels cannot take.
inline void conv2d_forward_few_channels(const Conv2dProblem& p, const arch::bf16* x, const arch::bf16* weight,
                                        const Conv2dEpilogue& epilogue, arch::bf16* y, const FewChannelsRun& run = {}) {
  const auto layout = detail::plan_few_channels_forward(p, run.shared_bytes);
  check_few_channels_problem("conv2d_forward_few_channels", p, layout.shared_bytes(), run, {y});
  const int channel_tiles = int(pieces(p.out_channels, 64)), steps = layout.steps() <= 2 ? layout.steps() : 0;
  const auto blocks = std::min<std::int64_t>(layout.walk.tiles(), pieces(2 * run.multiprocessors, channel_tiles));
  const LaunchShape shape{.grid = {unsigned(blocks), unsigned(channel_tiles), 1},
                          .block = {unsigned(few_channels_threads(steps)), 1, 1},
                          .shared_bytes = layout.shared_bytes(),
                          .stream = run.stream,
                          .what = run.what};
  const FewChannelsForwardData data{x, weight, y, epilogue};
  if (steps == 1)
    launch(conv2d_few_channels_forward<1>, shape, layout, data);
  else if (steps == 2)
    launch(conv2d_few_channels_forward<2>, shape, layout, data);
  else
    launch(conv2d_few_channels_forward<0>, shape, layout, data);
}

/// How the filter gradient is cut.
struct FewChannelsFiltersPlan {
  FewChannelsFilters layout;
  int blocks_of_terms;  ///< of 8, a warp
  int members;          ///< warps that share pixels
  int parts, rows;      ///< the grid

  [[nodiscard]] std::int64_t floats(const Conv2dProblem& p) const {
    return std::int64_t(parts) * p.out_channels * (layout.terms() + 1);
  }
};

[[nodiscard]] inline FewChannelsFiltersPlan plan_few_channels_filters(const Conv2dProblem& p,
                                                                      const FewChannelsRun& run = {}) {
  const std::int64_t columns = std::int64_t(p.taps()) * p.in_channels + 1;  // one for the bias
  const bool two_blocks = columns <= 32;                                    // share a multiprocessor, as above
  const std::size_t shared_bytes = two_blocks ? std::min<std::size_t>(run.shared_bytes, 81 * 1024) : run.shared_bytes;
  FewChannelsFiltersPlan plan{plan_few_channels<FewChannelsFilters>(p, shared_bytes), two_blocks ? 4 : 6, 1, 1, 1};
  while (plan.members < 8 && plan.members * plan.blocks_of_terms * 8 < columns) plan.members *= 2;
  plan.rows = int(pieces(p.out_channels, 64) * pieces(columns, plan.members * plan.blocks_of_terms * 8));
  const std::int64_t blocks = std::int64_t(run.multiprocessors) * (two_blocks ? 2 : 1);
  plan.parts = int(std::min<std::int64_t>(plan.layout.walk.tiles(), pieces(blocks, plan.rows)));
  return plan;
}

/// Whether the kernels here can compute a problem: in both passes a patch fits into shared memory.
[[nodiscard]] inline bool few_channels_apply(const Conv2dProblem& p, const FewChannelsRun& run = {}) {
  return p.out_channels % 8 == 0 &&
         detail::plan_few_channels_forward(p, run.shared_bytes).shared_bytes() <= run.shared_bytes &&
         plan_few_channels_filters(p, run).layout.shared_bytes() <= run.shared_bytes;
}

/// Scratch memory of a filter gradient in floats.
[[nodiscard]] inline std::int64_t few_channels_scratch(const Conv2dProblem& p, const FewChannelsRun& run = {}) {
  return plan_few_channels_filters(p, run).floats(p);
}

/// dw = gradient of the loss by the filters and db = that by the bias, both in float; db may be nullptr. `scratch` has
/// few_channels_scratch(p, run) elements.
inline void conv2d_backward_weight_few_channels(const Conv2dProblem& p, const arch::bf16* x, const arch::bf16* dy,
                                                float* dw, float* db, float* scratch, const FewChannelsRun& run = {}) {
  const FewChannelsFiltersPlan plan = plan_few_channels_filters(p, run);
  check_few_channels_problem("conv2d_backward_weight_few_channels", p, plan.layout.shared_bytes(), run, {dy});
  const std::int64_t weights = std::int64_t(p.out_channels) * plan.layout.terms();
  const FewChannelsFiltersData data{x, dy, scratch, db == nullptr ? nullptr : scratch + plan.parts * weights,
                                    plan.members};
  const LaunchShape shape{.grid = {unsigned(plan.parts), unsigned(plan.rows), 1},
                          .block = {256, 1, 1},
                          .shared_bytes = plan.layout.shared_bytes(),
                          .stream = run.stream,
                          .what = run.what};
  if (plan.blocks_of_terms == 4)
    launch(conv2d_few_channels_filters<4>, shape, plan.layout, data);
  else
    launch(conv2d_few_channels_filters<6>, shape, plan.layout, data);
  add_parts({scratch, plan.parts, weights}, dw, run.stream, run.what);
  if (db != nullptr) add_parts({data.bias_parts, plan.parts, p.out_channels}, db, run.stream, run.what);
}

}  // namespace fusiform::kernels
