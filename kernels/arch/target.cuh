#pragma once
/// What kernels are compiled for: a device, by nvcc, or the emulator of tests/cuda_emulation, by an ordinary compiler
/// with FUSIFORM_EMULATE_CUDA defined. Every instruction in this folder is one function with a body for each.

#include <cstdint>
#if defined(FUSIFORM_EMULATE_CUDA)
#include "tests/cuda_emulation/cuda_emulation.hpp"
/// Last parameters of functions that wait: the emulator's report then says where.
#define FUSIFORM_CALLER , ::fusiform::cuda_emulation::Where where = ::fusiform::cuda_emulation::Where::current()
#else
#include <cuda_runtime.h>
#define FUSIFORM_CALLER
#endif

/// 1 where the instructions of sm_90a exist: they stay with compute capability 9.0, later ones do not have them.
/// Kernels that use them guard their bodies with it; nvcc's host pass needs no bodies.
#if defined(FUSIFORM_EMULATE_CUDA) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define FUSIFORM_HAS_SM90A 1
#else
#define FUSIFORM_HAS_SM90A 0
#endif
/// 1 where the instructions of sm_80 exist (cp.async, mma with bf16 and tf32).
#if defined(FUSIFORM_EMULATE_CUDA)
#define FUSIFORM_HAS_SM80 1
#elif defined(__CUDA_ARCH__)
#define FUSIFORM_HAS_SM80 (__CUDA_ARCH__ >= 800)
#else
#define FUSIFORM_HAS_SM80 0
#endif

namespace fusiform::arch {

/// The block's dynamic shared memory, 1024-byte aligned. Kernels put one struct there and use no other shared memory.
__device__ inline void* dynamic_shared_memory() {
#if defined(FUSIFORM_EMULATE_CUDA)
  return cuda_emulation::current_block->shared.data();
#else
  extern __shared__ __align__(1024) unsigned char fusiform_dynamic_shared_memory[];
  return fusiform_dynamic_shared_memory;
#endif
}

/// The 32-bit address by which instructions name shared memory.
__device__ inline std::uint32_t shared_address(const void* pointer) {
#if defined(FUSIFORM_EMULATE_CUDA)
  return cuda_emulation::shared_address(pointer);
#else
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
#endif
}

}  // namespace fusiform::arch
