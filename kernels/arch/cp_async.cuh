#pragma once
/// Asynchronous copies of a thread from global to shared memory (sm_80; PTX ISA 9, "cp.async").

#include "target.cuh"
#if defined(FUSIFORM_EMULATE_CUDA)
#include "cp_async_emulated.cuh"
#endif

namespace fusiform::arch {

/// Copies `Bytes` (4, 8 or 16; both addresses a multiple of it), or writes zeros unless `valid`. 16 bytes go past the
/// first-level cache.
template <int Bytes>
__device__ inline void cp_async(void* shared, const void* global, bool valid = true) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::cp_async({shared, global, Bytes, !valid});
#else
  const std::uint32_t to = shared_address(shared);
  const int taken = valid ? Bytes : 0;
  if constexpr (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(taken) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global), "n"(Bytes), "r"(taken)
                 : "memory");
#endif
}

/// Closes the group of the copies issued since the last one.
__device__ inline void cp_async_commit() {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::current_thread->copies.commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Returns when at most `Pending` groups of this thread are unfinished. Others see the data after a barrier.
template <int Pending>
__device__ inline void cp_async_wait() {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::cp_async_wait(Pending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

}  // namespace fusiform::arch
