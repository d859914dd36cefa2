#pragma once
/// C = A B for few terms: the gradient of a linear layer's weights from a small batch. What counts is that C is written
/// once, row by row as it lies, while the rows of B stay in the first-level cache.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/ops/cpu/row_product.hpp>
#include <fusiform/ops/cpu/stream_store.hpp>

namespace fusiform::kernels {

/// With more, arithmetic counts, and rows of B should serve several rows of C.
inline constexpr int outer_product_terms = 4;

struct OuterProductScratch {};

/// Columns begin to end - 1 of B, a vector of each row in turn, filled up with zeros: read where they lie, rows a power
/// of two apart would share cache sets with each other and with C.
template <Scalar T>
[[nodiscard]] const T* pack_columns(const RowProductShape<T>& s, Index begin, Index end) {
  constexpr Index lanes = simd::lanes<T>;
  T* packed = scratch<OuterProductScratch, T>(round_up(end - begin, lanes) * s.depth);
  T* to = packed;
  for (Index j = begin; j < end; j += lanes)
    for (Index k = 0; k < s.depth; ++k, to += lanes)
      simd::store(to, simd::load_up_to(s.b + k * s.columns + j, end - j));
  return packed;
}

/// `count` elements of a row of C, which begin at `to`. factors: one for each term, `step` apart.
template <Scalar T, int terms>
void outer_product_row(const T* factors, Index step, const T* packed, T* to, Index count, bool streams) {
  using Vector = simd::Vector<T>;
  constexpr Index lanes = simd::lanes<T>;
  Vector factor[terms];
  simd::unrolled<terms>([&](auto k) __attribute__((always_inline)) { factor[k] = simd::broadcast(factors[k * step]); });
  for (Index j = 0; j < count; j += lanes, packed += terms * lanes) {
    Vector sum{};
    simd::unrolled<terms>([&](auto k) __attribute__((always_inline)) {
      sum = factor[k] * simd::load(packed + k * lanes) + sum;
    });
    if (streams) {
      stream_store(to + j, sum);
    } else {
      simd::store_up_to(to + j, sum, count - j);
    }
  }
}

/// C = A B for 1 to outer_product_terms terms. Each sum starts with 0 and runs in the order of the terms.
template <Scalar T>
void outer_product(const RowProductShape<T>& s) {
  constexpr Index cached_elements = 16384 / static_cast<Index>(sizeof(T));
  constexpr Index rows_each = 64;
  const Index block = round_up(divide_up(cached_elements, s.depth), simd::lanes<T>);
  const bool streams = worth_streaming(s.c, s.rows * s.columns, s.columns);
  parallel_ranges(s.rows, rows_each, [&](Index first, Index end) {
    for (Index begin = 0; begin < s.columns; begin += block) {
      const Index count = std::min(block, s.columns - begin);
      const T* packed = pack_columns(s, begin, begin + count);
      for (Index i = first; i < end; ++i)
        simd::unrolled<outer_product_terms>([&](auto last) {
          if (s.depth == last + 1)
            outer_product_row<T, last + 1>(s.a + i * s.a_row, s.a_step, packed, s.c + i * s.columns + begin, count,
                                           streams);
        });
    }
    if (streams) stream_fence();
  });
}

}  // namespace fusiform::kernels
