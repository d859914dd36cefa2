#pragma once
/// Values that one instruction reads or writes at once.

#include <cstdint>

namespace fusiform::kernels {

struct alignas(8) FloatPair {
  float first, second;
};

struct alignas(16) SixteenBytes {
  std::uint32_t word[4];
};

}  // namespace fusiform::kernels
