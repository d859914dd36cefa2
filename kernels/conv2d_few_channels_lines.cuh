#pragma once
/// Lines of an image with few channels on their way into shared memory: their elements begin anywhere, so that they are
/// loaded one by one and stored once for each copy. Places outside the image are zeros.

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

/// Rows of equal length in shared memory, and a second copy of all of them, one element further, `next_copy` elements
/// on; 0: there is none.
struct SharedRows {
  arch::bf16* data;
  int rows, length, next_copy;

  __device__ void store(int row, int i, arch::bf16 value) const {
    arch::bf16* at = data + row * length + i;
    if (i < length) at[0] = value;
    if (next_copy > 0 && i > 0 && i <= length) at[next_copy - 1] = value;
  }
};

/// Fills rows with what `source` reads: it begins at a row, goes on to the next one, and loads an element of it. Every
/// warp has a range of all pieces of 32 elements, and loads `Batch` of them before it stores the first.
template <int Batch, class Source>
__device__ void copy_rows(const SharedRows& to, Source source) {
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32, warps = int(blockDim.x) / 32;
  const int pieces_of_row = to.length / 32 + 1, count = to.rows * pieces_of_row;
  int i = count * warp / warps, row = i / pieces_of_row, element = i % pieces_of_row * 32 + lane;
  const int end = count * (warp + 1) / warps;
  source.begin(row);
  while (i < end) {
    arch::bf16 values[Batch];
    int places[Batch];  // row and element, of 14 and 17 bits
#pragma unroll
    for (int u = 0; u < Batch; ++u, ++i) {
      places[u] = i < end ? row << 17 | element : -1;
      values[u] = i < end ? source.load(element) : arch::bf16{};
      element += 32;
      if (element - lane <= to.length) continue;
      element = lane;
      ++row;
      source.next();
    }
#pragma unroll
    for (int u = 0; u < Batch; ++u)
      if (places[u] >= 0) to.store(places[u] >> 17, places[u] & 0x1ffff, values[u]);
  }
}

/// A line of an image, or nothing where there is none.
__device__ inline const arch::bf16* image_line(const FewChannelsWalk& walk, const arch::bf16* x, int image, int row) {
  const std::int64_t length = std::int64_t(walk.width) * walk.channels;
  return row >= 0 && row < walk.height ? x + (std::int64_t(image) * walk.height + row) * length : nullptr;
}

/// The lines of the forward pass.
struct LineSource {
  const FewChannelsWalk& walk;
  const FewChannelsTile& tile;
  const arch::bf16* x;
  int row = 0, first = 0;
  const arch::bf16* line = nullptr;

  __device__ void begin(int of_patch) {
    row = tile.row * walk.stride - walk.padding + of_patch;
    first = (tile.column * walk.stride - walk.padding) * walk.channels;
    line = image_line(walk, x, tile.image, row);
  }
  __device__ void next() { line = image_line(walk, x, tile.image, ++row); }
  [[nodiscard]] __device__ arch::bf16 load(int element) const {
    const int place = first + element;
    return line != nullptr && place >= 0 && place < walk.width * walk.channels ? line[place] : arch::bf16{};
  }
};

/// The planes of the filter gradient. Columns that no result of the patch reads are zeros.
struct PlaneSource {
  const FewChannelsWalk& walk;
  const FewChannelsTile& tile;
  const arch::bf16* x;
  int row = 0, channel = 0, phase = 0;
  const arch::bf16* line = nullptr;

  __device__ void begin(int plane) {
    const int planes = walk.channels * walk.stride;
    row = tile.row * walk.stride - walk.padding + plane / planes;
    channel = plane % planes / walk.stride, phase = plane % walk.stride;
    line = image_line(walk, x, tile.image, row);
  }
  __device__ void next() {
    if (++phase < walk.stride) return;
    phase = 0;
    if (++channel < walk.channels) return;
    channel = 0;
    line = image_line(walk, x, tile.image, ++row);
  }
  [[nodiscard]] __device__ arch::bf16 load(int element) const {
    const int in_patch = element * walk.stride + phase, column = tile.column * walk.stride - walk.padding + in_patch;
    const bool exists = line != nullptr && column >= 0 && column < walk.width && in_patch < walk.line_columns();
    return exists ? line[column * walk.channels + channel] : arch::bf16{};
  }
};

__device__ inline void copy_lines(const FewChannelsForward& layout, const FewChannelsTile& tile, const arch::bf16* x,
                                  std::uint32_t* lines) {
  copy_rows<8>({.data = reinterpret_cast<arch::bf16*>(lines),
                .rows = layout.walk.lines(),
                .length = layout.line_words() * 2,
                .next_copy = layout.copies() == 2 ? layout.copy_words() * 2 : 0},
               LineSource{layout.walk, tile, x});
}

__device__ inline void copy_planes(const FewChannelsFilters& layout, const FewChannelsTile& tile, const arch::bf16* x,
                                   std::uint32_t* planes) {
  constexpr int batch = 6;  // registers also hold the sums
  copy_rows<batch>({.data = reinterpret_cast<arch::bf16*>(planes),
                    .rows = layout.walk.lines() * layout.planes(),
                    .length = layout.plane_words() * 2,
                    .next_copy = layout.copies() == 2 ? layout.copy_words() * 2 : 0},
                   PlaneSource{layout.walk, tile, x});
}

}  // namespace fusiform::kernels
