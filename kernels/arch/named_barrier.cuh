#pragma once
/// Barriers for some warps of a block (PTX ISA 9, "bar"). Number 0 is __syncthreads; `threads` is a multiple of 32.

#include "target.cuh"

namespace fusiform::arch {

/// Waits until `threads` threads have arrived at barrier `number` (1 to 15), those that only arrive included.
__device__ inline void named_barrier_sync(unsigned number, unsigned threads FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::synchronize_at_barrier(number, threads, "named barrier", where);
#else
  asm volatile("bar.sync %0, %1;" ::"r"(number), "r"(threads) : "memory");
#endif
}

/// Arrives without waiting.
__device__ inline void named_barrier_arrive(unsigned number, unsigned threads FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::arrive_at_barrier(number, threads, where);
#else
  asm volatile("bar.arrive %0, %1;" ::"r"(number), "r"(threads) : "memory");
#endif
}

}  // namespace fusiform::arch
