#pragma once

#include <fusiform/core/simd.hpp>

namespace fusiform::kernels {

/// Tells the compiler that a vector has been changed. Otherwise g++ reads an operand that several instructions share
/// from memory for each of them, and a tile waits for loads instead of multiplying.
template <class Vector>
FUSIFORM_INLINE void keep_in_register([[maybe_unused]] Vector& vector) noexcept {
#if defined(__AVX__)
  asm("" : "+v"(vector));
#endif
}

}  // namespace fusiform::kernels
