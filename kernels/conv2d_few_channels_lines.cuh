#pragma once
/// Lines of an image with few channels on their way into shared memory: their elements begin anywhere, so that they are
/// loaded one by one, several at a time, and stored once for each copy. Places outside the image are zeros.

#include "arch/bfloat16.cuh"
#include "conv2d_few_channels_plan.cuh"

namespace fusiform::kernels {

/// A patch of results: its image, and its first row and column.
struct FewChannelsTile {
  int image, row, column;

  __device__ FewChannelsTile(const FewChannelsWalk& walk, int tile)
      : image(tile / (walk.row_tiles() * walk.column_tiles())),
        row(tile / walk.column_tiles() % walk.row_tiles() * walk.tile_rows),
        column(tile % walk.column_tiles() * walk.tile_columns) {}
};

/// Stores element `i` of a line or plane, and in the second copy one place earlier.
__device__ inline void store_element(arch::bf16* line, std::int64_t next_copy, int copies, int i, int count,
                                     arch::bf16 value) {
  if (i < count) line[i] = value;
  if (copies == 2 && i > 0 && i <= count) line[next_copy + i - 1] = value;
}

/// Calls `load(i)` for i = `first`, `first` + 32, ... up to `last`, `Batch` times before any of them is stored.
template <int Batch, class Load, class Store>
__device__ void load_then_store(int first, int last, Load load, Store store) {
  for (int i = first; i <= last; i += Batch * 32) {
    arch::bf16 values[Batch];
#pragma unroll
    for (int u = 0; u < Batch; ++u) values[u] = load(i + u * 32);
#pragma unroll
    for (int u = 0; u < Batch; ++u) store(i + u * 32, values[u]);
  }
}

/// The lines of the forward pass: warps take them in turn.
__device__ inline void copy_lines(const FewChannelsForward& layout, const FewChannelsTile& tile, const arch::bf16* x,
                                  std::uint32_t* lines) {
  const FewChannelsWalk& walk = layout.walk;
  const int count = layout.line_words() * 2, row_elements = walk.width * walk.channels;
  const int first = (tile.column * walk.stride - walk.padding) * walk.channels;
  for (int i = int(threadIdx.x) / 32; i < walk.lines(); i += int(blockDim.x) / 32) {
    const int row = tile.row * walk.stride - walk.padding + i;
    const bool inside = row >= 0 && row < walk.height;
    const arch::bf16* from = x + (std::int64_t(tile.image) * walk.height + (inside ? row : 0)) * row_elements;
    auto* line = reinterpret_cast<arch::bf16*>(lines + i * layout.line_words());
    load_then_store<8>(
        int(threadIdx.x) % 32, count,
        [&](int e) {
          const int place = first + e;
          return inside && place >= 0 && place < row_elements ? from[place] : arch::bf16{};
        },
        [&](int e, arch::bf16 value) {
          store_element(line, layout.copy_words() * 2, layout.copies(), e, count, value);
        });
  }
}

/// The planes of the filter gradient: warps take them in turn. Columns that no result of the patch reads are zeros.
__device__ inline void copy_planes(const FewChannelsFilters& layout, const FewChannelsTile& tile, const arch::bf16* x,
                                   std::uint32_t* planes) {
  const FewChannelsWalk& walk = layout.walk;
  const int count = layout.plane_words() * 2, row_elements = walk.width * walk.channels;
  for (int i = int(threadIdx.x) / 32; i < walk.lines() * layout.planes(); i += 8) {
    const int plane = i % layout.planes(), channel = plane / walk.stride, phase = plane % walk.stride;
    const int row = tile.row * walk.stride - walk.padding + i / layout.planes();
    const bool inside = row >= 0 && row < walk.height;
    const int first = tile.column * walk.stride - walk.padding;
    const arch::bf16* from = x + (std::int64_t(tile.image) * walk.height + (inside ? row : 0)) * row_elements + channel;
    load_then_store<4>(
        int(threadIdx.x) % 32, count,
        [&](int e) {
          const int column = first + e * walk.stride + phase;
          const bool exists =
              inside && column >= 0 && column < walk.width && e * walk.stride + phase < walk.line_columns();
          return exists ? from[column * walk.channels] : arch::bf16{};
        },
        [&](int e, arch::bf16 value) {
          store_element(reinterpret_cast<arch::bf16*>(planes + i * layout.plane_words()), layout.copy_words() * 2,
                        layout.copies(), e, count, value);
        });
  }
}

}  // namespace fusiform::kernels
