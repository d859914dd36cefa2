// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <algorithm>

#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/conv2d_max_pool2d.hpp>

#include "bias_gradient.cuh"
#include "conv2d_bfloat16.cuh"
#include "conv2d_mma.cuh"
#include "cudnn.hpp"
#include "runtime.cuh"

namespace fusiform::kernels {

namespace {

[[nodiscard]] bool hopper_takes(const Conv2dProblem& p) {
  return p.stride <= 8 && p.padding <= 100 && std::max(p.kernel_h, p.kernel_w) <= 100;
}

template <class Pass>
void run(const Conv2dProblem& p, const Pass& pass, const std::string& what) {
  if (usable_device_code() == DeviceCode::hopper && hopper_takes(p))
    conv2d_bfloat16_hopper(p, pass, what);
  else
    conv2d_bfloat16_mma(p, pass);
}

[[nodiscard]] bool by_cudnn(const Conv2dOptions& options) {
  if (options.algorithm == ConvAlgorithm::cudnn) return true;
  if (options.algorithm == ConvAlgorithm::automatic || options.algorithm == ConvAlgorithm::implicit_gemm) return false;
  throw ConfigError(
      "conv2d: expected the algorithm `automatic`, `implicit_gemm` or `cudnn` for bf16, got one for float alone");
}

[[nodiscard]] std::string described(const char* pass, const Shape& x, const Shape& weight) {
  return text("conv2d", pass, " ", x, " by ", weight);
}

}  // namespace

void conv2d_bfloat16(const Conv2dProblem& p, const Bfloat16Forward& pass, const std::string& what) {
  run(p, pass, what);
}
void conv2d_bfloat16(const Conv2dProblem& p, const Bfloat16BackwardInput& pass, const std::string& what) {
  run(p, pass, what);
}
void conv2d_bfloat16(const Conv2dProblem& p, const Bfloat16BackwardParameters& pass, const std::string& what) {
  run(p, pass, what);
}

template <>
void conv2d_forward(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> weight, View<const float, Cuda> bias,
                    const Conv2dOptions& options, View<bfloat16, Cuda> y, FilterCache<bfloat16, Cuda>* /*cache*/) {
  const Conv2dProblem p = problem_of(x.shape(), weight.shape(), options);
  const bool cudnn = by_cudnn(options);
  if (y.empty()) return;
  if (cudnn)
    conv2d_forward_cudnn<bfloat16>(p, x.data(), weight.data(), {.bias = bias.data(), .relu = options.relu}, y.data());
  else
    conv2d_bfloat16(p, Bfloat16Forward{x.data(), weight.data(), bias.data(), options.relu, y.data()},
                    described("", x.shape(), weight.shape()));
}

template <>
void conv2d_max_pool2d_forward(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> weight,
                               View<const float, Cuda> bias, const Conv2dOptions& options, bool after_relu,
                               View<bfloat16, Cuda> y, View<std::int32_t, Cuda> positions) {
  const Conv2dProblem p = problem_of(x.shape(), weight.shape(), options);
  const bool cudnn = by_cudnn(options);
  if (y.empty()) return;
  if (!cudnn)
    return conv2d_bfloat16(p,
                           Bfloat16Forward{.x = x.data(),
                                           .weight = weight.data(),
                                           .bias = bias.data(),
                                           .relu = options.relu,
                                           .y = y.data(),
                                           .max_pool = {true, positions.data(), after_relu}},
                           described(" with max pooling", x.shape(), weight.shape()));
  Tensor<bfloat16, Cuda> sums(conv2d_output_shape(x.shape(), weight.shape(), options));
  conv2d_forward<bfloat16>(x, weight, bias, options, sums.view(), nullptr);
  max_pool2d_forward<bfloat16>(sums, PoolWindow{2, 2, 0}, after_relu, y, positions);
}

template <>
void conv2d_backward_input(View<const bfloat16, Cuda> dy, View<const bfloat16, Cuda> weight,
                           const Conv2dOptions& options, View<const bfloat16, Cuda> relu_output,
                           View<bfloat16, Cuda> dx) {
  const Conv2dProblem p = problem_of(dx.shape(), weight.shape(), options);
  const bool cudnn = by_cudnn(options);
  if (dx.empty()) return;
  if (!cudnn)
    return conv2d_bfloat16(p, Bfloat16BackwardInput{dy.data(), weight.data(), dx.data(), relu_output.data()},
                           described(" input gradient", dx.shape(), weight.shape()));
  conv2d_backward_input_cudnn<bfloat16>(p, dy.data(), weight.data(), dx.data());
  if (relu_output.data() != nullptr) relu_backward<bfloat16>(relu_output, dx, dx);
}

template <>
void conv2d_backward_bias(View<const bfloat16, Cuda> dy, View<float, Cuda> db) {
  bias_gradient(dy.data(), db.empty() ? 0 : dy.size() / db.size(), db.size(), db.data(),
                text("conv2d bias gradient ", dy.shape()));
}

void conv2d_backward_parameters(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy,
                                const Conv2dOptions& options, View<float, Cuda> dw, View<float, Cuda> db) {
  const Conv2dProblem p = problem_of(x.shape(), dw.shape(), options);
  const bool cudnn = by_cudnn(options);
  if (x.empty()) return zero_gradients(dw, db);
  if (!cudnn)
    return conv2d_bfloat16(p, Bfloat16BackwardParameters{x.data(), dy.data(), dw.data(), db.data()},
                           described(" parameter gradients", x.shape(), dw.shape()));
  conv2d_backward_weight_cudnn<bfloat16>(p, x.data(), dy.data(), dw.data());
  if (db.data() != nullptr) conv2d_backward_bias(dy, db);
}

template <>
void conv2d_backward_weight(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy, const Conv2dOptions& options,
                            View<float, Cuda> dw) {
  conv2d_backward_parameters(x, dy, options, dw, {});
}

}  // namespace fusiform::kernels
