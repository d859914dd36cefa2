#pragma once
/// The ring of shared-memory stages between the warp that copies tiles and the warpgroups that multiply them.

#include "arch/bfloat16.cuh"
#include "arch/fence.cuh"
#include "arch/mbarrier.cuh"
#include "arch/wgmma.cuh"
#include "conv2d_hopper_tile.hpp"

namespace fusiform::kernels {

/// Where one side stands in a ring: the stage, and whether the ring has been passed an odd number of times.
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

/// The barriers of a ring.
template <int Stages>
struct RingBarriers {
  std::uint64_t full[Stages];   ///< completed by the copies of a stage
  std::uint64_t empty[Stages];  ///< completed by one arrival of every multiplying warp
};
template <>
struct RingBarriers<0> {};

/// `Count` operands of `Rows` rows of 64 bf16, each from the beginning of the swizzle's pattern.
template <int Count, int Rows>
struct HopperOperands {
  alignas(1024) arch::bf16 data[Count][(Rows + 7) / 8 * 512];
};
template <int Rows>
struct HopperOperands<0, Rows> {};

/// Results on their way out: blocks of 64 rows of 128 bytes.
template <int Blocks>
struct HopperResults {
  alignas(1024) std::uint32_t block[Blocks][2048];
};
template <>
struct HopperResults<0> {};

/// Shared memory of a block. An operand is laid out in rows of 64 bf16 with the 128-byte swizzle; one row is one tile
/// row (k_major) or one of 64 terms of a block of 64 tile rows (mn_major): the same number of bytes in both orders.
/// Where taps share a window, tap t of a row of the filter begins t rows on.
template <class Tile>
struct alignas(1024) HopperShared {
  static constexpr bool has_windows = Tile::windows > 0;
  [[no_unique_address]] HopperOperands<has_windows ? 0 : Tile::stages, Tile::a_rows> a;  ///< of the stages
  HopperOperands<Tile::stages, Tile::b_rows> b;
  [[no_unique_address]] HopperOperands<Tile::windows, Tile::a_rows> window;
  [[no_unique_address]] HopperResults<Tile::outgoing_blocks> outgoing;
  RingBarriers<Tile::stages> stages;
  [[no_unique_address]] RingBarriers<Tile::windows> windows;
};

/// Where one side stands in both rings.
template <class Tile>
struct HopperPosition {
  RingPosition<Tile::stages> stage;
  RingPosition<Tile::windows> window;
};

template <class Tile>
constexpr bool hopper_shared_fits = sizeof(HopperShared<Tile>) <= std::size_t(Tile::shared_bytes);

#if FUSIFORM_HAS_SM90A

template <class Tile, int Stages>
__device__ void prepare_barriers(RingBarriers<Stages>& ring) {
  for (int i = 0; i < Stages; ++i) {
    arch::mbarrier_init(&ring.full[i], 1);
    arch::mbarrier_init(&ring.empty[i], unsigned(Tile::consumers) * 4);
  }
}

template <class Tile>
__device__ void prepare_rings(HopperShared<Tile>& shared) {
  static_assert(hopper_shared_fits<Tile>);
  if (threadIdx.x == 0) {
    prepare_barriers<Tile>(shared.stages);
    if constexpr (Tile::windows > 0) prepare_barriers<Tile>(shared.windows);
    arch::fence_mbarrier_init();
  }
  __syncthreads();
}

/// Waits until the stage is free, announces the rows of 128 bytes that will arrive in it, and returns their barrier.
template <int Stages>
__device__ std::uint64_t* open_stage(RingBarriers<Stages>& ring, const RingPosition<Stages>& at, int rows) {
  arch::mbarrier_wait(&ring.empty[at.stage], at.phase ^ 1u);
  arch::mbarrier_arrive_expect_bytes(&ring.full[at.stage], unsigned(rows) * 128u);
  return &ring.full[at.stage];
}

/// The sums of one thread: `row_blocks()` products of 64 rows.
template <class Tile>
using HopperSums = float[Tile::row_blocks][Tile::columns / 2];

template <class Tile, arch::Order A, arch::Order B>
__device__ void multiply_stage(HopperSums<Tile>& sums, std::uint64_t a, std::uint64_t b, bool accumulate) {
  // Descriptors count in units of 16 bytes: from 16 terms to the next, and from 64 rows to the next.
  constexpr unsigned a_terms = A == arch::Order::k_major ? 2 : 128, b_terms = B == arch::Order::k_major ? 2 : 128;
#pragma unroll
  for (unsigned k = 0; k < 4; ++k)
#pragma unroll
    for (unsigned m = 0; m < Tile::row_blocks; ++m)
      arch::wgmma_m64k16<Tile::columns, A, B>(sums[m], a + k * a_terms + m * 512u, b + k * b_terms,
                                              accumulate || k > 0);
  arch::wgmma_commit();
}

/// Describes the rows of one consumer in the first of some operands.
template <class Tile, class Operands>
__device__ std::uint64_t consumer_rows(const Operands& operands, int consumer) {
  const std::uint32_t first_row = unsigned(consumer * Tile::rows_per_consumer) * 128u;
  return arch::wgmma_operand(arch::shared_address(operands.data[0]) + first_row, 8192);
}

/// From one operand to the next, as descriptors count.
template <class Operands>
constexpr unsigned operand_step = unsigned(sizeof(Operands::data[0])) >> 4;

/// Sums over `steps` stages of the ring. One group of products stays in flight while the next is issued; a stage goes
/// back to the copying warp when the group after it has been issued and its own has finished. `meanwhile(stage)` is
/// called in every step while the tensor cores work; the stage is still there.
template <class Tile, arch::Order A, arch::Order B, class Meanwhile>
__device__ void multiply_steps(HopperSums<Tile>& sums, HopperShared<Tile>& shared, HopperPosition<Tile>& at, int steps,
                               int consumer, Meanwhile meanwhile) {
  // In the pass over filters the columns of the next tap are the same window, one pixel further.
  constexpr std::uint32_t column_block = Tile::pass == HopperPass::filters && Tile::taps > 1 ? 128 : 8192;
  const std::uint64_t a = consumer_rows<Tile>(shared.a, consumer);
  const std::uint64_t b = arch::wgmma_operand(arch::shared_address(shared.b.data[0]), column_block);
  const bool releases = threadIdx.x % 32 == 0;
  int previous = 0;
  for (int step = 0; step < steps; ++step) {
    const unsigned stage = unsigned(at.stage.stage);
    arch::mbarrier_wait(&shared.stages.full[stage], at.stage.phase);
    arch::wgmma_fence();
    multiply_stage<Tile, A, B>(sums, a + stage * operand_step<decltype(shared.a)>,
                               b + stage * operand_step<decltype(shared.b)>, step > 0);
    meanwhile(stage);
    arch::wgmma_wait<1>();
    if (step > 0 && releases) arch::mbarrier_arrive(&shared.stages.empty[previous]);
    previous = int(stage);
    at.stage.advance();
  }
  arch::wgmma_wait<0>();
  if (steps > 0 && releases) arch::mbarrier_arrive(&shared.stages.empty[previous]);
}

/// Sums over `count` windows, `taps` stages each: multiply_steps with a second ring.
template <class Tile, arch::Order B>
__device__ void multiply_windows(HopperSums<Tile>& sums, HopperShared<Tile>& shared, HopperPosition<Tile>& at,
                                 int count, int consumer) {
  constexpr unsigned next_row = 8;
  const std::uint64_t a = consumer_rows<Tile>(shared.window, consumer);
  const std::uint64_t b = arch::wgmma_operand(arch::shared_address(shared.b.data[0]), 8192);
  const bool releases = threadIdx.x % 32 == 0;
  int previous = 0, previous_window = 0;
  for (int i = 0; i < count; ++i) {
    const unsigned window = unsigned(at.window.stage);
    arch::mbarrier_wait(&shared.windows.full[window], at.window.phase);
#pragma unroll
    for (unsigned tap = 0; tap < Tile::taps; ++tap) {
      const unsigned stage = unsigned(at.stage.stage);
      arch::mbarrier_wait(&shared.stages.full[stage], at.stage.phase);
      arch::wgmma_fence();
      multiply_stage<Tile, arch::Order::k_major, B>(sums,
                                                    a + window * operand_step<decltype(shared.window)> + tap * next_row,
                                                    b + stage * operand_step<decltype(shared.b)>, i > 0 || tap > 0);
      arch::wgmma_wait<1>();
      if ((i > 0 || tap > 0) && releases) arch::mbarrier_arrive(&shared.stages.empty[previous]);
      if (i > 0 && tap == 0 && releases) arch::mbarrier_arrive(&shared.windows.empty[previous_window]);
      previous = int(stage);
      at.stage.advance();
    }
    previous_window = int(window);
    at.window.advance();
  }
  arch::wgmma_wait<0>();
  if (count == 0 || !releases) return;
  arch::mbarrier_arrive(&shared.stages.empty[previous]);
  arch::mbarrier_arrive(&shared.windows.empty[previous_window]);
}

#endif

}  // namespace fusiform::kernels
