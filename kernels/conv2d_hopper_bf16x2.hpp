#pragma once
/// Convolutions of floats on Hopper's tensor cores, for the dispatch of float tensors (ConvAlgorithm::bf16x2): factors
/// are split into two bf16 each, in scratch memory, and multiplied by three products (relative error about 5e-6). On
/// the calling thread's stream. Throw ConfigError or ShapeError for what conv2d_bf16x2_hopper_applies says no to.
/// Defined in fusiform::cuda.

#include "conv2d_problem.hpp"

namespace fusiform::kernels {

/// Whether the current GPU and these shapes are for the functions here: compute capability 9.0, even channels.
[[nodiscard]] bool conv2d_bf16x2_hopper_applies(const Conv2dProblem& p);

/// y = epilogue(x * weight), maxima by one kernel where that is expected to be no slower than two.
void conv2d_forward_bf16x2_hopper(const Conv2dProblem& p, const float* x, const float* weight,
                                  const Conv2dEpilogue& epilogue, float* y);

/// dx = gradient of the loss by x, from dy, that by y; 0 where `relu_output`, of dx's shape, is not positive. nullptr:
/// there is no ReLU.
void conv2d_backward_input_bf16x2_hopper(const Conv2dProblem& p, const float* dy, const float* weight, float* dx,
                                         const float* relu_output = nullptr);

/// dw = gradient of the loss by the filters and db = that by the bias; db may be nullptr.
void conv2d_backward_weight_bf16x2_hopper(const Conv2dProblem& p, const float* x, const float* dy, float* dw,
                                          float* db);

}  // namespace fusiform::kernels
