// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <fusiform/ops/conv2d.hpp>

#include "bias_gradient.cuh"
#include "conv2d_float.cuh"

namespace fusiform::kernels {

namespace {

/// On a GPU there is one exact algorithm, for all shapes.
void require_gpu_algorithm(ConvAlgorithm algorithm) {
  if (algorithm != ConvAlgorithm::automatic && algorithm != ConvAlgorithm::implicit_gemm)
    throw ConfigError("conv2d: expected the algorithm `automatic` or `implicit_gemm` on a GPU, got one of the CPU");
}

std::string describe(const char* pass, const Shape& images, const Shape& filters, const Conv2dOptions& options) {
  return text(pass, ' ', images, " by ", filters, ", stride ", options.stride, ", padding ", options.padding);
}

}  // namespace

template <>
void conv2d_forward(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                    const Conv2dOptions& options, View<float, Cuda> y, FilterCache<float, Cuda>*) {
  require_gpu_algorithm(options.algorithm);
  const Index channels = x.shape()[3];
  const auto product = forward_product(x, weight, options, y.shape(), y.data());
  run_float_product(product, y.data(),
                    {.ranges = divide_terms(product.terms, 1, 1),
                     .epilogue = {bias.data(), options.relu},
                     .aligned = begins_aligned(x.data(), channels) && begins_aligned(weight.data(), channels),
                     .aligned_results = begins_aligned(y.data(), weight.shape()[0]),
                     .what = describe("conv2d", x.shape(), weight.shape(), options)});
}

template <>
void conv2d_backward_input(View<const float, Cuda> dy, View<const float, Cuda> weight, const Conv2dOptions& options,
                           View<float, Cuda> dx) {
  require_gpu_algorithm(options.algorithm);
  const Index channels = dx.shape()[3];
  const bool aligned = begins_aligned(dy.data(), weight.shape()[0]) && begins_aligned(weight.data(), channels);
  for (const auto& products : input_gradient_products(dy, weight, options, dx.shape(), dx.data()))
    run_float_product(products, dx.data(),
                      {.ranges = divide_terms(products.terms, 1, 1),
                       .aligned = aligned,
                       .aligned_results = begins_aligned(dx.data(), channels),
                       .what = describe("conv2d input gradient", dx.shape(), weight.shape(), options)});
}

template <>
void conv2d_backward_weight(View<const float, Cuda> x, View<const float, Cuda> dy, const Conv2dOptions& options,
                            std::type_identity_t<View<float, Cuda>> dw) {
  require_gpu_algorithm(options.algorithm);
  const Index channels = x.shape()[3];
  const auto product = weight_gradient_product(x, dy, options, dw.shape(), dw.data());
  run_float_product(product, dw.data(),
                    {.ranges = weight_gradient_ranges({product.lines, product.columns, product.terms}),
                     .aligned = begins_aligned(x.data(), channels) && begins_aligned(dy.data(), dw.shape()[0]),
                     .aligned_results = begins_aligned(dw.data(), channels),
                     .what = describe("conv2d filter gradient", x.shape(), dw.shape(), options)});
}

template <>
void conv2d_backward_bias(View<const float, Cuda> dy, std::type_identity_t<View<float, Cuda>> db) {
  const Index columns = db.size();
  bias_gradient(dy.data(), columns == 0 ? 0 : dy.size() / columns, columns, db.data(),
                text("conv2d bias gradient ", dy.shape()));
}

}  // namespace fusiform::kernels
