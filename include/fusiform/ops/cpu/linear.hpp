#pragma once
/// A linear layer is a convolution of images of one pixel: the same products, the same packing.

#include <fusiform/ops/cpu/conv2d.hpp>

namespace fusiform::kernels {

/// (rows, columns) as images of one pixel or as filters of one tap: (rows, 1, 1, columns).
template <class T>
[[nodiscard]] View<T, Cpu> as_pixels(View<T, Cpu> matrix) {
  return {matrix.data(), Shape{matrix.shape()[0], 1, 1, matrix.shape()[1]}};
}

template <Scalar T>
void linear_forward(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias, View<T, Cpu> y) {
  conv2d_forward_implicit_gemm(as_pixels(x), as_pixels(weight), bias, {}, as_pixels(y));
}

template <Scalar T>
void linear_backward_input(View<const T, Cpu> dy, View<const T, Cpu> weight, View<T, Cpu> dx) {
  conv2d_backward_input_implicit_gemm(as_pixels(dy), as_pixels(weight), {}, as_pixels(dx));
}

template <Scalar T>
void linear_backward_weight(View<const T, Cpu> x, View<const T, Cpu> dy, View<T, Cpu> dw) {
  conv2d_backward_weight_implicit_gemm(as_pixels(x), as_pixels(dy), {}, as_pixels(dw));
}

template <Scalar T>
void linear_backward_bias(View<const T, Cpu> dy, View<T, Cpu> db) {
  bias_gradient(dy, db);
}

}  // namespace fusiform::kernels
