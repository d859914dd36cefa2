#pragma once
/// Barriers in shared memory on which threads and asynchronous copies arrive (PTX ISA 9, "mbarrier"; sm_90 for the
/// bytes). A phase completes when `count` threads have arrived and all announced bytes are there.

#include "target.cuh"

namespace fusiform::arch {

__device__ inline void mbarrier_init(std::uint64_t* barrier, unsigned count) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::mbarrier_init(barrier, count);
#else
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(count) : "memory");
#endif
}

__device__ inline void mbarrier_arrive(std::uint64_t* barrier) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::mbarrier_arrive(barrier, 0);
#else
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
#endif
}

/// Arrives, and announces `bytes` (at most 1048575 in a phase) that copies will bring.
__device__ inline void mbarrier_arrive_expect_bytes(std::uint64_t* barrier, unsigned bytes) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::mbarrier_arrive(barrier, bytes);
#else
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
               : "memory");
#endif
}

/// Whether the phase of this parity (0 for the first phase, 1 for the second, ...) has completed.
__device__ inline bool mbarrier_test(std::uint64_t* barrier, unsigned parity) {
#if defined(FUSIFORM_EMULATE_CUDA)
  return cuda_emulation::mbarrier_test(barrier, parity);
#else
  std::uint32_t complete;
  asm volatile("{\n.reg .pred p;\nmbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}"
               : "=r"(complete)
               : "r"(shared_address(barrier)), "r"(parity)
               : "memory");
  return complete != 0;
#endif
}

/// Returns when the phase of this parity has completed. A new barrier counts as having completed a phase of parity 1.
__device__ inline void mbarrier_wait(std::uint64_t* barrier, unsigned parity FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::mbarrier_wait(barrier, parity, where);
#else
  asm volatile(
      "{\n.reg .pred p;\nwait_%=:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n@p bra done_%=;\n"
      "bra wait_%=;\ndone_%=:\n}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
#endif
}

}  // namespace fusiform::arch
