#pragma once
/// The convolutions that are measured, and the numbers they are measured on.

#include <array>
#include <span>
#include <string>
#include <string_view>

#include <fusiform/core/random.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/conv2d.hpp>

namespace fusiform::bench {

enum class Pass { forward, backward_input, backward_weight };

inline constexpr std::array<std::pair<const char*, Pass>, 3> passes{
    {{"forward", Pass::forward}, {"backward_input", Pass::backward_input}, {"backward_weight", Pass::backward_weight}}};

/// Square images and square filters.
struct ConvolutionCase {
  std::string_view name;
  Index batch, size, in, out;
  Index kernel = 3, stride = 1, padding = 1;
};

inline constexpr std::array<ConvolutionCase, 25> convolution_cases{{
    {"vgg16.conv1_1", 8, 224, 3, 64},
    {"vgg16.conv1_2", 8, 224, 64, 64},
    {"vgg16.conv2_1", 8, 112, 64, 128},
    {"vgg16.conv2_2", 8, 112, 128, 128},
    {"vgg16.conv3_1", 8, 56, 128, 256},
    {"vgg16.conv3_2", 8, 56, 256, 256},
    {"vgg16.conv3_3", 8, 56, 256, 256},
    {"vgg16.conv4_1", 8, 28, 256, 512},
    {"vgg16.conv4_2", 8, 28, 512, 512},
    {"vgg16.conv4_3", 8, 28, 512, 512},
    {"vgg16.conv5_1", 8, 14, 512, 512},
    {"vgg16.conv5_2", 8, 14, 512, 512},
    {"vgg16.conv5_3", 8, 14, 512, 512},
    {"small.1", 64, 32, 3, 32},
    {"small.2", 64, 32, 32, 32},
    {"small.3", 64, 16, 32, 64},
    {"small.4", 64, 16, 64, 64},
    {"small.5", 64, 8, 64, 128},
    {"small.6", 64, 8, 128, 128},
    {"alexnet.conv1", 8, 224, 3, 64, 11, 4, 2},
    {"alexnet.conv2", 8, 27, 64, 192, 5, 1, 2},
    {"resnet.conv1", 8, 224, 3, 64, 7, 2, 3},
    {"resnet.3x3_stride_2", 8, 56, 64, 128, 3, 2, 1},
    {"resnet.1x1_256_64", 8, 56, 256, 64, 1, 1, 0},
    {"resnet.1x1_64_256", 8, 56, 64, 256, 1, 1, 0},
}};

/// The shapes whose ratios are averaged at the end of a run.
struct ShapeSet {
  const char* name;
  bool (*contains)(const ConvolutionCase& shape);
};

inline constexpr std::array<ShapeSet, 3> shape_sets{
    {{"VGG16, 3x3 with at least 64 input channels",
      [](const ConvolutionCase& shape) { return shape.name.starts_with("vgg16.") && shape.in >= 64; }},
     {"small.2 to small.6",
      [](const ConvolutionCase& shape) { return shape.name.starts_with("small.") && shape.in > 3; }},
     {"first layers", [](const ConvolutionCase& shape) { return shape.in == 3; }}}};

/// One pass of one convolution: operands of every implementation, in fusiform's layouts.
struct Problem {
  Problem(const ConvolutionCase& convolution, Pass direction)
      : shape(convolution),
        pass(direction),
        options{.stride = shape.stride, .padding = shape.padding},
        x(Shape{shape.batch, shape.size, shape.size, shape.in}),
        weight(Shape{shape.out, shape.kernel, shape.kernel, shape.in}),
        bias(Shape{shape.out}),
        y(conv2d_output_shape(x.shape(), weight.shape(), options)) {
    const Rng rng(1);
    if (pass != Pass::backward_input) fill(x, rng.stream("x"));
    if (pass != Pass::backward_weight) fill(weight, rng.stream("weight"));
    if (pass != Pass::forward) fill(y, rng.stream("y"));
    fill(bias, rng.stream("bias"));
  }

  /// Floating-point operations of direct convolution, padding included: the yardstick of all algorithms.
  [[nodiscard]] double flop() const {
    return 2.0 * static_cast<double>(shape.kernel * shape.kernel * shape.in) * static_cast<double>(y.size());
  }

  /// Shape of what the pass computes: y, the gradient of x, or the gradient of the filters.
  [[nodiscard]] const Shape& result_shape() const {
    if (pass == Pass::forward) return y.shape();
    return pass == Pass::backward_input ? x.shape() : weight.shape();
  }

  ConvolutionCase shape;
  Pass pass;
  Conv2dOptions options;
  Tensor<float, Cpu> x;       ///< (N, H, W, C)
  Tensor<float, Cpu> weight;  ///< (out, kernel_h, kernel_w, in)
  Tensor<float, Cpu> bias;    ///< (out)
  Tensor<float, Cpu> y;       ///< (N, H', W', out); in the backward passes the gradient that comes in

 private:
  static void fill(Tensor<float, Cpu>& tensor, Rng rng) {
    for (float& element : tensor.span()) element = static_cast<float>(rng.uniform(-1, 1));
  }
};

}  // namespace fusiform::bench
