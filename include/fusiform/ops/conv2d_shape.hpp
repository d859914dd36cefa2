#pragma once
/// Settings and shape rule of the two-dimensional convolution.

#include <fusiform/core/shape.hpp>

namespace fusiform {

/// How a convolution is computed. The results differ by rounding only.
enum class ConvAlgorithm {
  automatic,      ///< chosen by the shapes of one image and of the filters, never by the batch or the threads
  implicit_gemm,  ///< product of image patches and filters; any shape
  direct,         ///< patches read where they lie in the image; any shape, made for images of few channels
  winograd_2x2,   ///< F(2x2, 3x3), 2.25 times fewer multiplications; 3x3 filters with stride 1
  winograd_4x4,   ///< F(4x4, 3x3), 4 times fewer; 3x3 filters with stride 1
  bf16x2,         ///< float on tensor cores: two bf16 a number, three products, relative error 5e-6; GPUs from sm_80 on
  cudnn,          ///< by cuDNN, loaded at run time where it is installed: on GPUs; float stays float, no tf32
};

struct Conv2dOptions {
  Index stride = 1;   ///< pixels from one output to the next, in both directions
  Index padding = 0;  ///< rows and columns of zeros around the image
  bool relu = false;  ///< the forward pass ends with max(., 0); the gradients are those of the convolution alone
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
};

/// Whether Winograd's algorithms can compute a convolution with these filters (out, kernel_h, kernel_w, in).
[[nodiscard]] inline bool winograd_applies(const Shape& weight, const Conv2dOptions& options) noexcept {
  return weight[1] == 3 && weight[2] == 3 && options.stride == 1;
}

/// (N, H, W, C) * (out, kernel_h, kernel_w, C) -> (N, H', W', out) with H' = (H + 2 padding - kernel_h) / stride + 1.
/// Throws ShapeError if the channels differ or the kernel does not fit into the padded image, ConfigError for a
/// stride below 1, a padding below 0, a kernel without pixels, or an algorithm that does not apply.
[[nodiscard]] inline Shape conv2d_output_shape(const Shape& x, const Shape& weight, const Conv2dOptions& options) {
  require_equal("conv2d", "dimensions of the input (N, H, W, C)", 4, x.rank());
  require_equal("conv2d", "dimensions of the filters (out, kernel_h, kernel_w, in)", 4, weight.rank());
  require_equal("conv2d", "input channels", weight[3], x[3]);
  require_setting(options.stride >= 1, "conv2d", "stride >= 1", options.stride);
  require_setting(weight[1] >= 1 && weight[2] >= 1, "conv2d", "a kernel of at least 1 x 1", weight);
  require_setting(options.padding >= 0, "conv2d", "padding >= 0", options.padding);
  const bool winograd =
      options.algorithm == ConvAlgorithm::winograd_2x2 || options.algorithm == ConvAlgorithm::winograd_4x4;
  if (winograd && !winograd_applies(weight, options))  // asked here so that no text is made in every pass
    require_setting(false, "conv2d", "3 x 3 filters and stride 1 for a Winograd algorithm",
                    text(weight, ", stride ", options.stride));
  const Index height = x[1] + 2 * options.padding - weight[1];
  const Index width = x[2] + 2 * options.padding - weight[2];
  if (height < 0 || width < 0)
    throw ShapeError(text("conv2d: expected an input that holds the kernel ", weight[1], " x ", weight[2],
                          " with padding ", options.padding, ", got ", x));
  return {x[0], height / options.stride + 1, width / options.stride + 1, weight[0]};
}

}  // namespace fusiform
