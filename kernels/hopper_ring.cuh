#pragma once
/// The ring of shared-memory stages between the warp that copies tiles and the warpgroups that multiply them.

#include "arch/bfloat16.cuh"
#include "arch/fence.cuh"
#include "arch/mbarrier.cuh"
#include "arch/wgmma.cuh"
#include "conv2d_hopper_tile.hpp"

namespace fusiform::kernels {

/// Where one side stands in the ring: the stage, and whether the ring has been passed an odd number of times.
template <int Stages>
struct RingPosition {
  int stage = 0;
  unsigned phase = 0;

  __device__ void advance() {
    if (++stage == Stages) {
      stage = 0;
      phase ^= 1u;
    }
  }
};

/// Blocks of 64 rows of 128 bytes.
template <int Blocks>
struct HopperResults {
  alignas(1024) std::uint32_t block[Blocks][2048];
};
template <>
struct HopperResults<0> {};

/// Shared memory of a block: `stages` pairs of operands, results on their way out, the barriers.
/// An operand is laid out in rows of 64 bf16 with the 128-byte swizzle; one row is one tile row (k_major) or one of 64
/// terms of a block of 64 tile rows (mn_major): the same number of bytes in both orders.
/// Where taps share a window, tap t of a row of the filter begins t rows on.
template <class Tile>
struct alignas(1024) HopperShared {
  struct alignas(1024) Stage {
    alignas(1024) arch::bf16 a[(Tile::a_rows + 7) / 8 * 512];
    alignas(1024) arch::bf16 b[(Tile::b_rows + 7) / 8 * 512];
  };
  Stage stage[Tile::stages];
  HopperResults<Tile::outgoing_blocks> outgoing;
  std::uint64_t full[Tile::stages];   ///< completed by the copies of a stage
  std::uint64_t empty[Tile::stages];  ///< completed by one arrival of every multiplying warp
};

template <class Tile>
constexpr bool hopper_shared_fits = sizeof(HopperShared<Tile>) <= std::size_t(Tile::shared_bytes);

#if FUSIFORM_HAS_SM90A

template <class Tile>
__device__ void prepare_ring(HopperShared<Tile>& shared) {
  if (threadIdx.x == 0) {
    for (int i = 0; i < Tile::stages; ++i) {
      arch::mbarrier_init(&shared.full[i], 1);
      arch::mbarrier_init(&shared.empty[i], unsigned(Tile::consumers) * 4);
    }
    arch::fence_mbarrier_init();
  }
  __syncthreads();
}

/// Waits until the stage is free and announces the bytes that will arrive in it.
template <class Tile>
__device__ auto& open_stage(HopperShared<Tile>& shared, const RingPosition<Tile::stages>& at) {
  arch::mbarrier_wait(&shared.empty[at.stage], at.phase ^ 1u);
  arch::mbarrier_arrive_expect_bytes(&shared.full[at.stage], unsigned(Tile::copied_bytes));
  return shared.stage[at.stage];
}

/// The sums of one thread: `row_blocks()` products of 64 rows.
template <class Tile>
using HopperSums = float[Tile::row_blocks][Tile::columns / 2];

template <class Tile, arch::Order A, arch::Order B>
__device__ void multiply_stage(HopperSums<Tile>& sums, std::uint64_t a, std::uint64_t b, bool accumulate) {
  // Descriptors count in units of 16 bytes: from 16 terms to the next, from 64 rows to the next, from a tap to the
  // next.
  constexpr unsigned a_terms = A == arch::Order::k_major ? 2 : 128, b_terms = B == arch::Order::k_major ? 2 : 128;
  constexpr unsigned row_block = 512, a_tap = 8, b_tap = Tile::columns * 8;
  constexpr unsigned taps = Tile::pass == HopperPass::pixels ? Tile::taps : 1;
#pragma unroll
  for (unsigned tap = 0; tap < taps; ++tap)
#pragma unroll
    for (unsigned k = 0; k < 4; ++k)
#pragma unroll
      for (unsigned m = 0; m < Tile::row_blocks; ++m)
        arch::wgmma_m64k16<Tile::columns, A, B>(sums[m], a + tap * a_tap + k * a_terms + m * row_block,
                                                b + tap * b_tap + k * b_terms, accumulate || tap + k > 0);
}

/// Sums over `steps` stages of the ring. One group of products stays in flight while the next is issued; a stage goes
/// back to the copying warp when the group after it has been issued and its own has finished.
template <class Tile, arch::Order A, arch::Order B>
__device__ void multiply_steps(HopperSums<Tile>& sums, HopperShared<Tile>& shared, RingPosition<Tile::stages>& at,
                               int steps, int consumer) {
  static_assert(hopper_shared_fits<Tile>);
  // In the pass over filters the columns of the next tap are the same window, one pixel further.
  constexpr std::uint32_t column_block = Tile::pass == HopperPass::filters && Tile::taps > 1 ? 128 : 8192;
  constexpr unsigned stage_step = unsigned(sizeof(shared.stage[0])) >> 4;
  const std::uint32_t first_row = unsigned(consumer * Tile::rows_per_consumer) * 128u;
  const std::uint64_t a = arch::wgmma_operand(arch::shared_address(shared.stage[0].a) + first_row, 8192);
  const std::uint64_t b = arch::wgmma_operand(arch::shared_address(shared.stage[0].b), column_block);
  const bool releases = threadIdx.x % 32 == 0;
  int previous = 0;
  for (int step = 0; step < steps; ++step) {
    arch::mbarrier_wait(&shared.full[at.stage], at.phase);
    arch::wgmma_fence();
    const unsigned offset = unsigned(at.stage) * stage_step;
    multiply_stage<Tile, A, B>(sums, a + offset, b + offset, step > 0);
    arch::wgmma_commit();
    arch::wgmma_wait<1>();
    if (step > 0 && releases) arch::mbarrier_arrive(&shared.empty[previous]);
    previous = at.stage;
    at.advance();
  }
  arch::wgmma_wait<0>();
  if (steps > 0 && releases) arch::mbarrier_arrive(&shared.empty[previous]);
}

#endif

}  // namespace fusiform::kernels
