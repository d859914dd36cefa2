// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <fusiform/core/storage.hpp>

#include "conv2d_hopper_bf16x2.cuh"
#include "conv2d_hopper_bf16x2.hpp"
#include "conv2d_then_pool.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

namespace {

HopperRun current_run(const char* what) {
  return {.multiprocessors = multiprocessor_count(), .stream = current_stream(), .what = what};
}

Storage<bfloat16, Cuda> planes_of(const float* x, std::int64_t rows, int channels) {
  Storage<bfloat16, Cuda> planes(split_planes_size(rows, channels));
  split_planes(x, rows, channels, planes.data(), current_stream());
  return planes;
}
Storage<bfloat16, Cuda> image_planes(const Conv2dProblem& p, const float* x) {
  return planes_of(x, std::int64_t(p.images) * p.height * p.width, p.in_channels);
}
Storage<bfloat16, Cuda> gradient_planes(const Conv2dProblem& p, const float* dy) {
  return planes_of(dy, p.out_pixels(), p.out_channels);
}
Storage<bfloat16, Cuda> weight_planes(const Conv2dProblem& p, const float* weight) {
  return planes_of(weight, std::int64_t(p.out_channels) * p.taps(), p.in_channels);
}

/// Whether one kernel makes the maxima that are wanted, and is expected to take no longer than two.
[[nodiscard]] bool pools_in_kernel(const Conv2dProblem& p, const Conv2dMaxPool& pool, const float* y) {
  const auto is_aligned = [](const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; };
  return p.out_channels % 4 == 0 && is_aligned(y) && is_aligned(pool.positions) &&
         pools_at_once(p, multiprocessor_count(), sizeof(float), 3);
}

void convolve_then_pool(const Conv2dProblem& p, const float* x, const float* weight, Conv2dEpilogue epilogue,
                        float* y) {
  const Storage<float, Cuda> between(p.out_pixels() * p.out_channels);
  const Conv2dMaxPool pool = std::exchange(epilogue.max_pool, {});
  conv2d_forward_bf16x2_hopper(p, x, weight, epilogue, between.data());
  pool_between(p, between.data(), pool, y);
}

}  // namespace

bool conv2d_bf16x2_hopper_applies(const Conv2dProblem& p) {
  if (usable_device_code() != DeviceCode::hopper) return false;
  try {
    detail::check_bf16x2_problem("conv2d", p, {}, {});
  } catch (const Error&) {
    return false;
  }
  return true;
}

void conv2d_forward_bf16x2_hopper(const Conv2dProblem& p, const float* x, const float* weight,
                                  const Conv2dEpilogue& epilogue, float* y) {
  detail::check_bf16x2_problem("conv2d_forward_bf16x2_hopper", p, {}, {epilogue.bias, epilogue.factor, y});
  if (epilogue.max_pool.wanted && !pools_in_kernel(p, epilogue.max_pool, y))
    return convolve_then_pool(p, x, weight, epilogue, y);
  const auto image = image_planes(p, x), filters = weight_planes(p, weight);
  conv2d_forward_bf16x2_hopper(p, image.data(), filters.data(), epilogue, y, current_run("conv2d forward, bf16x2"));
}

void conv2d_backward_input_bf16x2_hopper(const Conv2dProblem& p, const float* dy, const float* weight, float* dx,
                                         const float* relu_output) {
  detail::check_bf16x2_problem("conv2d_backward_input_bf16x2_hopper", p, {}, {dx, relu_output});
  const auto gradient = gradient_planes(p, dy), filters = weight_planes(p, weight);
  conv2d_backward_input_bf16x2_hopper(p, gradient.data(), filters.data(), dx,
                                      current_run("conv2d input gradient, bf16x2"), relu_output);
}

void conv2d_backward_weight_bf16x2_hopper(const Conv2dProblem& p, const float* x, const float* dy, float* dw,
                                          float* db) {
  detail::check_bf16x2_problem("conv2d_backward_weight_bf16x2_hopper", p, {}, {dw, db});
  const HopperRun run = current_run("conv2d filter gradient, bf16x2");
  const auto image = image_planes(p, x), gradient = gradient_planes(p, dy);
  const Storage<float, Cuda> scratch(backward_weight_bf16x2_scratch(p, run).floats());
  conv2d_backward_weight_bf16x2_hopper(p, image.data(), gradient.data(), dw, db, scratch.data(), run);
}

}  // namespace fusiform::kernels
