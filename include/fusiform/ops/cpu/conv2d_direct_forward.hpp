#pragma once
/// Forward convolution that reads patches where they lie in the image.

#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/conv2d_implicit_gemm.hpp>
#include <fusiform/ops/cpu/direct_product.hpp>

namespace fusiform::kernels {

template <Scalar T>
void conv2d_forward_direct(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                           const Conv2dOptions& options, View<T, Cpu> y) {
  conv2d_forward_product<DirectProduct>(x, weight, bias, options, y);
}

}  // namespace fusiform::kernels
