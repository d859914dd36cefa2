#pragma once
/// A linear layer reads or writes all its weights for few images: what counts is that they pass through the processor
/// once, in the order in which they lie.

#include <fusiform/ops/cpu/bias_gradient.hpp>
#include <fusiform/ops/cpu/dot_products.hpp>
#include <fusiform/ops/cpu/outer_product.hpp>
#include <fusiform/ops/cpu/row_product.hpp>
#include <fusiform/ops/linear_options.hpp>

namespace fusiform::kernels {

namespace detail {
inline void require_cpu_algorithm(const LinearOptions& options) {
  if (options.algorithm != ConvAlgorithm::automatic)
    throw ConfigError("linear: expected the algorithm `automatic` on a CPU, got another");
}
}  // namespace detail

template <Scalar T>
void linear_forward(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias, View<T, Cpu> y,
                    const LinearOptions& options) {
  detail::require_cpu_algorithm(options);
  DotProducts<T>(x, weight, bias.data(), options.relu, y).run();
}

/// dx = dy w
template <Scalar T>
void linear_backward_input(View<const T, Cpu> dy, View<const T, Cpu> weight, View<T, Cpu> dx,
                           const LinearOptions& options) {
  detail::require_cpu_algorithm(options);
  const Index out = weight.shape()[0];
  const Index in = weight.shape()[1];
  row_product<T>({.rows = dx.shape()[0],
                  .depth = out,
                  .columns = in,
                  .a = dy.data(),
                  .a_row = out,
                  .a_step = 1,
                  .b = weight.data(),
                  .c = dx.data()});
}

/// dw = dy^T x
template <Scalar T>
void linear_backward_weight(View<const T, Cpu> x, View<const T, Cpu> dy, View<T, Cpu> dw,
                            const LinearOptions& options) {
  detail::require_cpu_algorithm(options);
  const Index out = dw.shape()[0];
  const Index in = dw.shape()[1];
  const RowProductShape<T> product{.rows = out,
                                   .depth = x.shape()[0],
                                   .columns = in,
                                   .a = dy.data(),
                                   .a_row = 1,
                                   .a_step = out,
                                   .b = x.data(),
                                   .c = dw.data()};
  if (product.depth > 0 && product.depth <= outer_product_terms) {
    outer_product(product);
  } else {
    row_product(product);
  }
}

template <Scalar T>
void linear_backward_bias(View<const T, Cpu> dy, View<T, Cpu> db) {
  bias_gradient(dy, db);
}

}  // namespace fusiform::kernels
