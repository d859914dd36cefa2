#pragma once
/// C = A B for row-major B and C with long rows: the gradients of linear layers. C(i, j) is summed in blocks of
/// product_depth terms: a block from 0 on in the order of k, blocks in their order. So its bits do not depend on how
/// many rows are computed together.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/ops/cpu/keep_in_register.hpp>
#include <fusiform/ops/cpu/stream_store.hpp>

namespace fusiform::kernels {

inline constexpr Index product_depth = 256;

/// Rows and vectors of a tile of C: 24 of AVX-512's 32 registers, 12 of AVX2's 16. The more rows share a row of B,
/// the more work there is while it comes from memory; with few rows, tiles are wider.
inline constexpr int product_rows = simd::registers == 32 ? 8 : 4;
inline constexpr int product_vectors = 3;

template <Scalar T>
struct RowProductShape {
  Index rows, depth, columns;
  const T* a;  ///< A(i, k) = a[i * a_row + k * a_step]
  Index a_row, a_step;
  const T* b;  ///< B(k, j) = b[k * columns + j]
  T* c;        ///< C(i, j) = c[i * columns + j]
};

/// Rows of B that a tile reads, one every `stride` elements.
template <Scalar T>
struct ProductPanel {
  const T* b = nullptr;
  Index stride = 0;
  T* copy = nullptr;         ///< where to copy them, packed, on the way
  bool from_memory = false;  ///< fetch the rows below, then those of the next tile, ahead of their use
};

/// Rows of B fetched ahead: in the time of fewer, memory does not answer.
inline constexpr Index rows_ahead = 32;

enum class ProductStore { overwrite, add, stream };

/// Where a tile of C goes: row i to c + i * stride. `columns` of the tile's columns exist.
template <Scalar T>
struct ProductTarget {
  T* c;
  Index stride, columns;
  ProductStore how;

  FUSIFORM_INLINE void store(T* to, simd::Vector<T> sum, Index count) const {
    if (count >= simd::lanes<T>) {
      if (how == ProductStore::stream) return stream_store(to, sum);
      simd::store(to, how == ProductStore::add ? sum + simd::load<T>(to) : sum);
    } else if (count > 0) {
      simd::store_first(to, how == ProductStore::add ? sum + simd::load_first<T>(to, count) : sum, count);
    }
  }
};

/// One tile of C. a: `rows` elements for each k.
template <Scalar T, int rows, int vectors>
void product_tile(Index depth, const T* a, ProductPanel<T> panel, const ProductTarget<T>& target) {
  using Vector = simd::Vector<T>;
  constexpr int lanes = simd::lanes<T>;
  Vector sum[rows][vectors]{};
  const T* b = panel.b;
  const T* ahead = panel.from_memory && depth > rows_ahead ? b + rows_ahead * panel.stride : nullptr;
  for (Index k = 0; k < depth; ++k) {
    Vector row[vectors];
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      row[v] = simd::load(b + v * lanes);
      keep_in_register(row[v]);
    });
    if (ahead != nullptr) {
      if (k == depth - rows_ahead) ahead = panel.b + vectors * lanes;
      simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
        __builtin_prefetch(ahead + v * lanes, 0, 2);  // into the second-level cache
      });
      ahead += panel.stride;
    }
    if (panel.copy != nullptr) {
      simd::unrolled<vectors>([&](auto v)
                                  __attribute__((always_inline)) { simd::store(panel.copy + v * lanes, row[v]); });
      panel.copy += vectors * lanes;
    }
    simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
      const Vector factor = simd::broadcast(a[i]);
      simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) { sum[i][v] = factor * row[v] + sum[i][v]; });
    });
    a += rows;
    b += panel.stride;
  }
  simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
    simd::unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      target.store(target.c + i * target.stride + v * lanes, sum[i][v], target.columns - v * lanes);
    });
  });
}

/// Columns of one task: four tasks for each thread.
[[nodiscard]] inline Index fair_columns(Index columns) noexcept {
  const Index threads = thread_count();
  return threads == 1 ? columns : divide_up(columns, 4 * threads);
}

struct ProductFactorScratch {};
struct ProductPanelScratch {};

template <Scalar T, int tile_rows, int vectors>
class RowProduct {
 public:
  explicit RowProduct(const RowProductShape<T>& shape) : s_(shape) {}

  /// Cuts the columns among the threads, and so that a block of B stays in half of the second-level cache. The cut
  /// does not change results: no sum is split.
  void run() const {
    const T* factors = pack_factors();
    const Index block = std::min(product_depth, s_.depth);
    const Index wanted = std::min(fair_columns(s_.columns), cached_elements / std::max<Index>(1, block));
    const Index columns_each = round_up(std::max<Index>(1, wanted), width);
    parallel_ranges(s_.columns, columns_each, [&](Index begin, Index end) {
      T* panels = scratch<ProductPanelScratch, T>(block * round_up(end - begin, width));
      Index k = 0;
      do {
        multiply_block(k, begin, end, factors + k * s_.rows, panels);
        k += product_depth;
      } while (k < s_.depth);
      if (streams()) stream_fence();
    });
  }

 private:
  static constexpr Index lanes = simd::lanes<T>;
  static constexpr Index width = vectors * lanes;
  static constexpr Index cached_elements = (Index{1} << 19) / static_cast<Index>(sizeof(T));

  [[nodiscard]] bool streams() const {
    return s_.depth <= product_depth && worth_streaming(s_.c, s_.rows * s_.columns, s_.columns);
  }

  /// Block after block of A, tile after tile in it, k after k in that.
  [[nodiscard]] const T* pack_factors() const {
    T* packed = scratch<ProductFactorScratch, T>(s_.rows * s_.depth);
    const Index tiles = divide_up(s_.rows, tile_rows);
    parallel_for(divide_up(s_.depth, product_depth) * tiles, [&](Index task) {
      const Index first_k = task / tiles * product_depth;
      const Index first = task % tiles * tile_rows;
      const Index depth = std::min(product_depth, s_.depth - first_k);
      const Index rows = std::min<Index>(tile_rows, s_.rows - first);
      const T* from = s_.a + first * s_.a_row + first_k * s_.a_step;
      T* to = packed + first_k * s_.rows + first * depth;
      for (Index k = 0; k < depth; ++k, from += s_.a_step, to += rows)
        for (Index i = 0; i < rows; ++i) to[i] = from[i * s_.a_row];
    });
    return packed;
  }

  /// Terms first_k.. of columns begin to end - 1. The first rows of C read B where it lies and leave a packed copy to
  /// the others: rows of B that are a large power of two apart would fall into the same cache sets.
  void multiply_block(Index first_k, Index begin, Index end, const T* factors, T* panels) const {
    const Index depth = std::min(product_depth, s_.depth - first_k);
    const ProductStore how = first_k > 0 ? ProductStore::add
                             : streams() ? ProductStore::stream
                                         : ProductStore::overwrite;
    for (Index i = 0; i < s_.rows; i += tile_rows) {
      const Index rows = std::min<Index>(tile_rows, s_.rows - i);
      T* packed = panels;
      for (Index j = begin; j < end; j += width, packed += depth * width) {
        ProductPanel<T> panel{packed, width};
        if (i == 0) {
          const T* b = s_.b + first_k * s_.columns + j;
          if (end - j >= width) {
            panel = {b, s_.columns, s_.rows > tile_rows ? packed : nullptr, true};
          } else {
            pack_last_columns(depth, b, end - j, packed);
          }
        }
        simd::unrolled<tile_rows>([&](auto last) {
          if (rows == last + 1)
            product_tile<T, last + 1, vectors>(depth, factors + i * depth, panel,
                                               {s_.c + i * s_.columns + j, s_.columns, end - j, how});
        });
      }
    }
  }

  void pack_last_columns(Index depth, const T* b, Index columns, T* packed) const {
    for (Index k = 0; k < depth; ++k, b += s_.columns, packed += width) {
      std::fill_n(packed, width, T{});
      std::copy_n(b, columns, packed);
    }
  }

  RowProductShape<T> s_;
};

/// A has one row. Rows of B are read as they lie, eight at a time, and added to a row of sums in the cache.
template <Scalar T>
void vector_times_matrix(const RowProductShape<T>& s) {
  constexpr Index lanes = simd::lanes<T>;
  constexpr int together = 8;
  const Index columns_each = round_up(std::max<Index>(1, fair_columns(s.columns)), lanes);
  parallel_ranges(s.columns, columns_each, [&](Index begin, Index end) {
    T* sums = scratch<ProductPanelScratch, T>(end - begin + lanes);
    const auto add_rows = [&]<int count>(Index k, bool first, std::integral_constant<int, count>) {
      const T* rows = s.b + k * s.columns;
      const auto add = [&](Index j, const auto& load_row) __attribute__((always_inline)) {
        simd::Vector<T> sum = first ? simd::Vector<T>{} : simd::load(sums + j - begin);
        simd::unrolled<count>([&](auto i) __attribute__((always_inline)) {
          sum = simd::broadcast(s.a[(k + i) * s.a_step]) * load_row(rows + i * s.columns + j) + sum;
        });
        simd::store(sums + j - begin, sum);
      };
      Index j = begin;
      for (; j + lanes <= end; j += lanes)
        add(
            j, [](const T* row) __attribute__((always_inline)) { return simd::load(row); });
      if (j < end)
        add(
            j, [&](const T* row) __attribute__((always_inline)) { return simd::load_first(row, end - j); });
    };
    for (Index first = 0; first < s.depth; first += product_depth) {
      const Index last = std::min(s.depth, first + product_depth);
      Index k = first;
      for (; k + together <= last; k += together) add_rows(k, k == first, std::integral_constant<int, together>{});
      for (; k < last; ++k) add_rows(k, k == first, std::integral_constant<int, 1>{});
      for (Index j = begin; j < end; ++j) s.c[j] = first == 0 ? sums[j - begin] : sums[j - begin] + s.c[j];
    }
  });
}

/// C = A B.
template <Scalar T>
void row_product(const RowProductShape<T>& shape) {
  if (shape.rows == 0 || shape.columns == 0) return;
  if (shape.depth == 0) {
    std::fill_n(shape.c, shape.rows * shape.columns, T{});
  } else if (shape.rows == 1) {
    vector_times_matrix(shape);
  } else if (shape.rows <= product_rows / 2) {
    RowProduct<T, product_rows / 2, 2 * product_vectors>(shape).run();
  } else {
    RowProduct<T, product_rows, product_vectors>(shape).run();
  }
}

}  // namespace fusiform::kernels
