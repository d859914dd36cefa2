#pragma once
/// Loads 8x8 matrices of 16-bit elements from shared memory into the fragments of mma (sm_75; PTX ISA 9, "ldmatrix").

#include "target.cuh"
#if defined(FUSIFORM_EMULATE_CUDA)
#include "ldmatrix_emulated.cuh"
#endif

namespace fusiform::arch {

/// Lane 8 m + r passes the address of row r (16 bytes, 16-byte aligned) of matrix m; other lanes' addresses are not
/// used. Lane l receives in result[m] elements 2 (l % 4) and the next one of row l / 4 of matrix m; transposed: of
/// column l / 4.
template <int Matrices, bool Transposed = false>
__device__ inline void ldmatrix(std::uint32_t (&result)[Matrices], const void* row FUSIFORM_CALLER) {
  static_assert(Matrices == 1 || Matrices == 2 || Matrices == 4, "ldmatrix loads 1, 2 or 4 matrices");
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::ldmatrix(result, Matrices, Transposed, row, where);
#else
  const std::uint32_t at = shared_address(row);
  if constexpr (Matrices == 1 && !Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(result[0]) : "r"(at) : "memory");
  if constexpr (Matrices == 1 && Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(result[0]) : "r"(at) : "memory");
  if constexpr (Matrices == 2 && !Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(result[0]), "=r"(result[1])
                 : "r"(at)
                 : "memory");
  if constexpr (Matrices == 2 && Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(result[0]), "=r"(result[1])
                 : "r"(at)
                 : "memory");
  if constexpr (Matrices == 4 && !Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(result[0]), "=r"(result[1]), "=r"(result[2]), "=r"(result[3])
                 : "r"(at)
                 : "memory");
  if constexpr (Matrices == 4 && Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(result[0]), "=r"(result[1]), "=r"(result[2]), "=r"(result[3])
                 : "r"(at)
                 : "memory");
#endif
}

}  // namespace fusiform::arch
