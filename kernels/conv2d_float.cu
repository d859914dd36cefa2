// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <fusiform/ops/conv2d.hpp>

#include "bias_gradient.cuh"
#include "conv2d_float.cuh"
#include "conv2d_mma.cuh"
#include "implicit_gemm_conv2d.cuh"

namespace fusiform::kernels {

namespace {

/// Whether the tensor cores multiply; else one exact algorithm computes all shapes.
bool by_tensor_cores(ConvAlgorithm algorithm) {
  if (algorithm == ConvAlgorithm::bf16x2) return true;
  if (algorithm != ConvAlgorithm::automatic && algorithm != ConvAlgorithm::implicit_gemm)
    throw ConfigError(
        "conv2d: expected `automatic`, `implicit_gemm` or `bf16x2` of float on a GPU, got another algorithm");
  return false;
}

}  // namespace

template <>
void conv2d_forward(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                    const Conv2dOptions& options, View<float, Cuda> y, FilterCache<float, Cuda>*) {
  if (by_tensor_cores(options.algorithm)) return conv2d_forward_bf16x2(x, weight, bias, options, y);
  conv2d_forward_by<FloatEngine>(x, weight, bias, options, y);
}

template <>
void conv2d_backward_input(View<const float, Cuda> dy, View<const float, Cuda> weight, const Conv2dOptions& options,
                           View<float, Cuda> dx) {
  if (by_tensor_cores(options.algorithm)) return conv2d_backward_input_bf16x2(dy, weight, options, dx);
  conv2d_backward_input_by<FloatEngine>(dy, weight, options, dx);
}

template <>
void conv2d_backward_weight(View<const float, Cuda> x, View<const float, Cuda> dy, const Conv2dOptions& options,
                            std::type_identity_t<View<float, Cuda>> dw) {
  if (by_tensor_cores(options.algorithm)) return conv2d_backward_weight_bf16x2(x, dy, options, dw);
  conv2d_backward_weight_by<FloatEngine>(x, dy, options, dw);
}

template <>
void conv2d_backward_bias(View<const float, Cuda> dy, std::type_identity_t<View<float, Cuda>> db) {
  const Index columns = db.size();
  bias_gradient(dy.data(), columns == 0 ? 0 : dy.size() / columns, columns, db.data(),
                text("conv2d bias gradient ", dy.shape()));
}

}  // namespace fusiform::kernels
