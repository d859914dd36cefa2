#pragma once
/// Orders accesses among the engines that make them. The emulator runs every access in program order and cannot show a
/// missing one.

#include "target.cuh"

namespace fusiform::arch {

/// Makes mbarrier_init visible to the copy engine. Before the barrier after which others use it.
__device__ inline void fence_mbarrier_init() {
#if !defined(FUSIFORM_EMULATE_CUDA)
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

/// Orders this thread's ordinary accesses to shared memory before later ones by the copy engine and the tensor cores.
/// In every thread that wrote, before the barrier.
__device__ inline void fence_proxy_async_shared() {
#if !defined(FUSIFORM_EMULATE_CUDA)
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

}  // namespace fusiform::arch
