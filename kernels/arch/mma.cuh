#pragma once
/// Matrix products of one warp (sm_80; PTX ISA 9, "mma.sync"): sums(16, 8) += a(16, K) b(K, 8), sums in float.
/// Lane 4 g + t holds in sums[i] row g + 8 (i / 2), column 2 t + i % 2.

#include "target.cuh"
#if defined(FUSIFORM_EMULATE_CUDA)
#include "mma_emulated.cuh"
#endif

namespace fusiform::arch {

/// K = 16, two bf16 a register. a[i]: row g + 8 (i % 2), terms 2 t + 8 (i / 2) and the next; b[i]: terms 2 t + 8 i and
/// the next, column g. These are the fragments that ldmatrix loads.
__device__ inline void mma_m16n8k16_bf16(float (&sums)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2] FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::mma_bf16(sums, a, b, where);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/// K = 8, one tf32 a register. a[i]: row g + 8 (i % 2), term t + 4 (i / 2); b[i]: term t + 4 i, column g. The lower 13
/// bits of a factor are ignored: round with to_tf32.
__device__ inline void mma_m16n8k8_tf32(float (&sums)[4], const std::uint32_t (&a)[4],
                                        const std::uint32_t (&b)[2] FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::mma_tf32(sums, a, b, where);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/// The nearest tf32, ties away from zero.
__device__ inline std::uint32_t to_tf32(float x) {
  std::uint32_t bits;
#if defined(FUSIFORM_EMULATE_CUDA)
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x1000u) & 0xffffe000u;
#else
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
#endif
  return bits;
}

}  // namespace fusiform::arch
