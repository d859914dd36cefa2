#pragma once

#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Defaults are PyTorch's; AlexNet uses size 5, alpha 1e-4, beta 0.75, k 2.
struct LocalResponseNormOptions {
  Index size = 5;  ///< channels summed over
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
};

}  // namespace fusiform
