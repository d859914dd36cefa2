/// A linear layer is a convolution of a row of N pixels with filters of one pixel.

#include <fusiform/ops/linear.hpp>

#include "bias_gradient.cuh"
#include "conv2d_bfloat16.cuh"

namespace fusiform::kernels {

namespace {

[[nodiscard]] Conv2dProblem problem_of(const Shape& x, const Shape& weight) {
  return {.images = 1,
          .height = 1,
          .width = int_of(x[0]),
          .in_channels = int_of(weight[1]),
          .out_channels = int_of(weight[0]),
          .kernel_h = 1,
          .kernel_w = 1};
}

[[nodiscard]] std::string described(const char* pass, const Shape& x, const Shape& weight) {
  return text("linear", pass, " ", x, " by ", weight);
}

void require_bfloat16_algorithm(const LinearOptions& options) {
  if (options.algorithm != ConvAlgorithm::automatic)
    throw ConfigError("linear: expected the algorithm `automatic` for bf16, got one for float alone");
}

}  // namespace

template <>
void linear_forward(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> weight, View<const float, Cuda> bias,
                    View<bfloat16, Cuda> y, const LinearOptions& options) {
  require_bfloat16_algorithm(options);
  if (y.empty()) return;
  conv2d_bfloat16(problem_of(x.shape(), weight.shape()),
                  Bfloat16Forward{x.data(), weight.data(), bias.data(), options.relu, y.data()},
                  described("", x.shape(), weight.shape()));
}

template <>
void linear_backward_input(View<const bfloat16, Cuda> dy, View<const bfloat16, Cuda> weight, View<bfloat16, Cuda> dx,
                           const LinearOptions& options) {
  require_bfloat16_algorithm(options);
  if (dx.empty()) return;
  conv2d_bfloat16(problem_of(dx.shape(), weight.shape()), Bfloat16BackwardInput{dy.data(), weight.data(), dx.data()},
                  described(" input gradient", dx.shape(), weight.shape()));
}

void linear_backward_parameters(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy, View<float, Cuda> dw,
                                View<float, Cuda> db, const LinearOptions& options) {
  require_bfloat16_algorithm(options);
  if (x.empty()) return zero_gradients(dw, db);
  conv2d_bfloat16(problem_of(x.shape(), dw.shape()),
                  Bfloat16BackwardParameters{x.data(), dy.data(), dw.data(), db.data()},
                  described(" parameter gradients", x.shape(), dw.shape()));
}

template <>
void linear_backward_weight(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy, View<float, Cuda> dw,
                            const LinearOptions& options) {
  linear_backward_parameters(x, dy, dw, {}, options);
}

template <>
void linear_backward_bias(View<const bfloat16, Cuda> dy, View<float, Cuda> db) {
  bias_gradient(dy.data(), dy.shape()[0], db.size(), db.data(), text("linear bias gradient ", dy.shape()));
}

}  // namespace fusiform::kernels
