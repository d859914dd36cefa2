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

/// See conv2d_max_pool2d_forward.
template <class Engine, class T>
void conv2d_max_pool2d_forward_by(View<const T, Cuda> x, View<const T, Cuda> weight, View<const float, Cuda> bias,
                                  const Conv2dOptions& options, const Conv2dMaxPool& max_pool, View<T, Cuda> y) {
  const Index channels = x.shape()[3], out = weight.shape()[0];
  const Shape between = conv2d_output_shape(x.shape(), weight.shape(), options);
  const auto product = max_pool_product(x, weight, options, between, y.shape(), y.data(), max_pool);
  run_product<Engine>(product,
                      {.ranges = divide_terms(product.terms, 1, 1),
                       .epilogue = {bias.data(), options.relu},
                       .aligned = begins_aligned(x.data(), channels) && begins_aligned(weight.data(), channels),
                       .aligned_results = begins_aligned(y.data(), out) && begins_aligned(max_pool.positions, out),
                       .what = detail::describe_conv2d(" with max pooling", x.shape(), weight.shape(), options)});
}

/// See conv2d_backward_input; without a ReLU's output if its data() is nullptr.
template <class Engine, class T>
void conv2d_backward_input_by(View<const T, Cuda> dy, View<const T, Cuda> weight, const Conv2dOptions& options,
                              View<const T, Cuda> relu_output, View<T, Cuda> dx) {
  const Index channels = dx.shape()[3];
  const bool aligned = begins_aligned(dy.data(), weight.shape()[0]) && begins_aligned(weight.data(), channels);
  for (const auto& products : input_gradient_products(dy, weight, options, dx.shape(), relu_output.data(), dx.data()))
    run_product<Engine>(
        products,
        {.ranges = divide_terms(products.terms, 1, 1),
         .aligned = aligned,
         .aligned_results = begins_aligned(dx.data(), channels) && begins_aligned(relu_output.data(), channels),
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
