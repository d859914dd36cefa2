#pragma once
/// Forward convolution and its gradient with respect to the input, as products of patches and filters.

#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/gemm.hpp>
#include <fusiform/ops/cpu/implicit_gemm.hpp>

namespace fusiform::kernels {

/// The patch matrix that a convolution of `x` sees.
template <Scalar T>
[[nodiscard]] Patches<T> convolution_patches(View<const T, Cpu> x, const Shape& weight, const Shape& y,
                                             const Conv2dOptions& options) {
  return {.image = x.data(),
          .images = x.shape()[0],
          .height = x.shape()[1],
          .width = x.shape()[2],
          .channels = x.shape()[3],
          .window_height = weight[1],
          .window_width = weight[2],
          .step = options.stride,
          .first_row = -options.padding,
          .first_column = -options.padding,
          .grid_height = y[1],
          .grid_width = y[2]};
}

/// `Product` is ImplicitGemm or DirectProduct.
template <template <class, class> class Product, Scalar T>
void conv2d_forward_product(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                            const Conv2dOptions& options, View<T, Cpu> y) {
  const Patches<T> patches = convolution_patches(x, weight.shape(), y.shape(), options);
  const Index depth = patches.columns();
  const auto pack = [&](Index k, Index slice_depth, Index j, Index columns, Index panel_columns, T* panel) {
    pack_panel_transposed(slice_depth, columns, weight.data() + j * depth + k, depth, panel_columns, panel);
  };
  const Index channels = y.shape()[3];
  const PixelTarget<T> target{y.data(), y.shape()[1] * y.shape()[2] * channels, y.shape()[2] * channels, channels};
  Product<T, decltype(pack)>(patches, channels, pack, bias.data(), target, options.relu).run();
}

/// One axis of the input gradient: the input positions first, first + stride, ... (`count` of them) are reached by
/// the taps last_tap, last_tap - stride, ... (`taps` of them) from the consecutive output positions that start at
/// `offset` for the first input position and move on by one with each.
struct GradientPhase {
  Index first, count, taps, last_tap, offset;
};

/// Input positions whose distance to the padded border is `phase` modulo the stride.
[[nodiscard]] inline GradientPhase gradient_phase(Index phase, Index size, Index kernel, const Conv2dOptions& options) {
  const Index stride = options.stride;
  const Index first = ((phase - options.padding) % stride + stride) % stride;
  const Index taps = phase < kernel ? (kernel - phase - 1) / stride + 1 : 0;
  return {.first = first,
          .count = first < size ? (size - first - 1) / stride + 1 : 0,
          .taps = taps,
          .last_tap = phase + (taps - 1) * stride,
          .offset = (first + options.padding - phase) / stride - (taps - 1)};
}

/// With stride 1: a convolution of dy with the filters flipped and transposed. With stride s, the input pixels fall
/// into s * s classes that see different taps, and each is such a convolution.
template <template <class, class> class Product, Scalar T>
void conv2d_backward_input_product(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options,
                                   View<T, Cpu> dx) {
  const Index stride = options.stride;
  const Index outputs = dy.shape()[3];
  const Index kernel_width = weight.shape()[2];
  const Index width = dx.shape()[2];
  const Index channels = dx.shape()[3];
  for (Index phase = 0; phase < stride * stride; ++phase) {
    const GradientPhase v = gradient_phase(phase / stride, dx.shape()[1], weight.shape()[1], options);
    const GradientPhase h = gradient_phase(phase % stride, width, kernel_width, options);
    const Patches<T> patches{.image = dy.data(),
                             .images = dy.shape()[0],
                             .height = dy.shape()[1],
                             .width = dy.shape()[2],
                             .channels = outputs,
                             .window_height = v.taps,
                             .window_width = h.taps,
                             .step = 1,
                             .first_row = v.offset,
                             .first_column = h.offset,
                             .grid_height = v.count,
                             .grid_width = h.count};
    // Row k of the matrix is (tap of the phase, output channel); its elements are the filter's input channels.
    const auto pack = [&](Index k, Index depth, Index j, Index columns, Index panel_columns, T* panel) {
      Index output = k % outputs;
      Index tap = k / outputs;
      const T* row = nullptr;
      for (Index step = 0; step < depth; ++step, panel += panel_columns) {
        if (row == nullptr || output == outputs) {
          if (output == outputs) {
            output = 0;
            ++tap;
          }
          const Index tap_row = v.last_tap - tap / h.taps * stride;
          const Index tap_column = h.last_tap - tap % h.taps * stride;
          row = weight.data() + ((output * weight.shape()[1] + tap_row) * kernel_width + tap_column) * channels + j;
        }
        pack_panel_row(columns, row, panel_columns, panel);
        ++output;
        row += weight.shape()[1] * kernel_width * channels;
      }
    };
    const PixelTarget<T> target{dx.data() + (v.first * width + h.first) * channels, dx.shape()[1] * width * channels,
                                stride * width * channels, stride * channels};
    Product<T, decltype(pack)>(patches, channels, pack, nullptr, target).run();
  }
}

template <Scalar T>
void conv2d_forward_implicit_gemm(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                                  const Conv2dOptions& options, View<T, Cpu> y) {
  conv2d_forward_product<ImplicitGemm>(x, weight, bias, options, y);
}

template <Scalar T>
void conv2d_backward_input_implicit_gemm(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options,
                                         View<T, Cpu> dx) {
  conv2d_backward_input_product<ImplicitGemm>(dy, weight, options, dx);
}

}  // namespace fusiform::kernels
