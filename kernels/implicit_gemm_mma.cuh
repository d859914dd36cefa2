#pragma once
/// Products on the tensor cores of sm_80 and later (mma.sync), with sums in float. Factors in bf16 are taken as they
/// are; those in float are split into two bf16, the upper and the lower half of their digits, and multiplied three
/// times: lower by upper, upper by lower, upper by upper ("bf16x2", relative error about 5e-6).
/// The order of a sum depends neither on the tile nor on the lines beside it.

#include <type_traits>

#include "arch/cp_async.cuh"
#include "arch/ldmatrix.cuh"
#include "arch/mma.cuh"
#include "arch/number.cuh"
#include "implicit_gemm_mma_results.cuh"
#include "implicit_gemm_passes.cuh"
#include "implicit_gemm_work.cuh"

namespace fusiform::kernels {

/// A block computes (lines, columns), a warp warp_lines x warp_columns of them.
template <int Lines, int Columns, int WarpLines, int WarpColumns>
struct MmaTile {
  static constexpr int lines = Lines, columns = Columns, terms = 32;
  static constexpr int warp_lines = WarpLines, warp_columns = WarpColumns, warps_across = Columns / WarpColumns;
  static constexpr int threads = 32 * (Lines / WarpLines) * warps_across;
  static constexpr int line_pieces = WarpLines / 16, column_pieces = WarpColumns / 8;
  static_assert(Lines % WarpLines == 0 && WarpLines % 16 == 0 && Columns % WarpColumns == 0 && WarpColumns % 16 == 0);
};

/// One factor of one stage, as it lies in the tensor: rows of lines with their terms, or of terms with their lines. Two
/// planes for floats, the upper halves first. Eight elements more in a row let ldmatrix read without bank conflicts.
template <class T, bool TermsAdjacent, int Lines, int Terms>
struct MmaOperand {
  static constexpr int planes = std::is_same_v<T, float> ? 2 : 1;
  static constexpr int rows = TermsAdjacent ? Lines : Terms, width = TermsAdjacent ? Terms : Lines;
  arch::bf16 plane[planes][rows][width + 8];
};

/// Stages of cp.async for factors in bf16; floats pass through registers and need two.
template <class T>
inline constexpr int mma_stages = std::is_same_v<T, float> ? 2 : 3;

template <class Tile, class Pass>
struct MmaMemory {
  using T = typename Pass::Left::Element;
  using Left = MmaOperand<T, Pass::Left::terms_adjacent, Tile::lines, Tile::terms>;
  using Right = MmaOperand<T, Pass::Right::terms_adjacent, Tile::columns, Tile::terms>;
  Left left[mma_stages<T>];
  Right right[mma_stages<T>];
};

/// Puts the chunks that a thread has read into shared memory; splits floats.
template <class Chunks, class T, int V, class Operand>
__device__ void put_mma_chunks(const Chunk<T, V> (&chunks)[Chunks::count], int thread, Operand& to) {
#pragma unroll
  for (int i = 0; i < Chunks::count; ++i) {
    const int row = Chunks::row(thread, i), column = Chunks::column(thread);
    if (!Chunks::whole && row >= Operand::rows) continue;
    Chunk<arch::bf16, V> upper, lower;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float value = arch::number(chunks[i].value[v]);
      upper.value[v] = arch::to_bf16(value);
      lower.value[v] = arch::to_bf16(value - arch::to_float(upper.value[v]));
    }
    *reinterpret_cast<Chunk<arch::bf16, V>*>(&to.plane[0][row][column]) = upper;
    if constexpr (Operand::planes == 2) *reinterpret_cast<Chunk<arch::bf16, V>*>(&to.plane[1][row][column]) = lower;
  }
}

/// Starts copies of the next tile's chunks.
template <class Reader, class Operand>
__device__ void copy_mma_chunks(Reader& reader, int thread, Operand& to) {
  using Chunks = typename Reader::Chunks;
  static_assert(Chunks::whole, "whole tiles are copied");
  reader.next([&](int i, const arch::bf16* at, bool inside) {
    arch::cp_async<16>(&to.plane[0][Chunks::row(thread, i)][Chunks::column(thread)], inside ? at : reader.start(),
                       inside);
  });
}

/// The fragments of a warp's lines for 16 terms from `term` on, of plane `plane`.
template <bool TermsAdjacent, int Pieces, class Operand>
__device__ void take_left(const Operand& operand, int plane, int first_line, int term, int lane,
                          std::uint32_t (&fragments)[Pieces][4]) {
  const int row = lane % 8, lower = lane / 8 % 2 * 8, right = lane / 16 * 8;  // matrices: lines first, then terms
#pragma unroll
  for (int i = 0; i < Pieces; ++i) {
    const int line = first_line + 16 * i;
    if constexpr (TermsAdjacent)
      arch::ldmatrix<4>(fragments[i], &operand.plane[plane][line + lower + row][term + right]);
    else
      arch::ldmatrix<4, true>(fragments[i], &operand.plane[plane][term + right + row][line + lower]);
  }
}

/// The same for its columns, whose fragments are half as large: two pieces with one instruction.
template <bool TermsAdjacent, int Pieces, class Operand>
__device__ void take_right(const Operand& operand, int plane, int first_column, int term, int lane,
                           std::uint32_t (&fragments)[Pieces][2]) {
  const int row = lane % 8, lower = lane / 8 % 2 * 8, right = lane / 16 * 8;  // matrices: terms first, then columns
#pragma unroll
  for (int j = 0; j < Pieces; j += 2) {
    const int column = first_column + 8 * j;
    std::uint32_t both[4];
    if constexpr (TermsAdjacent)
      arch::ldmatrix<4>(both, &operand.plane[plane][column + right + row][term + lower]);
    else
      arch::ldmatrix<4, true>(both, &operand.plane[plane][term + lower + row][column + right]);
    fragments[j][0] = both[0], fragments[j][1] = both[1];
    fragments[j + 1][0] = both[2], fragments[j + 1][1] = both[3];
  }
}

template <class Tile>
__device__ void multiply_fragments(const std::uint32_t (&left)[Tile::line_pieces][4],
                                   const std::uint32_t (&right)[Tile::column_pieces][2], MmaSums<Tile>& sums) {
#pragma unroll
  for (int i = 0; i < Tile::line_pieces; ++i)
#pragma unroll
    for (int j = 0; j < Tile::column_pieces; ++j) arch::mma_m16n8k16_bf16(sums[i][j], left[i], right[j]);
}

/// A warp's products of one stage.
template <class Tile, class Pass>
__device__ void multiply_stage(const MmaMemory<Tile, Pass>& memory, int stage, int thread, MmaSums<Tile>& sums) {
  constexpr bool left_adjacent = Pass::Left::terms_adjacent, right_adjacent = Pass::Right::terms_adjacent;
  const int warp = thread / 32, lane = thread % 32;
  const int line = warp / Tile::warps_across * Tile::warp_lines,
            column = warp % Tile::warps_across * Tile::warp_columns;
  const auto& left = memory.left[stage];
  const auto& right = memory.right[stage];
#pragma unroll
  for (int term = 0; term < Tile::terms; term += 16) {
    std::uint32_t lines[Tile::line_pieces][4], columns[Tile::column_pieces][2];
    take_left<left_adjacent>(left, 0, line, term, lane, lines);
    if constexpr (MmaMemory<Tile, Pass>::Left::planes == 2) {
      take_right<right_adjacent>(right, 1, column, term, lane, columns);
      multiply_fragments<Tile>(lines, columns, sums);
      take_right<right_adjacent>(right, 0, column, term, lane, columns);
      std::uint32_t lower[Tile::line_pieces][4];
      take_left<left_adjacent>(left, 1, line, term, lane, lower);
      multiply_fragments<Tile>(lower, columns, sums);
    } else {
      take_right<right_adjacent>(right, 0, column, term, lane, columns);
    }
    multiply_fragments<Tile>(lines, columns, sums);
  }
}

/// All stages, floats and single elements by way of registers: the next stage is read while this one is multiplied.
template <class Tile, class Pass, class LeftReader, class RightReader, class T, int V>
__device__ void multiply_by_registers(MmaMemory<Tile, Pass>& memory, LeftReader& left, RightReader& right, int steps,
                                      int thread, MmaSums<Tile>& sums) {
  Chunk<T, V> left_chunks[LeftReader::Chunks::count], right_chunks[RightReader::Chunks::count];
  const auto read = [&] {
    read_chunks(left, left_chunks);
    read_chunks(right, right_chunks);
  };
  const auto put = [&](int stage) {
    put_mma_chunks<typename LeftReader::Chunks>(left_chunks, thread, memory.left[stage]);
    put_mma_chunks<typename RightReader::Chunks>(right_chunks, thread, memory.right[stage]);
  };
  if (steps > 0) {
    read();
    put(0);
  }
  __syncthreads();
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const bool more = step + 1 < steps;
    if (more) read();
    multiply_stage<Tile, Pass>(memory, step % 2, thread, sums);
    if (more) put((step + 1) % 2);
    __syncthreads();
  }
}

/// All stages, bf16 by asynchronous copies, two stages ahead.
template <class Tile, class Pass, class LeftReader, class RightReader>
__device__ void multiply_by_copies(MmaMemory<Tile, Pass>& memory, LeftReader& left, RightReader& right, int steps,
                                   int thread, MmaSums<Tile>& sums) {
  constexpr int stages = mma_stages<typename Pass::Left::Element>;
  const auto copy = [&](int step) {
    if (step < steps) {
      copy_mma_chunks(left, thread, memory.left[step % stages]);
      copy_mma_chunks(right, thread, memory.right[step % stages]);
    }
    arch::cp_async_commit();  // also an empty group: the waits below count
  };
#pragma unroll
  for (int step = 0; step < stages - 1; ++step) copy(step);
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    arch::cp_async_wait<stages - 2>();
    __syncthreads();  // the copies of all threads are there, and all have left the stage that is written next
    copy(step + stages - 1);
    multiply_stage<Tile, Pass>(memory, step % stages, thread, sums);
  }
  arch::cp_async_wait<0>();
}

template <class Tile, int V, class Pass>
__global__ void __launch_bounds__(Tile::threads, 1)
    implicit_gemm_mma(const __grid_constant__ Pass pass, const GemmWork work, const GemmEpilogue epilogue) {
#if FUSIFORM_HAS_SM80
  using T = typename Pass::Left::Element;
  using LeftReader = Reader<typename Pass::Left, V, Tile::lines, Tile::terms, Tile::threads>;
  using RightReader = Reader<typename Pass::Right, V, Tile::columns, Tile::terms, Tile::threads>;
  const auto& part = pass.part(int(blockIdx.x / work.tiles));
  const GemmBlock block = block_of<Tile>(work, part.terms);
  if (block.first_line >= part.lines) return;  // the whole block

  auto& memory = *static_cast<MmaMemory<Tile, Pass>*>(arch::dynamic_shared_memory());
  const int thread = int(threadIdx.x);
  LeftReader left(part.left, block.first_line, block.first_term, thread);
  RightReader right(part.right, block.first_column, block.first_term, thread);
  MmaSums<Tile> sums = {};
  if constexpr (std::is_same_v<T, arch::bf16> && V == 8)
    multiply_by_copies<Tile, Pass>(memory, left, right, block.steps, thread, sums);
  else
    multiply_by_registers<Tile, Pass, LeftReader, RightReader, T, V>(memory, left, right, block.steps, thread, sums);

  const int warp = thread / 32, lane = thread % 32;
  const Index first_line = block.first_line + warp / Tile::warps_across * Tile::warp_lines + lane / 4;
  const Index first_column = block.first_column + warp % Tile::warps_across * Tile::warp_columns + lane % 4 * 2;
  if constexpr (takes_maxima<std::remove_cvref_t<decltype(part.result)>>)
    put_mma_maxima<Tile>(sums, part, first_line, first_column, lane, work.aligned_results, epilogue);
  else
    put_mma_sums<Tile>(sums, part, first_line, first_column, block.results, work.aligned_results, epilogue);
#endif
}

}  // namespace fusiform::kernels
