#pragma once
/// Convolution of images with few channels (the first layer of a network): bf16 in and out, sums in float, by the
/// tensor cores' mma.sync (sm_80). Bound by the bytes of its results: a warp multiplies 16 pixels and 64 channels at a
/// time and writes whole sectors from its registers, since which channel a column of the product is can be chosen.

#include "arch/bfloat16.cuh"
#include "arch/mma.cuh"
#include "conv2d_few_channels_lines.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

/// Threads of a block whose filters are in registers, or (0 steps) in shared memory: two blocks share a multiprocessor.
[[nodiscard]] constexpr int few_channels_threads(int steps) { return steps > 0 ? 256 : 192; }

struct FewChannelsForwardData {
  const arch::bf16 *x, *weight;
  arch::bf16* y;
  Conv2dEpilogue epilogue;
};

#if FUSIFORM_HAS_SM80

/// The channel, of 64, that column `column` of product `block` computes: of every four products, a lane's two columns
/// are eight neighbouring channels.
__device__ inline int few_channels_column(int block, int column) {
  return block / 4 * 32 + column / 2 * 8 + block % 4 * 2 + column % 2;
}

/// The filters of 64 channels from `first` on, as pairs of terms in the order in which lanes load them: for each step
/// and two products, four words a lane.
__device__ inline void pack_few_channels_filters(const FewChannelsForward& layout, const arch::bf16* weight, int first,
                                                 std::uint32_t* words) {
  const FewChannelsWalk& walk = layout.walk;
  const int row = walk.kernel_w * walk.channels, row_pairs = layout.row_pairs();
  for (int i = int(threadIdx.x); i < layout.steps() * 512; i += int(blockDim.x)) {
    const int lane = i / 4 % 32, block = i / 128 % 4 * 2 + i / 2 % 2;
    const int pair = i / 512 * 8 + i % 2 * 4 + lane % 4, channel = first + few_channels_column(block, lane / 4);
    const int a = pair / row_pairs, term = pair % row_pairs * 2;
    std::uint32_t word = 0;
    if (a < walk.kernel_h && channel < walk.out_channels) {
      const arch::bf16* from = weight + (std::int64_t(channel) * walk.kernel_h + a) * row + term;
      word = from[0].bits | (term + 1 < row ? std::uint32_t(from[1].bits) << 16 : 0u);
    }
    words[i] = word;
  }
}

/// Where a pair of terms lies, in words from the pixel's first, and which bits of the word belong to the sum.
struct alignas(8) PairPlace {
  int offset;
  std::uint32_t mask;
};

__device__ inline PairPlace pair_place(const FewChannelsForward& layout, int pair) {
  const int row_pairs = layout.row_pairs(), a = pair / row_pairs, term = pair % row_pairs;
  if (a >= layout.walk.kernel_h) return {0, 0u};
  const bool half = 2 * term + 1 == layout.walk.kernel_w * layout.walk.channels;
  return {a * layout.line_words() + term, half ? 0xffffu : 0xffffffffu};
}

/// A pixel of a patch.
struct FewChannelsPixel {
  int row, column;
  bool exists;

  __device__ FewChannelsPixel(const FewChannelsWalk& walk, const FewChannelsTile& tile, int pixel)
      : row(pixel / walk.tile_columns),
        column(pixel % walk.tile_columns),
        exists(row < walk.tile_rows && tile.row + row < walk.out_height && tile.column + column < walk.out_width) {}

  /// Where its terms begin in the lines.
  [[nodiscard]] __device__ int words(const FewChannelsForward& layout) const {
    if (!exists) return 0;
    const int element = column * layout.walk.stride * layout.walk.channels;
    return row * layout.walk.stride * layout.line_words() + element / 2 + element % 2 * layout.copy_words();
  }
  /// Where its results begin in y.
  [[nodiscard]] __device__ std::int64_t result(const FewChannelsWalk& walk, const FewChannelsTile& tile) const {
    const std::int64_t line = std::int64_t(tile.image) * walk.out_height + tile.row + row;
    return (line * walk.out_width + tile.column + column) * walk.out_channels;
  }
};

/// Bias, ReLU, factor, and 16 bytes to memory at a time: the sums of 16 pixels from `pixel` on, of which a lane has
/// two.
__device__ inline void store_few_channels(const float (&sums)[8][4], const float* shared_factor,
                                          const FewChannelsForwardData& data, const FewChannelsWalk& walk,
                                          const FewChannelsTile& tile, int pixel) {
  const int lane = int(threadIdx.x) % 32, first_channel = int(blockIdx.y) * 64;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const FewChannelsPixel at(walk, tile, pixel + lane / 4 + 8 * half);
    if (!at.exists) continue;
#pragma unroll
    for (int q = 0; q < 2; ++q) {
      const int channel = q * 32 + lane % 4 * 8;
      if (first_channel + channel >= walk.out_channels) continue;
      SixteenBytes out;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float first = sums[q * 4 + i][2 * half], second = sums[q * 4 + i][2 * half + 1];
        if (data.epilogue.relu) {
          first = first <= 0.0f ? 0.0f : first;  // NaN stays NaN
          second = second <= 0.0f ? 0.0f : second;
        }
        if (data.epilogue.factor != nullptr) {
          first *= shared_factor[channel + 2 * i];
          second *= shared_factor[channel + 2 * i + 1];
        }
        out.word[i] = arch::pack_bf16(first, second);
      }
      *reinterpret_cast<SixteenBytes*>(data.y + at.result(walk, tile) + first_channel + channel) = out;
    }
  }
}

/// Sums begin with the bias.
__device__ inline void begin_few_channels_sums(float (&sums)[8][4], const float* shared_bias) {
  const int lane = int(threadIdx.x) % 32;
#pragma unroll
  for (int block = 0; block < 8; ++block) {
    const auto bias = *reinterpret_cast<const FloatPair*>(shared_bias + few_channels_column(block, lane % 4 * 2));
    sums[block][0] = sums[block][2] = bias.first;
    sums[block][1] = sums[block][3] = bias.second;
  }
}

/// The filters of a step for two products: their registers b.
__device__ inline void load_two_products(std::uint32_t (&b)[2][2], const std::uint32_t* filters, int index) {
  const SixteenBytes words = reinterpret_cast<const SixteenBytes*>(filters)[index * 32 + int(threadIdx.x) % 32];
  b[0][0] = words.word[0], b[0][1] = words.word[1];
  b[1][0] = words.word[2], b[1][1] = words.word[3];
}

/// Where the terms of a lane's two of 16 pixels begin.
struct PixelWords {
  int first, second;

  __device__ PixelWords(const FewChannelsForward& layout, const FewChannelsTile& tile, int pixel)
      : first(FewChannelsPixel(layout.walk, tile, pixel + int(threadIdx.x) % 32 / 4).words(layout)),
        second(FewChannelsPixel(layout.walk, tile, pixel + int(threadIdx.x) % 32 / 4 + 8).words(layout)) {}
};

/// 16 terms of 16 pixels: register a. `places` are those of the lane's two pairs of terms.
__device__ inline void load_pixels(std::uint32_t (&a)[4], const std::uint32_t* lines, const PixelWords& words,
                                   const PairPlace (&places)[2]) {
#pragma unroll
  for (int i = 0; i < 4; ++i)
    a[i] = lines[(i % 2 == 0 ? words.first : words.second) + places[i / 2].offset] & places[i / 2].mask;
}

/// A warp's part of a patch, with all filters in registers.
template <int Steps>
__device__ void few_channels_patch_small(const FewChannelsForward& layout, const FewChannelsTile& tile,
                                         const std::uint32_t* shared, const std::uint32_t (&b)[Steps][4][2][2],
                                         const PairPlace (&places)[Steps][2], const FewChannelsForwardData& data) {
  const auto* values = reinterpret_cast<const float*>(shared);
  const int pixels = layout.walk.tile_rows * layout.walk.tile_columns;
  for (int pixel = int(threadIdx.x) / 32 * 16; pixel < pixels; pixel += int(blockDim.x) / 2) {
    const PixelWords words(layout, tile, pixel);
    float sums[8][4];
    begin_few_channels_sums(sums, values);
#pragma unroll
    for (int step = 0; step < Steps; ++step) {
      std::uint32_t a[4];
      load_pixels(a, shared + layout.lines_at(), words, places[step]);
#pragma unroll
      for (int block = 0; block < 8; ++block) arch::mma_m16n8k16_bf16(sums[block], a, b[step][block / 2][block % 2]);
    }
    store_few_channels(sums, values + 64, data, layout.walk, tile, pixel);
  }
}

/// The same for kernels of any size: filters and places come from shared memory, for twice 16 pixels at a time.
__device__ inline void few_channels_patch_large(const FewChannelsForward& layout, const FewChannelsTile& tile,
                                                const std::uint32_t* shared, const FewChannelsForwardData& data) {
  const auto* values = reinterpret_cast<const float*>(shared);
  const auto* table = reinterpret_cast<const PairPlace*>(shared + layout.places_at()) + threadIdx.x % 4;
  const std::uint32_t* lines = shared + layout.lines_at();
  const int pixels = layout.walk.tile_rows * layout.walk.tile_columns, steps = layout.steps();
  for (int pixel = int(threadIdx.x) / 32 * 32; pixel < pixels; pixel += int(blockDim.x)) {
    const PixelWords first(layout, tile, pixel), second(layout, tile, pixel + 16);
    float sums[2][8][4];
    begin_few_channels_sums(sums[0], values);
    begin_few_channels_sums(sums[1], values);
#pragma unroll 1
    for (int step = 0; step < steps; ++step) {
      std::uint32_t a[2][4];
      const PairPlace places[2] = {table[step * 8], table[step * 8 + 4]};
      load_pixels(a[0], lines, first, places);
      load_pixels(a[1], lines, second, places);
#pragma unroll
      for (int two = 0; two < 4; ++two) {
        std::uint32_t b[2][2];
        load_two_products(b, shared + FewChannelsForward::filters_at, step * 4 + two);
#pragma unroll
        for (int i = 0; i < 4; ++i) arch::mma_m16n8k16_bf16(sums[i % 2][two * 2 + i / 2], a[i % 2], b[i / 2]);
      }
    }
    store_few_channels(sums[0], values + 64, data, layout.walk, tile, pixel);
    store_few_channels(sums[1], values + 64, data, layout.walk, tile, pixel + 16);
  }
}

/// What stays in shared memory from the first patch to the last.
__device__ inline void prepare_few_channels(const FewChannelsForward& layout, const FewChannelsForwardData& data,
                                            std::uint32_t* shared) {
  const int first = int(blockIdx.y) * 64;
  pack_few_channels_filters(layout, data.weight, first, shared + FewChannelsForward::filters_at);
  auto* places = reinterpret_cast<PairPlace*>(shared + layout.places_at());
  for (int i = int(threadIdx.x); i < layout.steps() * 8; i += int(blockDim.x)) places[i] = pair_place(layout, i);
  if (threadIdx.x < 128) {
    const int channel = first + int(threadIdx.x) % 64;
    const float* from = threadIdx.x < 64 ? data.epilogue.bias : data.epilogue.factor;
    const bool given = from != nullptr && channel < layout.walk.out_channels;
    reinterpret_cast<float*>(shared)[threadIdx.x] = given ? from[channel] : threadIdx.x < 64 ? 0.0f : 1.0f;
  }
}

#endif

/// Each block takes every gridDim.x-th patch, of 64 channels from 64 blockIdx.y on. `Steps` products of 16 terms hold
/// all terms; 0: any number.
template <int Steps>
__global__ void __launch_bounds__(few_channels_threads(Steps), 2)
    conv2d_few_channels_forward(const __grid_constant__ FewChannelsForward layout,
                                const __grid_constant__ FewChannelsForwardData data) {
#if FUSIFORM_HAS_SM80
  auto* shared = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  prepare_few_channels(layout, data, shared);
  __syncthreads();
  [[maybe_unused]] std::uint32_t b[Steps > 0 ? Steps : 1][4][2][2];
  [[maybe_unused]] PairPlace places[Steps > 0 ? Steps : 1][2];
#pragma unroll
  for (int step = 0; step < Steps; ++step) {
    for (int two = 0; two < 4; ++two)
      load_two_products(b[step][two], shared + FewChannelsForward::filters_at, step * 4 + two);
    for (int i = 0; i < 2; ++i) places[step][i] = pair_place(layout, step * 8 + i * 4 + int(threadIdx.x) % 4);
  }
  for (int i = int(blockIdx.x); i < layout.walk.tiles(); i += int(gridDim.x)) {
    const FewChannelsTile tile(layout.walk, i);
    __syncthreads();  // the last patch has been read
    copy_lines(layout, tile, data.x, shared + layout.lines_at());
    __syncthreads();
    if constexpr (Steps > 0)
      few_channels_patch_small<Steps>(layout, tile, shared, b, places, data);
    else
      few_channels_patch_large(layout, tile, shared, data);
  }
#endif
}

}  // namespace fusiform::kernels
