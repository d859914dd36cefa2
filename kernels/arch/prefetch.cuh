#pragma once
/// Asking for memory early.

#include "target.cuh"

namespace fusiform::arch {

/// Brings what will be read at a global address into the second-level cache.
__device__ inline void prefetch_l2([[maybe_unused]] const void* address) {
#if defined(__CUDA_ARCH__)
  asm volatile("prefetch.L2 [%0];" ::"l"(address));
#endif
}

}  // namespace fusiform::arch
