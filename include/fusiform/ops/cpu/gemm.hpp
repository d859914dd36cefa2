#pragma once
/// The matrix product under convolution and linear layers: a micro-kernel that keeps a tile of the result in
/// registers, and the packing of its operands. C(i, j) (+)= sum over k of A(i, k) B(k, j).
///
/// B comes in panels: panel_width<T> columns, k after k. A comes as rows or as panels of tile_rows rows, see
/// `RowsOfA` and `PanelsOfA`. Every element of C is summed in the order of k whatever the tile it falls in, so that
/// a result does not depend on how many rows are computed together.

#include <algorithm>
#include <cstring>

#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scalar.hpp>
#include <fusiform/core/simd.hpp>

namespace fusiform::kernels {

/// Rows of C held in registers: with two vectors per row, 28 of AVX-512's 32 registers, 12 of AVX2's 16.
inline constexpr int tile_rows = simd::registers == 32 ? 14 : 6;

/// Columns of C held in registers, and of one panel of B: two vectors.
template <Scalar T>
inline constexpr Index panel_width = 2 * simd::lanes<T>;

/// Steps of k between two visits of C. The A tile and a stretch of the B panel stay in the first-level cache.
template <Scalar T>
inline constexpr Index block_depth = 1024 / static_cast<Index>(sizeof(T));

/// Distance between rows of a packed block with up to block_depth columns. One cache line more than the columns, so
/// that the rows do not fall into the same cache sets. A constant: it becomes part of the instructions.
template <Scalar T>
inline constexpr Index block_stride = block_depth<T> + 64 / static_cast<Index>(sizeof(T));

/// A(i, k) = a[i * block_stride + k]: rows of a packed block. B in panels.
template <Scalar T>
struct RowsOfA {
  static constexpr Index a_row = block_stride<T>;
  static constexpr Index a_step = 1;
  static constexpr Index b_step = panel_width<T>;
};

/// A(i, k) = a[k * tile_rows + i]: a panel. B are columns of a packed block: B(k, j) = b[k * block_stride + j].
template <Scalar T>
struct PanelsOfA {
  static constexpr Index a_row = 1;
  static constexpr Index a_step = tile_rows;
  static constexpr Index b_step = block_stride<T>;
};

/// Where a tile of C goes: row i starts at rows[i] + column.
template <Scalar T>
struct TileTarget {
  T* const* rows = nullptr;
  Index column = 0;
  Index columns = 0;        ///< how many of the tile's columns exist
  bool accumulate = false;  ///< add to what is there, or overwrite
  const T* bias = nullptr;  ///< if overwriting: added to each row, indexed like a row; may be nullptr
  bool relu = false;        ///< store max(., 0); only where the sum is complete
};

/// One tile of `rows` x (`vectors` vectors).
template <Scalar T, class Layout, int rows, int vectors>
void micro_kernel(Index depth, const T* a, const T* b, const TileTarget<T>& target) {
  using Vector = simd::Vector<T>;
  constexpr int lanes = simd::lanes<T>;
  Vector sum[rows][vectors];
  simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) { sum[i][v] = Vector{}; });
  });
  for (Index k = 0; k < depth; ++k) {
    Vector b_row[vectors];
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) { b_row[v] = simd::load(b + v * lanes); });
    simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
      const Vector a_element = simd::broadcast(a[i * Layout::a_row]);
      simd::unrolled<vectors>([&](auto v)
                                  __attribute__((always_inline)) { sum[i][v] = a_element * b_row[v] + sum[i][v]; });
    });
    a += Layout::a_step;
    b += Layout::b_step;
  }

  if (target.columns == vectors * lanes) {
    simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
      simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
        T* to = target.rows[i] + target.column + v * lanes;
        if (target.accumulate) {
          sum[i][v] = sum[i][v] + simd::load<T>(to);
        } else if (target.bias != nullptr) {
          sum[i][v] = sum[i][v] + simd::load(target.bias + target.column + v * lanes);
        }
        if (target.relu) sum[i][v] = simd::relu<T>(sum[i][v]);
        simd::store(to, sum[i][v]);
      });
    });
    return;
  }
  T spilled[rows][vectors * lanes];
  simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
    simd::unrolled<vectors>([&](auto v)
                                __attribute__((always_inline)) { simd::store(spilled[i] + v * lanes, sum[i][v]); });
  });
  for (int i = 0; i < rows; ++i) {
    T* to = target.rows[i] + target.column;
    for (Index j = 0; j < target.columns; ++j) {
      const T before = target.accumulate ? to[j] : target.bias != nullptr ? target.bias[target.column + j] : T{};
      const T value = spilled[i][j] + before;
      to[j] = target.relu && value < T{} ? T{} : value;
    }
  }
}

/// Tiles of one panel of B, for all rows of A. `a_of(i)` is the first element of row i, where i is the first row of
/// a tile; tiles are cut at multiples of tile_rows and at the end into 8, 4, 2 and 1 rows.
template <class Layout, Scalar T, class RowStart>
void multiply_panel(Index rows, Index depth, const RowStart& a_of, const T* b, const TileTarget<T>& target) {
  static_assert(tile_rows == 14 || tile_rows == 6);
  const auto tile = [&]<int count>(Index i, std::integral_constant<int, count>) {
    TileTarget<T> here = target;
    here.rows += i;
    if (target.columns > simd::lanes<T>) {
      micro_kernel<T, Layout, count, 2>(depth, a_of(i), b, here);
    } else {
      micro_kernel<T, Layout, count, 1>(depth, a_of(i), b, here);
    }
  };
  Index i = 0;
  for (; rows - i >= tile_rows; i += tile_rows) tile(i, std::integral_constant<int, tile_rows>{});
  if constexpr (tile_rows > 8) {
    if (rows - i >= 8) {
      tile(i, std::integral_constant<int, 8>{});
      i += 8;
    }
  }
  if (rows - i >= 4) {
    tile(i, std::integral_constant<int, 4>{});
    i += 4;
  }
  if (rows - i >= 2) {
    tile(i, std::integral_constant<int, 2>{});
    i += 2;
  }
  if (rows - i >= 1) tile(i, std::integral_constant<int, 1>{});
}

/// Packs one panel of B = M^T, where M is row-major: B(k, j) = m[j * stride + k] for 0 <= k < depth and
/// 0 <= j < columns. Columns up to `width`, a number of whole vectors, are filled with 0.
template <Scalar T>
void pack_panel_transposed(Index depth, Index columns, const T* m, Index stride, Index width, T* panel) {
  constexpr Index lanes = simd::lanes<T>;
  if (columns < width) std::fill_n(panel, depth * width, T{});
  for (Index j0 = 0; j0 < columns; j0 += lanes) {
    Index k0 = 0;
    if (columns - j0 >= lanes) {
      for (; k0 + lanes <= depth; k0 += lanes) {
        simd::Vector<T> square[lanes];
        simd::unrolled<static_cast<int>(lanes)>([&](auto j) __attribute__((always_inline)) {
          square[j] = simd::load(m + (j0 + j) * stride + k0);
        });
        simd::transpose<T>(square);
        simd::unrolled<static_cast<int>(lanes)>([&](auto k) __attribute__((always_inline)) {
          simd::store(panel + (k0 + k) * width + j0, square[k]);
        });
      }
    }
    for (Index j = j0; j < std::min(columns, j0 + lanes); ++j)
      for (Index k = k0; k < depth; ++k) panel[k * width + j] = m[j * stride + k];
  }
}

/// Packs one row of a panel of `width` columns: `columns` elements, the rest 0.
template <Scalar T>
FUSIFORM_INLINE void pack_panel_row(Index columns, const T* row, Index width, T* panel_row) {
  constexpr Index lanes = simd::lanes<T>;
  if (columns >= width) {
    for (Index j = 0; j < width; j += lanes) simd::store(panel_row + j, simd::load(row + j));
  } else {
    for (Index j = 0; j < width; ++j) panel_row[j] = j < columns ? row[j] : T{};
  }
}

}  // namespace fusiform::kernels
