// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/conv2d_max_pool2d.hpp>

#include "bias_gradient.cuh"
#include "conv2d_float.cuh"
#include "conv2d_hopper_bf16x2.hpp"
#include "conv2d_mma.cuh"
#include "conv2d_problem_of.hpp"
#include "cudnn.hpp"
#include "implicit_gemm_conv2d.cuh"

namespace fusiform::kernels {

namespace {

enum class Way { exact, tensor_cores, hopper, cudnn };

/// Without images there is nothing to choose: the exact kernels write empty tensors and gradients of 0.
Way way_of(ConvAlgorithm algorithm, const Conv2dProblem& p) {
  switch (algorithm) {
    case ConvAlgorithm::automatic:
    case ConvAlgorithm::implicit_gemm:
      return Way::exact;
    case ConvAlgorithm::bf16x2:
      if (p.images == 0) return Way::exact;
      return conv2d_bf16x2_hopper_applies(p) ? Way::hopper : Way::tensor_cores;
    case ConvAlgorithm::cudnn:
      return p.images == 0 ? Way::exact : Way::cudnn;
    default:
      throw ConfigError(
          "conv2d: expected `automatic`, `implicit_gemm`, `bf16x2` or `cudnn` of float on a GPU, got another "
          "algorithm");
  }
}

}  // namespace

template <>
void conv2d_forward(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                    const Conv2dOptions& options, View<float, Cuda> y, FilterCache<float, Cuda>*) {
  const Conv2dProblem p = problem_of(x.shape(), weight.shape(), options);
  const Conv2dEpilogue epilogue{.bias = bias.data(), .relu = options.relu};
  switch (way_of(options.algorithm, p)) {
    case Way::exact:
      return conv2d_forward_by<FloatEngine>(x, weight, bias, options, y);
    case Way::tensor_cores:
      return conv2d_forward_bf16x2(x, weight, bias, options, y);
    case Way::hopper:
      return conv2d_forward_bf16x2_hopper(p, x.data(), weight.data(), epilogue, y.data());
    case Way::cudnn:
      return conv2d_forward_cudnn(p, x.data(), weight.data(), epilogue, y.data());
  }
}

template <>
void conv2d_max_pool2d_forward(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                               const Conv2dOptions& options, bool after_relu, View<float, Cuda> y,
                               View<std::int32_t, Cuda> positions) {
  const Conv2dMaxPool max_pool{.wanted = true, .positions = positions.data(), .after_relu = after_relu};
  const Conv2dProblem p = problem_of(x.shape(), weight.shape(), options);
  switch (way_of(options.algorithm, p)) {
    case Way::exact:
      return conv2d_max_pool2d_forward_by<FloatEngine>(x, weight, bias, options, max_pool, y);
    case Way::tensor_cores:
      return conv2d_max_pool2d_forward_bf16x2(x, weight, bias, options, max_pool, y);
    case Way::hopper:
      return conv2d_forward_bf16x2_hopper(p, x.data(), weight.data(),
                                          {.bias = bias.data(), .relu = options.relu, .max_pool = max_pool}, y.data());
    case Way::cudnn: {
      Tensor<float, Cuda> sums(conv2d_output_shape(x.shape(), weight.shape(), options));
      conv2d_forward<float>(x, weight, bias, options, sums.view(), nullptr);
      return max_pool2d_forward<float>(sums, PoolWindow{2, 2, 0}, after_relu, y, positions);
    }
  }
}

template <>
void conv2d_backward_input(View<const float, Cuda> dy, View<const float, Cuda> weight, const Conv2dOptions& options,
                           View<const float, Cuda> relu_output, View<float, Cuda> dx) {
  const Conv2dProblem p = problem_of(dx.shape(), weight.shape(), options);
  switch (way_of(options.algorithm, p)) {
    case Way::exact:
      return conv2d_backward_input_by<FloatEngine>(dy, weight, options, relu_output, dx);
    case Way::tensor_cores:
      return conv2d_backward_input_bf16x2(dy, weight, options, relu_output, dx);
    case Way::hopper:
      return conv2d_backward_input_bf16x2_hopper(p, dy.data(), weight.data(), dx.data(), relu_output.data());
    case Way::cudnn:
      conv2d_backward_input_cudnn(p, dy.data(), weight.data(), dx.data());
      if (relu_output.data() != nullptr) relu_backward<float>(relu_output, dx, dx);
  }
}

template <>
void conv2d_backward_weight(View<const float, Cuda> x, View<const float, Cuda> dy, const Conv2dOptions& options,
                            std::type_identity_t<View<float, Cuda>> dw) {
  const Conv2dProblem p = problem_of(x.shape(), dw.shape(), options);
  switch (way_of(options.algorithm, p)) {
    case Way::exact:
      return conv2d_backward_weight_by<FloatEngine>(x, dy, options, dw);
    case Way::tensor_cores:
      return conv2d_backward_weight_bf16x2(x, dy, options, dw);
    case Way::hopper:
      return conv2d_backward_weight_bf16x2_hopper(p, x.data(), dy.data(), dw.data(), nullptr);
    case Way::cudnn:
      return conv2d_backward_weight_cudnn(p, x.data(), dy.data(), dw.data());
  }
}

template <>
void conv2d_backward_bias(View<const float, Cuda> dy, std::type_identity_t<View<float, Cuda>> db) {
  const Index columns = db.size();
  bias_gradient(dy.data(), columns == 0 ? 0 : dy.size() / columns, columns, db.data(),
                text("conv2d bias gradient ", dy.shape()));
}

}  // namespace fusiform::kernels
