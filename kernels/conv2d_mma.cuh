#pragma once
/// Convolutions by mma.sync, on GPUs of compute capability 8.0 and later: any kernel, stride, padding and number of
/// channels. All throw ConfigError on older GPUs. Tensors are as in fusiform/ops/conv2d.hpp.

#include <string>

#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>

#include "conv2d_bfloat16.cuh"

namespace fusiform::kernels {

/// ConvAlgorithm::bf16x2 of float tensors.
void conv2d_forward_bf16x2(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                           const Conv2dOptions& options, View<float, Cuda> y);
void conv2d_max_pool2d_forward_bf16x2(View<const float, Cuda> x, View<const float, Cuda> weight,
                                      View<const float, Cuda> bias, const Conv2dOptions& options,
                                      const Conv2dMaxPool& max_pool, View<float, Cuda> y);
void conv2d_backward_input_bf16x2(View<const float, Cuda> dy, View<const float, Cuda> weight,
                                  const Conv2dOptions& options, View<const float, Cuda> relu_output,
                                  View<float, Cuda> dx);
void conv2d_backward_weight_bf16x2(View<const float, Cuda> x, View<const float, Cuda> dy, const Conv2dOptions& options,
                                   View<float, Cuda> dw);

/// The same of a linear layer; x (N, in), weight (out, in), y (N, out).
void linear_forward_bf16x2(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                           bool relu, View<float, Cuda> y);
void linear_backward_input_bf16x2(View<const float, Cuda> dy, View<const float, Cuda> weight, View<float, Cuda> dx);
void linear_backward_weight_bf16x2(View<const float, Cuda> x, View<const float, Cuda> dy, View<float, Cuda> dw);

/// bf16 tensors, sums in float.
void conv2d_forward_mma(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> weight, View<const float, Cuda> bias,
                        const Conv2dOptions& options, View<bfloat16, Cuda> y);
void conv2d_max_pool2d_forward_mma(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> weight,
                                   View<const float, Cuda> bias, const Conv2dOptions& options,
                                   const Conv2dMaxPool& max_pool, View<bfloat16, Cuda> y);
void conv2d_backward_input_mma(View<const bfloat16, Cuda> dy, View<const bfloat16, Cuda> weight,
                               const Conv2dOptions& options, View<const bfloat16, Cuda> relu_output,
                               View<bfloat16, Cuda> dx);
void conv2d_backward_weight_mma(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy,
                                const Conv2dOptions& options, View<float, Cuda> dw);
void conv2d_backward_bias_mma(View<const bfloat16, Cuda> dy, View<float, Cuda> db);

/// The same, asked for as conv2d_bfloat16 is.
void conv2d_bfloat16_mma(const Conv2dProblem& p, const Bfloat16Forward& pass);
void conv2d_bfloat16_mma(const Conv2dProblem& p, const Bfloat16BackwardInput& pass);
void conv2d_bfloat16_mma(const Conv2dProblem& p, const Bfloat16BackwardParameters& pass);

}  // namespace fusiform::kernels
