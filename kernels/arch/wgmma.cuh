#pragma once
/// Warpgroup matrix products of Hopper: d(64, N) += a(64, 16) b(16, N) with bf16 factors in shared memory and float
/// sums in the registers of 128 threads (PTX ISA 9, "Asynchronous Warpgroup Level Matrix Instructions").

#include "bfloat16.cuh"
#include "target.cuh"
#if defined(FUSIFORM_EMULATE_CUDA)
#include "wgmma_emulated.cuh"
#else
#include "wgmma_registers.cuh"
#endif

namespace fusiform::arch {

/// Which index of an operand is contiguous in shared memory: the one summed over (k), or the one of the result (mn).
enum class Order : int { k_major = 0, mn_major = 1 };

#if FUSIFORM_HAS_SM90A

/// Describes an operand that lies in shared memory in rows of 64 bf16 with the 128-byte swizzle, as TMA writes them.
/// `start` is the shared address of its first element, a multiple of 16 bytes in a pattern that begins at a multiple of
/// 1024 bytes: the swizzle goes by addresses, so an operand may begin at any row of the pattern.
/// k_major: a row is one index of the result and 64 of the sum; rows are contiguous, and the next 16 of the sum begin
/// 32 bytes on. `column_blocks` is not used.
/// mn_major: a row is one index of the sum and 64 of the result, the next 16 of the sum begin 2048 bytes on, and the
/// next 64 of the result begin `column_blocks` bytes on.
__device__ inline std::uint64_t wgmma_operand(std::uint32_t start, std::uint32_t column_blocks = 16) {
  constexpr std::uint64_t eight_rows = 1024 >> 4, swizzle_128 = 1;
  return std::uint64_t(start >> 4 & 0x3fff) | std::uint64_t(column_blocks >> 4 & 0x3fff) << 16 | eight_rows << 32 |
         swizzle_128 << 62;
}

/// Before the first product of a chain: orders the accumulator registers before the tensor cores' accesses.
__device__ inline void wgmma_fence() {
#if !defined(FUSIFORM_EMULATE_CUDA)
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

/// Closes the group of the products issued since the last one.
__device__ inline void wgmma_commit() {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::wgmma_commit();
#else
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

/// Returns when at most `Pending` groups of this warp are unfinished: the others have read their operands and their
/// sums may be used.
template <int Pending>
__device__ inline void wgmma_wait() {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::wgmma_wait(Pending, cuda_emulation::Where::current());
#else
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
#endif
}

/// One product, by all 128 threads of a warpgroup with the same operands; `accumulate` false overwrites d.
/// Thread t of the warpgroup holds in d[i] row t / 32 * 16 + t % 32 / 4 + 8 (i / 2 % 2), column 8 (i / 4) + 2 (t % 4) +
/// i % 2.
template <int N, Order A, Order B>
__device__ inline void wgmma_m64k16(float (&d)[N / 2], std::uint64_t a, std::uint64_t b, bool accumulate) {
  static_assert(N == 64 || N == 128 || N == 192 || N == 256, "other widths have no instruction here");
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::wgmma_issue({d, a, b, N, A == Order::mn_major, B == Order::mn_major, accumulate},
                              cuda_emulation::Where::current());
#else
  if constexpr (N == 64) FUSIFORM_WGMMA_M64N64K16(d, a, b, accumulate, int(A), int(B));
  if constexpr (N == 128) FUSIFORM_WGMMA_M64N128K16(d, a, b, accumulate, int(A), int(B));
  if constexpr (N == 192) FUSIFORM_WGMMA_M64N192K16(d, a, b, accumulate, int(A), int(B));
  if constexpr (N == 256) FUSIFORM_WGMMA_M64N256K16(d, a, b, accumulate, int(A), int(B));
#endif
}

#endif

}  // namespace fusiform::arch
