#pragma once
/// The passes of a convolution by an engine (FloatEngine, MmaEngine): see implicit_gemm_launch.cuh. Tensors are as in
/// fusiform/ops/conv2d.hpp; parameters' gradients are float.

#include "implicit_gemm_launch.cuh"
#include "implicit_gemm_passes.cuh"

namespace fusiform::kernels {

namespace detail {
inline std::string describe_conv2d(const char* pass, const Shape& images, const Shape& filters,
                                   const Conv2dOptions& options) {
  return text("conv2d", pass, ' ', images, " by ", filters, ", stride ", options.stride, ", padding ", options.padding);
}
}  // namespace detail

template <class Engine, class T>
void conv2d_forward_by(View<const T, Cuda> x, View<const T, Cuda> weight, View<const float, Cuda> bias,
                       const Conv2dOptions& options, View<T, Cuda> y) {
  const Index channels = x.shape()[3];
  const auto product = forward_product(x, weight, options, y.shape(), y.data());
  run_product<Engine>(product,
                      {.ranges = divide_terms(product.terms, 1, 1),
                       .epilogue = {bias.data(), options.relu},
                       .aligned = begins_aligned(x.data(), channels) && begins_aligned(weight.data(), channels),
                       .aligned_results = begins_aligned(y.data(), weight.shape()[0]),
                       .what = detail::describe_conv2d("", x.shape(), weight.shape(), options)});
}

template <class Engine, class T>
void conv2d_backward_input_by(View<const T, Cuda> dy, View<const T, Cuda> weight, const Conv2dOptions& options,
                              View<T, Cuda> dx) {
  const Index channels = dx.shape()[3];
  const bool aligned = begins_aligned(dy.data(), weight.shape()[0]) && begins_aligned(weight.data(), channels);
  for (const auto& products : input_gradient_products(dy, weight, options, dx.shape(), dx.data()))
    run_product<Engine>(products,
                        {.ranges = divide_terms(products.terms, 1, 1),
                         .aligned = aligned,
                         .aligned_results = begins_aligned(dx.data(), channels),
                         .what = detail::describe_conv2d(" input gradient", dx.shape(), weight.shape(), options)});
}

template <class Engine, class T>
void conv2d_backward_weight_by(View<const T, Cuda> x, View<const T, Cuda> dy, const Conv2dOptions& options,
                               View<float, Cuda> dw) {
  const Index channels = x.shape()[3];
  const auto product = weight_gradient_product(x, dy, options, dw.shape(), dw.data());
  run_product<Engine>(product,
                      {.ranges = weight_gradient_ranges({product.lines, product.columns, product.terms}),
                       .aligned = begins_aligned(x.data(), channels) && begins_aligned(dy.data(), dw.shape()[0]),
                       .aligned_results = begins_aligned(dw.data(), channels),
                       .what = detail::describe_conv2d(" filter gradient", x.shape(), dw.shape(), options)});
}

}  // namespace fusiform::kernels
