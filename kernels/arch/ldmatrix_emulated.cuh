#pragma once
/// ldmatrix under the emulator.

#include <cstring>

#include "tests/cuda_emulation/cuda_emulation.hpp"

namespace fusiform::cuda_emulation {

inline void ldmatrix(std::uint32_t* result, unsigned matrices, bool transposed, const void* row, Where where) {
  struct Record {
    std::uint32_t* result;
    const void* row;
  } record{result, row};
  const SharedMemory& shared = current_block->shared;
  if (current_thread->lane() < 8 * matrices &&
      (reinterpret_cast<std::uintptr_t>(row) % 16 != 0 || !shared.contains(row, 16)))
    fail("ldmatrix: expected 16-byte aligned rows in shared memory");
  warp_operation(full_mask, record, "ldmatrix", where, [&](Record* const* lanes) {
    for (unsigned m = 0; m < matrices; ++m) {
      std::uint16_t matrix[8][8];
      for (unsigned r = 0; r < 8; ++r) std::memcpy(matrix[r], lanes[8 * m + r]->row, 16);
      for (unsigned lane = 0; lane < 32; ++lane) {
        const unsigned i = lane / 4, j = lane % 4 * 2;
        const std::uint32_t first = transposed ? matrix[j][i] : matrix[i][j];
        const std::uint32_t second = transposed ? matrix[j + 1][i] : matrix[i][j + 1];
        lanes[lane]->result[m] = first | second << 16;
      }
    }
  });
}

}  // namespace fusiform::cuda_emulation
