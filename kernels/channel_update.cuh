#pragma once
/// Adds the term of one changed input channel to the outputs of a convolution or a linear layer; see
/// fusiform/ops/channel_update.hpp. Few terms an element: what counts is to read and write each element once.

#include <fusiform/ops/channel_update_shape.hpp>

#include "implicit_gemm_chunks.cuh"
#include "implicit_gemm_places.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

/// packed(k, o) = weight k of the window of filter o for one channel. In the filters themselves they are `channels`
/// floats apart.
template <int = 0>
__global__ void __launch_bounds__(256)
    pack_channel_filters(const float* filters, Index out, Index depth, Index channels, float* packed) {
  for (Index i = grid_thread(); i < out * depth; i += grid_threads())
    packed[i] = filters[(i % out * depth + i / out) * channels];
}

/// A block of 256 threads updates 64 outputs, V neighbours a thread, of as many pixels as follow from that.
template <int V>
struct ChannelUpdateTile {
  static constexpr int outputs = 64, across = outputs / V, thread_pixels = 4, step = 256 / across;
  static constexpr int pixels = step * thread_pixels;
};

/// `filters`: packed. Every output is the sum of its base and the terms in the order of the window, in one thread.
template <int V>
__global__ void __launch_bounds__(256)
    channel_update_kernel(const __grid_constant__ ChannelUpdate<float, Cuda> s, const float* filters) {
  using Tile = ChannelUpdateTile<V>;
  const Index column_tiles = (s.out + Tile::outputs - 1) / Tile::outputs;
  const int thread = int(threadIdx.x);
  const Index output = blockIdx.x % column_tiles * Tile::outputs + thread % Tile::across * V;
  const Index first = blockIdx.x / column_tiles * Tile::pixels + thread / Tile::across;
  const Index pixels = s.images * s.grid_height * s.grid_width;
  if (output >= s.out) return;
  const Digits grid{int(s.grid_height), int(s.grid_width)};
  const int height = int(s.height), width = int(s.width);
  const float* image[Tile::thread_pixels];
  int row[Tile::thread_pixels], column[Tile::thread_pixels];
  Chunk<float, V> sums[Tile::thread_pixels];
#pragma unroll
  for (int i = 0; i < Tile::thread_pixels; ++i) {
    const Index pixel = first + i * Tile::step;
    const Place at = grid.place(pixel);
    image[i] = s.change + Index(at.high) * height * width;
    row[i] = pixel < pixels ? at.middle * int(s.stride) - int(s.padding) : -(1 << 30);  // out of the image
    column[i] = at.low * int(s.stride) - int(s.padding);
    sums[i] = pixel < pixels ? chunk_at<V>(s.base + (pixel * s.out + output)) : Chunk<float, V>{};
  }
  for (int a = 0; a < int(s.window_height); ++a)
    for (int b = 0; b < int(s.window_width); ++b) {
      const auto weights = chunk_at<V>(filters + ((a * s.window_width + b) * s.out + output));
#pragma unroll
      for (int i = 0; i < Tile::thread_pixels; ++i) {
        const int y = row[i] + a, x = column[i] + b;
        const bool inside = unsigned(y) < unsigned(height) && unsigned(x) < unsigned(width);
        const float value = inside ? image[i][y * width + x] : 0.0f;
#pragma unroll
        for (int v = 0; v < V; ++v) sums[i].value[v] += value * weights.value[v];
      }
    }
#pragma unroll
  for (int i = 0; i < Tile::thread_pixels; ++i) {
    const Index pixel = first + i * Tile::step;
    if (pixel >= pixels) continue;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      float& sum = sums[i].value[v];
      if (s.relu) sum = sum > 0 || sum != sum ? sum : 0.0f;  // NaN stays NaN
    }
    *reinterpret_cast<Chunk<float, V>*>(s.y + (pixel * s.out + output)) = sums[i];
  }
}

}  // namespace fusiform::kernels
