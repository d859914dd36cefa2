#pragma once
/// Products in float by ordinary multiply-adds, for any GPU. Every element of a result is summed by one thread in the
/// order of the terms: its bits depend neither on the tile nor on the lines beside it.

#include <type_traits>

#include "implicit_gemm_passes.cuh"
#include "implicit_gemm_work.cuh"

namespace fusiform::kernels {

/// A block computes (lines, columns) with `terms` terms at a time in shared memory; a thread thread_lines x
/// thread_columns of them, a warp lane_lines x lane_columns threads.
template <int Lines, int Columns, int Terms, int ThreadLines, int ThreadColumns, int LaneLines, int Blocks>
struct FloatTile {
  static constexpr int lines = Lines, columns = Columns, terms = Terms;
  static constexpr int thread_lines = ThreadLines, thread_columns = ThreadColumns;
  static constexpr int lane_lines = LaneLines, lane_columns = 32 / LaneLines;
  static constexpr int warp_lines = ThreadLines * lane_lines, warp_columns = ThreadColumns * lane_columns;
  static constexpr int warps_across = Columns / warp_columns;
  static constexpr int threads = 32 * (Lines / warp_lines) * warps_across;
  /// Bounds the registers; the compiler needs a few more for all but sm_90.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ != 900
  static constexpr int blocks_per_multiprocessor = Blocks - 1;
#else
  static constexpr int blocks_per_multiprocessor = Blocks;
#endif
  static_assert(Lines % warp_lines == 0 && Columns % warp_columns == 0, "whole warps");
};

/// Floats more in a row of shared memory: they spread transposed writes over the banks.
inline constexpr int bank_shift = 4;

/// Both factors of the current terms and of the next ones, term by term.
template <class Tile>
struct FloatTileMemory {
  float left[2][Tile::terms][Tile::lines + bank_shift];
  float right[2][Tile::terms][Tile::columns + bank_shift];
};

/// Puts the chunks that a thread has read into shared memory.
template <bool TermsAdjacent, class Chunks, int V, int Rows, int Size>
__device__ void put_chunks(const Chunk<float, V> (&chunks)[Chunks::count], int thread, float (&to)[Rows][Size]) {
#pragma unroll
  for (int i = 0; i < Chunks::count; ++i) {
    const int row = Chunks::row(thread, i), column = Chunks::column(thread);
    if constexpr (TermsAdjacent) {
      if (Chunks::whole || row < Size - bank_shift)
#pragma unroll
        for (int v = 0; v < V; ++v) to[column + v][row] = chunks[i].value[v];
    } else {
      if (Chunks::whole || row < Rows) *reinterpret_cast<Chunk<float, V>*>(&to[row][column]) = chunks[i];
    }
  }
}

/// A thread's factors of one term: groups of up to four neighbours, `Step` apart.
template <int Count, int Step>
__device__ inline void take_factors(const float* row, float (&factors)[Count]) {
  constexpr int group = Count < 4 ? Count : 4;
#pragma unroll
  for (int i = 0; i < Count; i += group) {
    const auto chunk = chunk_at<group>(row + i / group * Step);
#pragma unroll
    for (int v = 0; v < group; ++v) factors[i + v] = chunk.value[v];
  }
}

/// A thread's place in its block's tile.
template <class Tile>
struct FloatThread {
  static constexpr int line_group = Tile::thread_lines < 4 ? Tile::thread_lines : 4;
  static constexpr int column_group = Tile::thread_columns < 4 ? Tile::thread_columns : 4;
  static constexpr int line_step = Tile::lane_lines * line_group, column_step = Tile::lane_columns * column_group;
  int first_line, first_column;

  __device__ explicit FloatThread(int thread) {
    const int warp = thread / 32, lane = thread % 32;
    first_line = warp / Tile::warps_across * Tile::warp_lines + lane / Tile::lane_columns * line_group;
    first_column = warp % Tile::warps_across * Tile::warp_columns + lane % Tile::lane_columns * column_group;
  }
  __device__ static int line(int i) { return i / line_group * line_step + i % line_group; }
};

template <class Tile>
using FloatSums = float[Tile::thread_lines][Tile::thread_columns];

template <class Tile>
__device__ void multiply_terms(const FloatTileMemory<Tile>& memory, int stage, const FloatThread<Tile>& at,
                               FloatSums<Tile>& sums) {
#pragma unroll
  for (int term = 0; term < Tile::terms; ++term) {
    float left[Tile::thread_lines], right[Tile::thread_columns];
    take_factors<Tile::thread_lines, FloatThread<Tile>::line_step>(&memory.left[stage][term][at.first_line], left);
    take_factors<Tile::thread_columns, FloatThread<Tile>::column_step>(&memory.right[stage][term][at.first_column],
                                                                       right);
#pragma unroll
    for (int i = 0; i < Tile::thread_lines; ++i)
#pragma unroll
      for (int j = 0; j < Tile::thread_columns; ++j) sums[i][j] += left[i] * right[j];
  }
}

/// Writes a thread's sums of one line; whole groups at once where they are aligned. `relu_line`: see SpreadPixels.
template <class Tile>
__device__ void put_line(const float (&sums)[Tile::thread_columns], float* line, const float* relu_line,
                         Index first_column, Index columns, bool aligned, const GemmEpilogue& epilogue) {
  constexpr int group = FloatThread<Tile>::column_group;
#pragma unroll
  for (int j = 0; j < Tile::thread_columns; j += group) {
    const Index column = first_column + j / group * FloatThread<Tile>::column_step;
    Chunk<float, group> chunk;
#pragma unroll
    for (int v = 0; v < group; ++v) chunk.value[v] = column + v < columns ? epilogue(sums[j + v], column + v) : 0.0f;
    if (relu_line != nullptr) {
      Chunk<float, group> relu = {};
      if (aligned) {
        if (column < columns) relu = chunk_at<group>(relu_line + column);
      } else {
#pragma unroll
        for (int v = 0; v < group; ++v)
          if (column + v < columns) relu.value[v] = relu_line[column + v];
      }
#pragma unroll
      for (int v = 0; v < group; ++v) chunk.value[v] = behind_relu(chunk.value[v], relu.value[v]);
    }
    if (aligned) {
      if (column < columns) *reinterpret_cast<Chunk<float, group>*>(line + column) = chunk;
    } else {
#pragma unroll
      for (int v = 0; v < group; ++v)
        if (column + v < columns) line[column + v] = chunk.value[v];
    }
  }
}

/// Writes all sums of a thread, from `line` and `column` of the result on.
template <class Tile, class Part>
__device__ void put_sums(const FloatSums<Tile>& sums, const Part& part, Index first_line, Index first_column,
                         Index results, bool aligned, const GemmEpilogue& epilogue) {
#pragma unroll
  for (int i = 0; i < Tile::thread_lines; ++i) {
    const Index line = first_line + FloatThread<Tile>::line(i);
    if (line >= part.lines) continue;
    float* to = part.result.line(line) + results;
    put_line<Tile>(sums[i], to, part.result.relu_line(to), first_column, part.columns, aligned, epilogue);
  }
}

/// The same of maxima: a group of a thread's lines is a window.
template <class Tile, class Part>
__device__ void put_maxima_of_sums(const FloatSums<Tile>& sums, const Part& part, Index first_line, Index first_column,
                                   bool aligned, const GemmEpilogue& epilogue) {
  using Thread = FloatThread<Tile>;
  static_assert(Thread::line_group == 4);
  constexpr int group = Thread::column_group;
#pragma unroll
  for (int i = 0; i < Tile::thread_lines; i += 4) {
    const Index line = first_line + Thread::line(i);
    if (line >= part.lines) continue;
    const Index window = line / 4;
    const std::int32_t first = part.result.first_position(window);
#pragma unroll
    for (int j = 0; j < Tile::thread_columns; j += group) {
      const Index column = first_column + j / group * Thread::column_step;
      float pixels[4][group];
#pragma unroll
      for (int pixel = 0; pixel < 4; ++pixel)
#pragma unroll
        for (int v = 0; v < group; ++v)
          pixels[pixel][v] = column + v < part.columns ? epilogue(sums[i + pixel][j + v], column + v) : 0.0f;
      put_maxima(pixels, part.result, window, first, column, aligned);
    }
  }
}

/// One tile of the result over one range of terms. With V = 4 rows of both operands begin at multiples of 16 bytes.
template <class Tile, int V, class Pass>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks_per_multiprocessor)
    implicit_gemm_float(const __grid_constant__ Pass pass, const GemmWork work, const GemmEpilogue epilogue) {
  using LeftReader = Reader<typename Pass::Left, V, Tile::lines, Tile::terms, Tile::threads>;
  using RightReader = Reader<typename Pass::Right, V, Tile::columns, Tile::terms, Tile::threads>;
  constexpr bool left_adjacent = Pass::Left::terms_adjacent, right_adjacent = Pass::Right::terms_adjacent;

  const auto& part = pass.part(int(blockIdx.x / work.tiles));
  const GemmBlock block = block_of<Tile>(work, part.terms);
  if (block.first_line >= part.lines) return;  // the whole block

  auto& memory = *static_cast<FloatTileMemory<Tile>*>(arch::dynamic_shared_memory());
  const int thread = int(threadIdx.x);
  LeftReader left(part.left, block.first_line, block.first_term, thread);
  RightReader right(part.right, block.first_column, block.first_term, thread);
  Chunk<float, V> left_chunks[LeftReader::Chunks::count], right_chunks[RightReader::Chunks::count];
  const auto put = [&](int stage) {
    put_chunks<left_adjacent, typename LeftReader::Chunks>(left_chunks, thread, memory.left[stage]);
    put_chunks<right_adjacent, typename RightReader::Chunks>(right_chunks, thread, memory.right[stage]);
  };
  const FloatThread<Tile> at(thread);
  FloatSums<Tile> sums = {};
  if (block.steps > 0) {
    read_chunks(left, left_chunks);
    read_chunks(right, right_chunks);
    put(0);
    __syncthreads();
  }
#pragma unroll 1
  for (int step = 0; step < block.steps; ++step) {
    const bool more = step + 1 < block.steps;
    if (more) {
      read_chunks(left, left_chunks);
      read_chunks(right, right_chunks);
    }
    multiply_terms(memory, step % 2, at, sums);
    if (more) put((step + 1) % 2);
    __syncthreads();
  }
  const Index first_line = block.first_line + at.first_line, first_column = block.first_column + at.first_column;
  if constexpr (takes_maxima<std::remove_cvref_t<decltype(part.result)>>)
    put_maxima_of_sums<Tile>(sums, part, first_line, first_column, work.aligned_results, epilogue);
  else
    put_sums<Tile>(sums, part, first_line, first_column, block.results, work.aligned_results, epilogue);
}

}  // namespace fusiform::kernels
