#pragma once
/// The pieces in which a block's threads read a tile of an operand.

#include "arch/target.cuh"

namespace fusiform::kernels {

/// V neighbours, read at once: as many as 16 bytes hold, or one where rows do not begin at multiples of 16 bytes.
template <class T, int V>
struct alignas(V * sizeof(T) < 16 ? V * sizeof(T) : 16) Chunk {
  T value[V];
};

template <int V, class T>
__device__ inline Chunk<T, V> chunk_at(const T* at) {
  return *reinterpret_cast<const Chunk<T, V>*>(at);
}

/// Which chunks of a tile of `Rows` rows with `Width` adjacent elements each a thread reads: neighbouring threads
/// neighbouring chunks, all chunks of a thread at the same place of their rows.
template <int V, int Width, int Rows, int Threads>
struct ChunkGrid {
  static constexpr int across = Width / V;
  static constexpr int row_step = Threads / across;
  static constexpr int count = (Rows + row_step - 1) / row_step;
  static_assert(Width % V == 0 && Threads % across == 0, "whole rows of chunks");
  /// Whether all chunks of all threads lie in the tile.
  static constexpr bool whole = Rows % row_step == 0;

  __device__ static int column(int thread) { return thread % across * V; }
  __device__ static int row(int thread, int i) { return thread / across + i * row_step; }
};

}  // namespace fusiform::kernels
