#pragma once
/// Which algorithm computes a convolution on the CPU.

#include <fusiform/ops/cpu/bias_gradient.hpp>
#include <fusiform/ops/cpu/conv2d_implicit_gemm.hpp>
#include <fusiform/ops/cpu/conv2d_weight_gradient.hpp>

namespace fusiform::kernels {

template <Scalar T>
void conv2d_forward(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                    const Conv2dOptions& options, View<T, Cpu> y) {
  conv2d_forward_implicit_gemm(x, weight, bias, options, y);
}

template <Scalar T>
void conv2d_backward_input(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options,
                           View<T, Cpu> dx) {
  conv2d_backward_input_implicit_gemm(dy, weight, options, dx);
}

template <Scalar T>
void conv2d_backward_weight(View<const T, Cpu> x, View<const T, Cpu> dy, const Conv2dOptions& options,
                            View<T, Cpu> dw) {
  conv2d_backward_weight_implicit_gemm(x, dy, options, dw);
}

template <Scalar T>
void conv2d_backward_bias(View<const T, Cpu> dy, View<T, Cpu> db) {
  bias_gradient(dy, db);
}

}  // namespace fusiform::kernels
