// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <fusiform/ops/linear.hpp>

#include "bias_gradient.cuh"
#include "conv2d_float.cuh"
#include "conv2d_mma.cuh"
#include "implicit_gemm_linear.cuh"

namespace fusiform::kernels {

namespace {

/// Throws ConfigError for algorithms that linear layers do not have.
[[nodiscard]] bool by_bf16x2(const LinearOptions& options) {
  if (options.algorithm == ConvAlgorithm::bf16x2) return true;
  if (options.algorithm == ConvAlgorithm::automatic) return false;
  throw ConfigError("linear: expected `automatic` or `bf16x2` on a GPU, got another algorithm");
}

}  // namespace

template <>
void linear_forward(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                    View<float, Cuda> y, const LinearOptions& options) {
  if (by_bf16x2(options)) return linear_forward_bf16x2(x, weight, bias, options.relu, y);
  const Index images = x.shape()[0], out = weight.shape()[0], in = weight.shape()[1];
  using Pass = Product<MatrixLines<float>, MatrixLines<float>, RowsOfMatrix<float>>;
  run_product<FloatEngine>(Pass{.left = {x.data(), images, in},
                                .right = {weight.data(), out, in},
                                .result = {y.data(), out},
                                .lines = images,
                                .columns = out,
                                .terms = in},
                           {.ranges = linear_ranges(in, out),
                            .epilogue = {bias.data(), options.relu},
                            .aligned = begins_aligned(x.data(), in) && begins_aligned(weight.data(), in),
                            .aligned_results = begins_aligned(y.data(), out),
                            .what = text("linear ", x.shape(), " by ", weight.shape())});
}

template <>
void linear_backward_input(View<const float, Cuda> dy, View<const float, Cuda> weight, View<float, Cuda> dx,
                           const LinearOptions& options) {
  if (by_bf16x2(options)) return linear_backward_input_bf16x2(dy, weight, dx);
  linear_backward_input_by<FloatEngine>(dy, weight, dx);
}

template <>
void linear_backward_weight(View<const float, Cuda> x, View<const float, Cuda> dy,
                            std::type_identity_t<View<float, Cuda>> dw, const LinearOptions& options) {
  if (by_bf16x2(options)) return linear_backward_weight_bf16x2(x, dy, dw);
  const Index images = x.shape()[0], out = dw.shape()[0], in = dw.shape()[1];
  using Pass = Product<MatrixTerms<float>, MatrixTerms<float>, RowsOfMatrix<float>>;
  run_product<FloatEngine>(Pass{.left = {dy.data(), out, images},
                                .right = {x.data(), in, images},
                                .result = {dw.data(), in},
                                .lines = out,
                                .columns = in,
                                .terms = images},
                           {.ranges = weight_gradient_ranges({out, in, images}),
                            .aligned = begins_aligned(x.data(), in) && begins_aligned(dy.data(), out),
                            .aligned_results = begins_aligned(dw.data(), in),
                            .what = text("linear weight gradient ", x.shape(), " by ", dw.shape())});
}

template <>
void linear_backward_bias(View<const float, Cuda> dy, std::type_identity_t<View<float, Cuda>> db) {
  bias_gradient(dy.data(), dy.shape()[0], db.size(), db.data(), text("linear bias gradient ", dy.shape()));
}

}  // namespace fusiform::kernels
