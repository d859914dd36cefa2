#pragma once
/// Convolution of floats on Hopper's tensor cores: every factor is split into two bf16, high + low, and a product into
/// three, high high + high low + low high (relative error about 5e-6; sums in float). The kernels are those of bf16
/// with sums three times as long. Even numbers of channels.

#include "conv2d_hopper_launch.cuh"
#include "split_planes.cuh"

namespace fusiform::kernels {

namespace detail {

[[nodiscard]] inline Conv2dProblem rounded_up(Conv2dProblem p) {
  p.in_channels = padded_channels(p.in_channels);
  p.out_channels = padded_channels(p.out_channels);
  return p;
}

/// Throws for what the kernels cannot take. Floats are read and written in pairs.
inline void check_bf16x2_problem(const char* where, const Conv2dProblem& p, std::initializer_list<const void*> planes,
                                 std::initializer_list<const void*> floats) {
  require_setting(p.in_channels >= 2 && p.in_channels % 2 == 0, where, "an even number of input channels",
                  p.in_channels);
  require_setting(p.out_channels >= 2 && p.out_channels % 2 == 0, where, "an even number of output channels",
                  p.out_channels);
  check_hopper_problem(where, rounded_up(p), planes);
  for (const void* pointer : floats)
    require_setting(reinterpret_cast<std::uintptr_t>(pointer) % 8 == 0, where, "floats at multiples of 8 bytes",
                    pointer);
}

/// An image whose pixels have two planes of `channels`.
[[nodiscard]] inline ImageSource with_planes(ImageSource image) {
  image.channels = 2 * padded_channels(image.channels);
  return image;
}

[[nodiscard]] inline FilterSource filter_planes(const Conv2dProblem& p, const arch::bf16* planes) {
  return {planes, p.out_channels, p.taps(), 2 * padded_channels(p.in_channels)};
}

}  // namespace detail

/// y = epilogue(x * weight) in float, its maxima too by one kernel (output channels then in multiples of 4), from the
/// planes (split_planes) of x and of the filters, whose rows are taps.
inline void conv2d_forward_bf16x2_hopper(const Conv2dProblem& p, const arch::bf16* x_planes,
                                         const arch::bf16* weight_planes, const Conv2dEpilogue& epilogue, float* y,
                                         const HopperRun& run = {}) {
  detail::check_bf16x2_problem("conv2d_forward_bf16x2_hopper", p, {x_planes, weight_planes},
                               {epilogue.bias, epilogue.factor, y});
  if (epilogue.max_pool.wanted) check_hopper_pooling("conv2d_forward_bf16x2_hopper", p, epilogue.max_pool, y, 4);
  const int low = padded_channels(p.in_channels);
  detail::PixelPass pass = detail::forward_pass(p, detail::with_planes(forward_source(p, x_planes)), {low, low});
  pass.target.floats = y;
  detail::run_forward<float>(pass, detail::filter_planes(p, weight_planes), epilogue, run);
}

/// dx = gradient of the loss by x, in float, from the planes of dy, that by y, and of the filters; 0 where
/// `relu_output` is not positive, unless nullptr.
inline void conv2d_backward_input_bf16x2_hopper(const Conv2dProblem& p, const arch::bf16* dy_planes,
                                                const arch::bf16* weight_planes, float* dx, const HopperRun& run = {},
                                                const float* relu_output = nullptr) {
  detail::check_bf16x2_problem("conv2d_backward_input_bf16x2_hopper", p, {dy_planes, weight_planes}, {dx, relu_output});
  std::vector<detail::PixelPass> passes =
      detail::backward_input_passes(p, detail::with_planes(gradient_source(p, dy_planes)),
                                    {padded_channels(p.out_channels), padded_channels(p.in_channels)});
  for (detail::PixelPass& pass : passes) {
    pass.target.floats = dx;
    pass.target.relu_floats = relu_output;
  }
  detail::run_backward_input<float>(passes, detail::filter_planes(p, weight_planes), run);
}

[[nodiscard]] inline BackwardWeightScratch backward_weight_bf16x2_scratch(const Conv2dProblem& p,
                                                                          const HopperRun& run = {}) {
  return backward_weight_scratch(p, backward_weight_plan(p, run, 3));
}

/// dw = gradient of the loss by the filters and db = that by the bias (or nullptr), from the planes of x and dy.
/// `scratch` has backward_weight_bf16x2_scratch(p, run).floats() elements.
inline void conv2d_backward_weight_bf16x2_hopper(const Conv2dProblem& p, const arch::bf16* x_planes,
                                                 const arch::bf16* dy_planes, float* dw, float* db, float* scratch,
                                                 const HopperRun& run = {}) {
  detail::check_bf16x2_problem("conv2d_backward_weight_bf16x2_hopper", p, {x_planes, dy_planes}, {dw, db, scratch});
  detail::run_backward_weight(
      p, detail::with_planes(forward_source(p, x_planes)), detail::with_planes(gradient_source(p, dy_planes)),
      {padded_channels(p.out_channels), padded_channels(p.in_channels)}, {dw, db}, scratch, run);
}

}  // namespace fusiform::kernels
