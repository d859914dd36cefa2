#pragma once
/// Convolutions by NVIDIA's cuDNN 9 (ConvAlgorithm::cudnn), which is loaded when it is first asked for and never
/// linked. Only algorithms that give the same bits in every run; for float tensors only sums of products in float: no
/// tf32, no Winograd, no FFT. Defined in fusiform::cuda, for float and bfloat16, on the calling thread's stream.
///
/// All throw ConfigError where there is no cuDNN (the text says where it was looked for), under the emulator, if
/// fusiform::cuda was compiled without cuDNN's headers, and if cuDNN offers no such algorithm for the shapes.

#include <fusiform/core/scalar.hpp>

#include "conv2d_problem.hpp"

namespace fusiform::kernels {

/// y = epilogue(x * weight), all in T; the epilogue's bias is float. A factor is a ConfigError.
template <Scalar T>
void conv2d_forward_cudnn(const Conv2dProblem& p, const T* x, const T* weight, const Conv2dEpilogue& epilogue, T* y);

/// dx = gradient of the loss by x, from dy, that by y.
template <Scalar T>
void conv2d_backward_input_cudnn(const Conv2dProblem& p, const T* dy, const T* weight, T* dx);

/// dw = gradient of the loss by the filters, in float.
template <Scalar T>
void conv2d_backward_weight_cudnn(const Conv2dProblem& p, const T* x, const T* dy, float* dw);

}  // namespace fusiform::kernels
