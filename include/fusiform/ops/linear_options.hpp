#pragma once

#include <fusiform/ops/conv2d_shape.hpp>

namespace fusiform {

struct LinearOptions {
  bool relu = false;  ///< y = max(y, 0): saves a pass over the output; the gradients are those of the product alone
  /// `automatic`, or `bf16x2` for float on a GPU; the others are ConfigErrors.
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
};

}  // namespace fusiform
