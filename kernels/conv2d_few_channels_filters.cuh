#pragma once
/// Filter gradient for images with few channels: a product of output gradients (pixels, 64 channels) and image patches
/// (pixels, terms of a filter), summed over all pixels by mma.sync (sm_80). bf16 in, float out. Output gradients pass
/// once through a ring in shared memory; one more column of the product, of ones, makes the bias gradient. Every block
/// writes its sums, which sum_parts.cuh adds in their order.

#include "arch/cp_async.cuh"
#include "arch/ldmatrix.cuh"
#include "arch/mma.cuh"
#include "arch/named_barrier.cuh"
#include "conv2d_few_channels_lines.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// `teams` teams of `members` warps: a team shares pixels, its members have 8 * Blocks terms each.
struct FewChannelsFiltersData {
  const arch::bf16 *x, *dy;
  float* parts;       ///< (gridDim.x, out, terms)
  float* bias_parts;  ///< (gridDim.x, out), or nullptr
  int members;        ///< 1, 2, 4 or 8; teams = 8 / members

  [[nodiscard]] __host__ __device__ int teams() const { return 8 / members; }
};

#if FUSIFORM_HAS_SM80

/// A warp's place. Blocks of the grid's y: 64 output channels, and as many terms as a team has.
template <int Blocks>
struct FewChannelsWarp {
  int lane, team, member, first_channel, first_term;

  __device__ FewChannelsWarp(const FewChannelsFilters& layout, int members)
      : lane(int(threadIdx.x) % 32), team(int(threadIdx.x) / 32 / members), member(int(threadIdx.x) / 32 % members) {
    const int channel_tiles = (layout.walk.out_channels + 63) / 64;
    first_channel = int(blockIdx.y) % channel_tiles * 64;
    first_term = (int(blockIdx.y) / channel_tiles * members + member) * Blocks * 8;
  }
};

/// Where a team stands: a patch, and `members` groups of 16 results of it at a time, a slot.
struct FewChannelsSlot {
  int tile, slot;

  __device__ FewChannelsSlot(const FewChannelsFilters& layout, int members, int team)
      : tile(team * members < layout.steps() ? int(blockIdx.x) : layout.walk.tiles()), slot(team) {}

  __device__ void advance(const FewChannelsFilters& layout, int members) {
    slot += 8 / members;
    if (slot * members < layout.steps()) return;
    slot %= 8 / members;
    tile += int(gridDim.x);
  }
};

/// Copies the output gradients of a member's 16 results of a slot to a stage of the ring: rows of 64 channels, their
/// 16-byte pieces swapped by the row's number. Zeros where there are no results.
template <int Blocks>
__device__ void copy_gradients(const FewChannelsFilters& layout, const FewChannelsFiltersData& data,
                               const FewChannelsWarp<Blocks>& warp, const FewChannelsSlot& at, arch::bf16* stage) {
  const FewChannelsWalk& walk = layout.walk;
  if (at.tile < walk.tiles()) {
    const FewChannelsTile tile(walk, at.tile);
    const int step = at.slot * data.members + warp.member, patch_row = step / layout.row_steps();
    const int row = tile.row + patch_row, patch_column = step % layout.row_steps() * 16;
    const bool row_exists = patch_row < walk.tile_rows && row < walk.out_height;
    const std::int64_t line = (std::int64_t(tile.image) * walk.out_height + (row_exists ? row : 0)) * walk.out_width;
    const int piece = warp.lane % 8, channel = warp.first_channel + piece * 8;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int r = warp.lane / 8 + i * 4, column = tile.column + patch_column + r;
      const bool exists =
          row_exists && patch_column + r < walk.tile_columns && column < walk.out_width && channel < walk.out_channels;
      const arch::bf16* from = exists ? data.dy + (line + column) * walk.out_channels + channel : data.dy;
      arch::cp_async<16>(stage + warp.member * 1024 + r * 64 + (piece ^ r % 8) * 8, from, exists);
    }
  }
  arch::cp_async_commit();
}

/// Where a column of the product lies in the planes, in words from a pixel's first; or -1 for the column of ones, -2
/// for one that is not there.
__device__ inline int term_place(const FewChannelsFilters& layout, int term) {
  const FewChannelsWalk& walk = layout.walk;
  if (term >= layout.terms()) return term == layout.terms() ? -1 : -2;
  const int a = term / (walk.kernel_w * walk.channels), b = term / walk.channels % walk.kernel_w;
  const int plane = (a * walk.channels + term % walk.channels) * walk.stride + b % walk.stride, place = b / walk.stride;
  return plane * layout.plane_words() + place / 2 + place % 2 * layout.copy_words();
}

/// sums(channels, terms) += gradients(16 pixels, channels) patches(16 pixels, terms). `planes` begins at the first of
/// the pixels.
template <int Blocks>
__device__ void multiply_gradients(float (&sums)[4][Blocks][4], const arch::bf16* gradients,
                                   const std::uint32_t* planes, const int (&places)[Blocks]) {
  const int lane = int(threadIdx.x) % 32;
  std::uint32_t b[Blocks][2];
#pragma unroll
  for (int block = 0; block < Blocks; ++block)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      b[block][i] = places[block] == -1 ? 0x3f803f80u : 0u;
      if (places[block] >= 0) b[block][i] = planes[places[block] + lane % 4 + i * 4];
    }
  const int row = lane / 16 * 8 + lane % 8, piece = lane / 8 % 2;
#pragma unroll
  for (int m = 0; m < 4; ++m) {
    std::uint32_t a[4];
    arch::ldmatrix<4, true>(a, gradients + row * 64 + ((piece + 2 * m) ^ row % 8) * 8);
#pragma unroll
    for (int block = 0; block < Blocks; ++block) arch::mma_m16n8k16_bf16(sums[m][block], a, b[block]);
  }
}

/// Adds the sums of all teams, in their order; those of the last team are then complete.
template <int Blocks>
__device__ void add_teams(float (&sums)[4][Blocks][4], float* shared, const FewChannelsWarp<Blocks>& warp, int teams) {
  float* mine = shared + warp.member * 512 * Blocks + warp.lane;
  for (int team = 0; team < teams; ++team) {
    __syncthreads();
    if (warp.team != team) continue;
#pragma unroll
    for (int i = 0; i < 16 * Blocks; ++i) {
      float& sum = sums[i / 4 / Blocks][i / 4 % Blocks][i % 4];
      if (team > 0) sum = mine[i * 32] + sum;
      if (team + 1 < teams) mine[i * 32] = sum;
    }
  }
}

template <int Blocks>
__device__ void store_parts(const float (&sums)[4][Blocks][4], const FewChannelsFilters& layout,
                            const FewChannelsFiltersData& data, const FewChannelsWarp<Blocks>& warp) {
  const int terms = layout.terms(), out_channels = layout.walk.out_channels;
#pragma unroll
  for (int m = 0; m < 4; ++m)
#pragma unroll
    for (int i = 0; i < 4 * Blocks; ++i) {
      const int channel = warp.first_channel + m * 16 + warp.lane / 4 + i % 4 / 2 * 8;
      const int term = warp.first_term + i / 4 * 8 + warp.lane % 4 * 2 + i % 2;
      const std::int64_t row = std::int64_t(blockIdx.x) * out_channels + channel;
      if (channel >= out_channels) continue;
      if (term < terms) data.parts[row * terms + term] = sums[m][i / 4][i % 4];
      if (term == terms && data.bias_parts != nullptr) data.bias_parts[row] = sums[m][i / 4][i % 4];
    }
}

#endif

/// Each block takes every gridDim.x-th patch.
template <int Blocks>
__global__ void __launch_bounds__(256, Blocks <= 4 ? 2 : 1)
    conv2d_few_channels_filters(const __grid_constant__ FewChannelsFilters layout,
                                const __grid_constant__ FewChannelsFiltersData data) {
#if FUSIFORM_HAS_SM80
  constexpr int stages = FewChannelsFilters::stages;
  auto* shared = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  const FewChannelsWarp<Blocks> warp(layout, data.members);
  const int stage_size = data.members * 1024;
  auto* ring = reinterpret_cast<arch::bf16*>(shared) + warp.team * stages * stage_size;
  std::uint32_t* planes = shared + FewChannelsFilters::ring_words;
  int places[Blocks];
#pragma unroll
  for (int i = 0; i < Blocks; ++i) places[i] = term_place(layout, warp.first_term + i * 8 + warp.lane / 4);
  float sums[4][Blocks][4] = {};
  FewChannelsSlot ahead(layout, data.members, warp.team);
  int stage = 0;
  for (; stage < stages - 1; ++stage, ahead.advance(layout, data.members))
    copy_gradients(layout, data, warp, ahead, ring + stage * stage_size);
  for (int i = int(blockIdx.x); i < layout.walk.tiles(); i += int(gridDim.x)) {
    __syncthreads();  // the last patch has been read
    copy_planes(layout, FewChannelsTile(layout.walk, i), data.x, planes);
    __syncthreads();
    for (int slot = warp.team; slot * data.members < layout.steps(); slot += data.teams()) {
      arch::cp_async_wait<stages - 2>();
      // Everyone's copies for this slot are there, and everyone has read the stage that is filled next.
      arch::named_barrier_sync(unsigned(warp.team) + 1, unsigned(data.members) * 32);
      copy_gradients(layout, data, warp, ahead, ring + stage * stage_size);
      ahead.advance(layout, data.members);
      stage = (stage + 1) % stages;
      for (int member = 0; member < data.members; ++member) {
        const int step = slot * data.members + member;
        if (step >= layout.steps()) break;
        const int row = step / layout.row_steps() * layout.walk.stride, column = step % layout.row_steps() * 8;
        multiply_gradients(sums, ring + stage * stage_size + member * 1024,
                           planes + row * layout.planes() * layout.plane_words() + column, places);
      }
    }
  }
  arch::cp_async_wait<0>();
  add_teams(sums, reinterpret_cast<float*>(shared), warp, data.teams());
  if (warp.team + 1 == data.teams()) store_parts(sums, layout, data, warp);
#endif
}

}  // namespace fusiform::kernels
