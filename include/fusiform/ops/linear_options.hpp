#pragma once

namespace fusiform {

struct LinearOptions {
  bool relu = false;  ///< y = max(y, 0): saves a pass over the output
};

}  // namespace fusiform
