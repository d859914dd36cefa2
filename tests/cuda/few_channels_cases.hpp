#pragma once
/// Shapes of the convolutions of few channels that the emulated and the device test both go through.

#include "kernels/conv2d_problem.hpp"

namespace fusiform::test {

/// First layers of VGG, ResNet and AlexNet in small, and the awkward: 1, 2, 4 and 5 channels, kernels that are no
/// squares, wider than one warp's terms or than the image, stride above the kernel, channels that fill no tile.
/// {images, height, width, in, out, kernel_h, kernel_w, stride, padding}
inline constexpr kernels::Conv2dProblem few_channels_cases[] = {
    {2, 13, 19, 3, 64, 3, 3, 1, 1},   {3, 70, 23, 3, 64, 3, 3, 1, 1}, {1, 21, 26, 3, 64, 7, 7, 2, 3},
    {2, 35, 39, 3, 64, 11, 11, 4, 2}, {1, 9, 300, 1, 72, 3, 3, 1, 1}, {2, 7, 9, 4, 8, 3, 3, 1, 0},
    {1, 10, 11, 2, 24, 1, 5, 3, 2},   {1, 9, 8, 5, 136, 5, 2, 1, 4},  {2, 6, 7, 3, 16, 2, 2, 3, 0},
    {1, 4, 5, 3, 40, 1, 1, 1, 0},
};

}  // namespace fusiform::test
