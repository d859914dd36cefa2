#pragma once
/// The problem of an operation's checked shapes.

#include <limits>

#include <fusiform/core/error.hpp>
#include <fusiform/core/shape.hpp>
#include <fusiform/ops/conv2d_shape.hpp>

#include "conv2d_problem.hpp"

namespace fusiform::kernels {

/// Throws ConfigError for sizes beyond what the kernels count with.
[[nodiscard]] inline int int_of(Index size) {
  require_setting(size <= std::numeric_limits<int>::max(), "cuda convolution", "sizes below 2^31", size);
  return static_cast<int>(size);
}

/// Images x (N, H, W, C) and filters (out, kernel_h, kernel_w, C). Throws as int_of.
[[nodiscard]] inline Conv2dProblem problem_of(const Shape& x, const Shape& weight, const Conv2dOptions& options) {
  return {.images = int_of(x[0]),
          .height = int_of(x[1]),
          .width = int_of(x[2]),
          .in_channels = int_of(x[3]),
          .out_channels = int_of(weight[0]),
          .kernel_h = int_of(weight[1]),
          .kernel_w = int_of(weight[2]),
          .stride = int_of(options.stride),
          .padding = int_of(options.padding)};
}

}  // namespace fusiform::kernels
