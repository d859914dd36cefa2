#pragma once
/// Convolution and its gradients on Hopper (compute capability 9.0, sm_90a): bf16 images (N, H, W, C) and filters
/// (out, kernel_h, kernel_w, in), sums in float. Channels in multiples of 8, pointers at multiples of 16 bytes.
/// The same call gives the same bits on every device with as many multiprocessors.

#include "conv2d_hopper_launch.cuh"

namespace fusiform::kernels {

/// y = epilogue(x * weight), its maxima too by one kernel. Throws ConfigError for channels, pointers or sizes the copy
/// engine cannot take.
inline void conv2d_forward_hopper(const Conv2dProblem& p, const arch::bf16* x, const arch::bf16* weight,
                                  const Conv2dEpilogue& epilogue, arch::bf16* y, const HopperRun& run = {}) {
  check_hopper_problem("conv2d_forward_hopper", p, {x, weight, epilogue.bias, epilogue.factor, y});
  if (epilogue.max_pool.wanted) check_hopper_pooling("conv2d_forward_hopper", p, epilogue.max_pool, y, 8);
  detail::PixelPass pass = detail::forward_pass(p, forward_source(p, x), {});
  pass.target.data = y;
  detail::run_forward<arch::bf16>(pass, {weight, p.out_channels, p.taps(), p.in_channels}, epilogue, run);
}

/// dx = gradient of the loss by x, from dy, that by y; 0 where `relu_output`, of dx's shape, is not positive (nullptr:
/// there is no ReLU). A stride of 2 takes one launch, larger ones several.
inline void conv2d_backward_input_hopper(const Conv2dProblem& p, const arch::bf16* dy, const arch::bf16* weight,
                                         arch::bf16* dx, const HopperRun& run = {},
                                         const arch::bf16* relu_output = nullptr) {
  check_hopper_problem("conv2d_backward_input_hopper", p, {dy, weight, dx, relu_output});
  std::vector<detail::PixelPass> passes = detail::backward_input_passes(p, gradient_source(p, dy), {});
  for (detail::PixelPass& pass : passes) {
    pass.target.data = dx;
    pass.target.relu_output = relu_output;
  }
  detail::run_backward_input<arch::bf16>(passes, {weight, p.out_channels, p.taps(), p.in_channels}, run);
}

[[nodiscard]] inline BackwardWeightScratch backward_weight_scratch(const Conv2dProblem& p, const HopperRun& run = {}) {
  return backward_weight_scratch(p, backward_weight_plan(p, run));
}

/// dw = gradient of the loss by the filters and db = that by the bias, both in float; db may be nullptr. `scratch` has
/// backward_weight_scratch(p, run).floats() elements.
inline void conv2d_backward_weight_hopper(const Conv2dProblem& p, const arch::bf16* x, const arch::bf16* dy, float* dw,
                                          float* db, float* scratch, const HopperRun& run = {}) {
  check_hopper_problem("conv2d_backward_weight_hopper", p, {x, dy, dw, db, scratch});
  detail::run_backward_weight(p, forward_source(p, x), gradient_source(p, dy), {}, {dw, db}, scratch, run);
}

}  // namespace fusiform::kernels
