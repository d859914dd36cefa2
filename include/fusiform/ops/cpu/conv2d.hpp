#pragma once
/// Which algorithm computes a convolution on the CPU.

#include <fusiform/ops/cpu/bias_gradient.hpp>
#include <fusiform/ops/cpu/conv2d_direct_forward.hpp>
#include <fusiform/ops/cpu/conv2d_direct_input_gradient.hpp>
#include <fusiform/ops/cpu/conv2d_direct_weight_gradient.hpp>
#include <fusiform/ops/cpu/conv2d_implicit_gemm.hpp>
#include <fusiform/ops/cpu/conv2d_weight_gradient.hpp>
#include <fusiform/ops/cpu/conv2d_winograd.hpp>
#include <fusiform/ops/cpu/conv2d_winograd_weight_gradient.hpp>
#include <fusiform/ops/filter_cache.hpp>

namespace fusiform::kernels {

/// Whether patches of more than a few channels are better read where they lie than packed. The tiles of `direct` are
/// pixels of one row (of any, if filters are 1x1), and every image reads all filters.
[[nodiscard]] inline bool direct_pays(const Shape& weight, const Conv2dOptions& options, Index width) {
  constexpr Index tile = 7;
  constexpr Index filters = Index{1} << 22U;  // elements: half of a last-level cache
  const bool pixels_only = weight[1] == 1 && weight[2] == 1 && options.stride == 1 && options.padding == 0;
  return (width >= tile || pixels_only) && weight.size() <= filters;
}

/// The choice for filters (out, kernel_h, kernel_w, in) and a result of height x width pixels. It must not depend on
/// the batch: an image's results would change with the images beside it. Throws ConfigError for algorithms of GPUs.
[[nodiscard]] inline ConvAlgorithm conv2d_algorithm(const Shape& weight, const Conv2dOptions& options, Index height,
                                                    Index width) {
  if (options.algorithm == ConvAlgorithm::bf16x2 || options.algorithm == ConvAlgorithm::cudnn)
    throw ConfigError("conv2d: expected an algorithm for CPUs, got one for GPUs");
  if (options.algorithm != ConvAlgorithm::automatic) return options.algorithm;
  // Patches of few channels are packed at great expense, and their columns fill no register.
  if (weight[3] <= 8) return ConvAlgorithm::direct;
  const ConvAlgorithm other =
      direct_pays(weight, options, width) ? ConvAlgorithm::direct : ConvAlgorithm::implicit_gemm;
  if (!winograd_applies(weight, options)) return other;
  // Below 16 channels the transforms cost more than the multiplications that they save.
  if (weight[0] < 16 || weight[3] < 16) return other;
  // Multiplications per pair of channels. A multiplication behind transforms costs about 1.3 times as much.
  const Index direct = 9 * height * width;
  const Index with_2x2 = winograd_positions<2> * divide_up(height, 2) * divide_up(width, 2);
  const Index with_4x4 = winograd_positions<4> * divide_up(height, 4) * divide_up(width, 4);
  if (std::min(with_2x2, with_4x4) * 4 > direct * 3) return other;
  return with_4x4 <= with_2x2 ? ConvAlgorithm::winograd_4x4 : ConvAlgorithm::winograd_2x2;
}

/// The choice for the gradient of such filters.
[[nodiscard]] inline ConvAlgorithm conv2d_weight_gradient_algorithm(const Shape& weight, const Conv2dOptions& options,
                                                                    Index height, Index width) {
  const ConvAlgorithm choice = conv2d_algorithm(weight, options, height, width);
  // Pixels of many channels are powers of two apart and share cache sets, and 1x1 filters use each only once.
  const bool far_apart = weight[1] * weight[2] == 1 && std::max(weight[0], weight[3]) > 256;
  const bool chosen = options.algorithm == ConvAlgorithm::automatic && choice == ConvAlgorithm::direct;
  return chosen && far_apart && weight[3] > 8 ? ConvAlgorithm::implicit_gemm : choice;
}

/// `cache`: where transformed filters are kept between calls; may be nullptr.
template <Scalar T>
void conv2d_forward(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                    const Conv2dOptions& options, View<T, Cpu> y, FilterCache<T, Cpu>* cache) {
  switch (conv2d_algorithm(weight.shape(), options, y.shape()[1], y.shape()[2])) {
    case ConvAlgorithm::winograd_2x2:
      return conv2d_forward_winograd<2, T>(x, weight, bias, options, y, cache);
    case ConvAlgorithm::winograd_4x4:
      return conv2d_forward_winograd<4, T>(x, weight, bias, options, y, cache);
    case ConvAlgorithm::direct:
      return conv2d_forward_direct(x, weight, bias, options, y);
    default:
      return conv2d_forward_implicit_gemm(x, weight, bias, options, y);
  }
}

template <Scalar T>
void conv2d_backward_input(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options,
                           View<T, Cpu> dx) {
  switch (conv2d_algorithm(weight.shape(), options, dx.shape()[1], dx.shape()[2])) {
    case ConvAlgorithm::winograd_2x2:
      return conv2d_backward_input_winograd<2, T>(dy, weight, options, dx);
    case ConvAlgorithm::winograd_4x4:
      return conv2d_backward_input_winograd<4, T>(dy, weight, options, dx);
    case ConvAlgorithm::direct:
      return conv2d_backward_input_direct(dy, weight, options, dx);
    default:
      return conv2d_backward_input_implicit_gemm(dy, weight, options, dx);
  }
}

template <Scalar T>
void conv2d_backward_weight(View<const T, Cpu> x, View<const T, Cpu> dy, const Conv2dOptions& options,
                            View<T, Cpu> dw) {
  switch (conv2d_weight_gradient_algorithm(dw.shape(), options, dy.shape()[1], dy.shape()[2])) {
    case ConvAlgorithm::winograd_2x2:
      return conv2d_backward_weight_winograd<2, T>(x, dy, options, dw);
    case ConvAlgorithm::winograd_4x4:
      return conv2d_backward_weight_winograd<4, T>(x, dy, options, dw);
    case ConvAlgorithm::direct:
      return conv2d_backward_weight_direct(x, dy, options, dw);
    default:
      return conv2d_backward_weight_implicit_gemm(x, dy, options, dw);
  }
}

template <Scalar T>
void conv2d_backward_bias(View<const T, Cpu> dy, View<T, Cpu> db) {
  bias_gradient(dy, db);
}

}  // namespace fusiform::kernels
