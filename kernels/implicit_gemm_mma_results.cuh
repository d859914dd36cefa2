#pragma once
/// How sums leave the registers of a warp that multiplied on the tensor cores.

#include <cstring>

#include "arch/shuffle.cuh"
#include "implicit_gemm_results.cuh"
#include "implicit_gemm_work.cuh"

namespace fusiform::kernels {

/// A lane's sums: pieces of 16 lines x 8 columns, of which it has lines lane / 4 and 8 more, columns 2 (lane % 4) and
/// the one after.
template <class Tile>
using MmaSums = float[Tile::line_pieces][Tile::column_pieces][4];

/// Two neighbouring sums of a line, rounded; 0 behind the last column.
template <class T>
__device__ inline Chunk<T, 2> finished_pair(float first, float second, Index column, Index columns,
                                            const GemmEpilogue& epilogue) {
  return {{arch::stored<T>(column < columns ? epilogue(first, column) : 0.0f),
           arch::stored<T>(column + 1 < columns ? epilogue(second, column + 1) : 0.0f)}};
}

/// Writes two neighbouring results of a line, of which the first is there. `relu_line`: see SpreadPixels.
template <class T>
__device__ inline void put_pair(Chunk<T, 2> pair, T* line, const T* relu_line, Index column, Index columns,
                                bool aligned) {
  if (aligned) {
    if (relu_line != nullptr) {
      const auto relu = chunk_at<2>(relu_line + column);
      pair = {{behind_relu(pair.value[0], relu.value[0]), behind_relu(pair.value[1], relu.value[1])}};
    }
    *reinterpret_cast<Chunk<T, 2>*>(line + column) = pair;
    return;
  }
#pragma unroll
  for (int v = 0; v < 2; ++v)
    if (column + v < columns)
      line[column + v] = relu_line == nullptr ? pair.value[v] : behind_relu(pair.value[v], relu_line[column + v]);
}

/// Writes all sums of a lane, whose first ones are those of `first_line` and `first_column`.
template <class Tile, class Part>
__device__ void put_mma_sums(const MmaSums<Tile>& sums, const Part& part, Index first_line, Index first_column,
                             Index results, bool aligned, const GemmEpilogue& epilogue) {
  using T = typename Part::Result::Element;
#pragma unroll
  for (int i = 0; i < 2 * Tile::line_pieces; ++i) {
    const Index line = first_line + 8 * i;
    if (line >= part.lines) continue;
    T* to = part.result.line(line) + results;
    const T* relu_line = part.result.relu_line(to);
#pragma unroll
    for (int j = 0; j < Tile::column_pieces; ++j) {
      const Index column = first_column + 8 * j;
      const float* pair = &sums[i / 2][j][i % 2 * 2];
      if (column < part.columns)
        put_pair(finished_pair<T>(pair[0], pair[1], column, part.columns, epilogue), to, relu_line, column,
                 part.columns, aligned);
    }
  }
}

/// Transposes words of the four lanes whose numbers differ in the bits 4 and 8: the lane at place p = lane / 4 % 4
/// gets word p of each, in the order of their places. All lanes call it.
__device__ inline void transpose_places(std::uint32_t (&words)[4], int lane) {
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2) {
    const bool upper = (lane / 4 & bit) != 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if ((i & bit) != 0) continue;
      const std::uint32_t other = arch::shuffle_xor(upper ? words[i] : words[i + bit], 4 * bit);
      (upper ? words[i] : words[i + bit]) = other;
    }
  }
}

/// The four pixels of a lane's window in two columns: pieces j to j + 3 of half i of a piece's lines, of which the lane
/// at place p gets piece j + p. All lanes call it.
template <class Tile, class T>
__device__ void take_window(const MmaSums<Tile>& sums, int i, int j, Index first_column, Index columns, int lane,
                            const GemmEpilogue& epilogue, T (&pixels)[4][2]) {
  constexpr int pair_words = int(sizeof(Chunk<T, 2>) / 4);
  std::uint32_t words[pair_words][4], bits[pair_words];
#pragma unroll
  for (int piece = 0; piece < 4; ++piece) {
    const float* pair = &sums[i / 2][j + piece][i % 2 * 2];
    const auto finished = finished_pair<T>(pair[0], pair[1], first_column + 8 * (j + piece), columns, epilogue);
    memcpy(bits, &finished, sizeof bits);
#pragma unroll
    for (int w = 0; w < pair_words; ++w) words[w][piece] = bits[w];
  }
#pragma unroll
  for (int w = 0; w < pair_words; ++w) transpose_places(words[w], lane);
#pragma unroll
  for (int pixel = 0; pixel < 4; ++pixel) {
#pragma unroll
    for (int w = 0; w < pair_words; ++w) bits[w] = words[w][pixel];
    memcpy(pixels[pixel], bits, sizeof bits);
  }
}

/// As put_mma_sums, of maxima. A window's four pixels lie in the four lanes that transpose_places speaks of: each lane
/// writes every fourth piece.
template <class Tile, class Part>
__device__ void put_mma_maxima(const MmaSums<Tile>& sums, const Part& part, Index first_line, Index first_column,
                               int lane, bool aligned, const GemmEpilogue& epilogue) {
  static_assert(Tile::column_pieces % 4 == 0);
#pragma unroll
  for (int i = 0; i < 2 * Tile::line_pieces; ++i) {
    const Index window = (first_line + 8 * i) / 4;
    const std::int32_t first = part.result.first_position(window);
#pragma unroll
    for (int j = 0; j < Tile::column_pieces; j += 4) {
      typename Part::Result::Element pixels[4][2];
      take_window<Tile>(sums, i, j, first_column, part.columns, lane, epilogue, pixels);
      if (window * 4 < part.lines)
        put_maxima(pixels, part.result, window, first, first_column + 8 * (j + lane / 4 % 4), aligned);
    }
  }
}

}  // namespace fusiform::kernels
