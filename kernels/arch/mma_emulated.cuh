#pragma once
/// mma.sync under the emulator.

#include <cstring>

#include "tests/cuda_emulation/cuda_emulation.hpp"

namespace fusiform::cuda_emulation {

inline float float_of_bits(std::uint32_t bits) {
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

struct WarpProduct {
  float* sums;
  const std::uint32_t *a, *b;
};

/// sums += a b; the lanes' accumulators have the same places for every type of factor.
template <int K>
void multiply_tiles(WarpProduct* const* lanes, const float (&a)[16][K], const float (&b)[K][8]) {
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      float sum = lanes[lane]->sums[i];
      for (int k = 0; k < K; ++k) sum += a[row][k] * b[k][column];
      lanes[lane]->sums[i] = sum;
    }
}

inline void mma_bf16(float* sums, const std::uint32_t* a, const std::uint32_t* b, Where where) {
  WarpProduct record{sums, a, b};
  warp_operation(full_mask, record, "mma.m16n8k16.bf16", where, [](WarpProduct* const* lanes) {
    float left[16][16], right[16][8];
    const auto half = [](std::uint32_t pair, unsigned which) {
      return float_of_bits(which == 0 ? pair << 16 : pair & 0xffff0000u);
    };
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned which = 0; which < 2; ++which) {
        const unsigned g = lane / 4, k = 2 * (lane % 4) + which;
        for (unsigned i = 0; i < 4; ++i) left[g + 8 * (i % 2)][k + 8 * (i / 2)] = half(lanes[lane]->a[i], which);
        for (unsigned i = 0; i < 2; ++i) right[k + 8 * i][g] = half(lanes[lane]->b[i], which);
      }
    multiply_tiles<16>(lanes, left, right);
  });
}

inline void mma_tf32(float* sums, const std::uint32_t* a, const std::uint32_t* b, Where where) {
  WarpProduct record{sums, a, b};
  warp_operation(full_mask, record, "mma.m16n8k8.tf32", where, [](WarpProduct* const* lanes) {
    float left[16][8], right[8][8];
    const auto truncated = [](std::uint32_t bits) { return float_of_bits(bits & 0xffffe000u); };
    for (unsigned lane = 0; lane < 32; ++lane) {
      const unsigned g = lane / 4, t = lane % 4;
      for (unsigned i = 0; i < 4; ++i) left[g + 8 * (i % 2)][t + 4 * (i / 2)] = truncated(lanes[lane]->a[i]);
      for (unsigned i = 0; i < 2; ++i) right[t + 4 * i][g] = truncated(lanes[lane]->b[i]);
    }
    multiply_tiles<8>(lanes, left, right);
  });
}

}  // namespace fusiform::cuda_emulation
