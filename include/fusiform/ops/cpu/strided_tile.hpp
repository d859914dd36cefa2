#pragma once
/// Products of matrices that lie unpacked in memory: a tile of C in registers, operands read where they are.
/// C(i, j) (+)= sum over (r, k) of A(i, r, k) B(r, k, j): the pair (r, k) is, for example, a kernel row and a position
/// in it, or an image row and a pixel.

#include <algorithm>
#include <array>
#include <utility>

#include <fusiform/core/rounding.hpp>
#include <fusiform/ops/cpu/gemm.hpp>

namespace fusiform::kernels {

/// A(i, r, k) = a[i * a_row + r * a_line + k * a_step] and B(r, k, j) = b[r * b_line + k * b_step + j], for
/// 0 <= r < lines and 0 <= k < depth. B is read in whole vectors.
template <Scalar T>
struct StridedOperands {
  const T* a;
  const T* b;
  Index lines, depth;
  Index a_row, a_line, a_step;
  Index b_line, b_step;
};

/// C(i, j) = c[i * row + j] for 0 <= j < columns.
template <Scalar T>
struct StridedTarget {
  T* c = nullptr;
  Index row = 0;
  Index columns = 0;         ///< at most strided_columns<T>
  const T* start = nullptr;  ///< what the sums start from, the same for every row: whole vectors; nullptr for 0
  bool accumulate = false;   ///< add to what is there, or overwrite
  bool relu = false;         ///< store max(., 0)
};

/// Memory that will be read after this product: with every (i, r, k) of a tile's first row, the cache line of
/// from[i * row + r * line + k * step] is fetched. The rows of a tile lie far apart and leave a page every few tiles,
/// so that the processor's own prefetching does not follow. (Fetched as many lines at once, they would stop the work.)
template <Scalar T>
struct FetchAhead {
  const T* from;
  Index row, line, step;
};

/// Most columns of a tile: four vectors.
template <Scalar T>
inline constexpr Index strided_columns = 4 * simd::lanes<T>;

/// Rows of a tile of 4, 2 or 1 vectors: 28 of AVX-512's 32 registers hold sums, 12 of AVX2's 16. (With one vector 7: as
/// many as hide the latency of an addition, and fewer functions to compile.)
template <int vectors>
inline constexpr int strided_rows = simd::registers == 32 ? (vectors == 2 ? 14 : 7) : 12 / vectors;

/// Asks for the lines of some rows of a tile before its sums are computed: stores that miss would hold up the tile that
/// follows.
template <Scalar T, int rows, int vectors>
FUSIFORM_INLINE void fetch_for_writing(T* c, Index row) {
  constexpr int line = 64;
  simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
    simd::unrolled<static_cast<int>(divide_up(vectors * simd::bytes, line))>([&](auto piece) __attribute__((
        always_inline)) { __builtin_prefetch(c + i * row + piece * (line / static_cast<int>(sizeof(T))), 1); });
  });
}

/// Writes the finished sums of a tile.
template <Scalar T, int rows, int vectors>
FUSIFORM_INLINE void store_strided_tile(simd::Vector<T> (&sum)[rows][vectors], const StridedTarget<T>& target) {
  constexpr int lanes = simd::lanes<T>;
  const Index row = target.row;
  T* const c = target.c;
  const auto each = [&](const auto& body) __attribute__((always_inline)) {
    simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
      simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) { body(i, v); });
    });
  };
  if (target.columns != vectors * lanes) {
    T spilled[rows][vectors * lanes];
    each([&](auto i, auto v) __attribute__((always_inline)) { simd::store(spilled[i] + v * lanes, sum[i][v]); });
    for (int i = 0; i < rows; ++i)
      for (Index j = 0; j < target.columns; ++j) {
        const T value = target.accumulate ? c[i * row + j] + spilled[i][j] : spilled[i][j];
        c[i * row + j] = target.relu && value < T{} ? T{} : value;
      }
    return;
  }
  if (target.accumulate)
    each([&](auto i, auto v)
             __attribute__((always_inline)) { sum[i][v] = simd::load<T>(c + i * row + v * lanes) + sum[i][v]; });
  if (target.relu) each([&](auto i, auto v) __attribute__((always_inline)) { sum[i][v] = simd::relu<T>(sum[i][v]); });
  each([&](auto i, auto v) __attribute__((always_inline)) { simd::store(c + i * row + v * lanes, sum[i][v]); });
}

/// sum(i, j) += sum over k of a[i * a_row + k * a_step] * b[k * b_step + j], for 0 <= k < steps. Each step asks for the
/// line at `ahead`, `ahead_step` behind that of the step before.
template <Scalar T, int rows, int vectors>
FUSIFORM_INLINE void add_products(Index steps, const T* a, Index a_row, Index a_step, const T* b, Index b_step,
                                  const T* ahead, Index ahead_step, simd::Vector<T> (&sum)[rows][vectors]) {
  for (Index k = 0; k < steps; ++k, a += a_step, b += b_step, ahead += ahead_step) {
    __builtin_prefetch(ahead, 0, 2);  // into the second level: into the first one it gained nothing
    simd::Vector<T> b_row[vectors];
    simd::unrolled<vectors>([&](auto v)
                                __attribute__((always_inline)) { b_row[v] = simd::load(b + v * simd::lanes<T>); });
    simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
      const simd::Vector<T> a_element = simd::broadcast(a[i * a_row]);
      simd::unrolled<vectors>([&](auto v)
                                  __attribute__((always_inline)) { sum[i][v] = a_element * b_row[v] + sum[i][v]; });
    });
  }
}

/// A wide tile of AVX-512 has 28 lines. Asked for at once they would hold up the loads, so that they are asked for row
/// after row, a row every so many steps. The lines of other tiles are asked for before the first step.
template <int vectors>
inline constexpr bool spreads_fetches = simd::registers == 32 && vectors == 4;
inline constexpr Index steps_per_fetch = 8;

/// `tiles` tiles of `rows` x (`vectors` vectors) below each other. Every element is summed in the order of (r, k),
/// whatever the tile.
template <Scalar T, int rows, int vectors>
void strided_tiles(Index tiles, const StridedOperands<T>& operands, const FetchAhead<T>& fetch,
                   const StridedTarget<T>& target) {
  using Vector = simd::Vector<T>;
  constexpr int lanes = simd::lanes<T>;
  const Index a_row = operands.a_row;
  const Index a_step = operands.a_step;
  const Index b_step = operands.b_step;
  const Index ahead_step = fetch.step;
  StridedTarget<T> here = target;
  const T* a = operands.a;
  const T* ahead = fetch.from;
  for (Index tile = 0; tile < tiles; ++tile) {
    if constexpr (!spreads_fetches<vectors>) fetch_for_writing<T, rows, vectors>(here.c, here.row);
    [[maybe_unused]] Index fetched = 0;
    Vector sum[rows][vectors];
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      const Vector start = target.start == nullptr ? Vector{} : simd::load(target.start + v * lanes);
      simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) { sum[i][v] = start; });
    });
    for (Index r = 0; r < operands.lines; ++r) {
      const T* a_at = a + r * operands.a_line;
      const T* b_at = operands.b + r * operands.b_line;
      const T* ahead_at = ahead + r * fetch.line;
      if constexpr (spreads_fetches<vectors>) {
        for (Index k = 0; k < operands.depth; k += steps_per_fetch) {
          if (fetched < rows) fetch_for_writing<T, 1, vectors>(here.c + fetched++ * here.row, here.row);
          add_products<T, rows, vectors>(std::min(steps_per_fetch, operands.depth - k), a_at + k * a_step, a_row,
                                         a_step, b_at + k * b_step, b_step, ahead_at + k * ahead_step, ahead_step, sum);
        }
      } else {
        add_products<T, rows, vectors>(operands.depth, a_at, a_row, a_step, b_at, b_step, ahead_at, ahead_step, sum);
      }
    }
    store_strided_tile<T, rows, vectors>(sum, here);
    a += rows * a_row;
    ahead += rows * fetch.row;
    here.c += rows * target.row;
  }
}

/// Every tile that fits into the registers.
template <Scalar T>
class StridedTiles {
 public:
  /// Cuts `rows` rows into tiles of almost the same size: one tile of few rows would waste its time on loads.
  static void multiply(Index rows, StridedOperands<T> operands, FetchAhead<T> fetch, StridedTarget<T> target) {
    const Index vectors = divide_up(target.columns, simd::lanes<T>);
    if (vectors == 4) return multiply_vectors<4>(rows, operands, fetch, target);
    if (vectors == 1) return multiply_vectors<1>(rows, operands, fetch, target);
    StridedTarget<T> left = target;
    left.columns = std::min<Index>(left.columns, 2 * simd::lanes<T>);
    multiply_vectors<2>(rows, operands, fetch, left);
    if (vectors == 2) return;
    operands.b += left.columns;
    target.c += left.columns;
    target.columns -= left.columns;
    if (target.start != nullptr) target.start += left.columns;
    multiply_vectors<1>(rows, operands, fetch, target);
  }
  static void multiply(Index rows, const StridedOperands<T>& operands, const StridedTarget<T>& target) {
    multiply(rows, operands, {operands.b, 0, 0, 0}, target);
  }

 private:
  using Tiles = void (*)(Index, const StridedOperands<T>&, const FetchAhead<T>&, const StridedTarget<T>&);

  template <int vectors, int... i>
  static constexpr std::array<Tiles, sizeof...(i)> of_each_size(std::integer_sequence<int, i...>) {
    return {strided_tiles<T, i + 1, vectors>...};
  }

  template <int vectors>
  static void multiply_vectors(Index rows, StridedOperands<T> operands, FetchAhead<T> fetch, StridedTarget<T> target) {
    static constexpr auto tiles_of = of_each_size<vectors>(std::make_integer_sequence<int, strided_rows<vectors>>{});
    const Index tiles = divide_up(rows, strided_rows<vectors>);
    const Index size = rows / tiles;
    const Index larger = rows % tiles;
    if (larger > 0) {
      tiles_of[static_cast<std::size_t>(size)](larger, operands, fetch, target);
      operands.a += larger * (size + 1) * operands.a_row;
      fetch.from += larger * (size + 1) * fetch.row;
      target.c += larger * (size + 1) * target.row;
    }
    tiles_of[static_cast<std::size_t>(size - 1)](tiles - larger, operands, fetch, target);
  }
};

}  // namespace fusiform::kernels
