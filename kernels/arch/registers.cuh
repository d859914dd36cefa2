#pragma once
/// Moves registers between warpgroups (PTX ISA 9, "setmaxnreg"): a warpgroup that only starts copies gives its own to
/// those that multiply. All threads of the warpgroup call it; the kernel must be bounded by __launch_bounds__.

#include "target.cuh"

namespace fusiform::arch {

/// Waits until the warpgroup has `Count` registers a thread.
template <int Count>
__device__ inline void acquire_registers() {
  static_assert(Count % 8 == 0 && Count >= 24 && Count <= 256, "setmaxnreg takes multiples of 8 from 24 to 256");
#if !defined(FUSIFORM_EMULATE_CUDA)
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
#endif
}

/// Keeps `Count` registers a thread and gives the others back.
template <int Count>
__device__ inline void release_registers() {
  static_assert(Count % 8 == 0 && Count >= 24 && Count <= 256, "setmaxnreg takes multiples of 8 from 24 to 256");
#if !defined(FUSIFORM_EMULATE_CUDA)
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
#endif
}

}  // namespace fusiform::arch
