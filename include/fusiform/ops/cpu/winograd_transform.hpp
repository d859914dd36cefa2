#pragma once
/// The transforms of Winograd's minimal filtering F(tile x tile, 3 x 3) (Lavin & Gray 2016, "Fast algorithms for
/// convolutional neural networks"): y = A^T [(G g G^T) * (B^T d B)] A, where * multiplies element by element, for a
/// filter g (3 x 3), an input tile d and an output tile y. They interpolate polynomials at the points 0, infinity and
/// +-1 (tile 2), or 0, infinity, +-5/8 and +-3/2 (tile 4).
///
/// Of the points tried for tile 4, these lose least: 1.2e-6 of the result (Frobenius norm, 256 channels, float)
/// against 2.6e-6 for the usual +-1 and +-2, and 0.5e-6 for direct summation. All of them are exact in binary.

#include <type_traits>

#include <fusiform/core/simd.hpp>
#include <fusiform/ops/cpu/gemm.hpp>
#include <fusiform/ops/cpu/keep_in_register.hpp>

namespace fusiform::kernels {

/// One-dimensional transforms on vectors whose lanes are channels.
template <int tile>
struct WinogradTransform;

template <>
struct WinogradTransform<2> {
  /// B^T: input tile (4) to products (4).
  struct Input {
    static constexpr int from = 4, to = 4;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* d, V* out) noexcept {
      out[0] = d[0] - d[2];
      out[1] = d[2] + d[1];
      out[2] = d[2] - d[1];
      out[3] = d[3] - d[1];
    }
  };

  /// A^T: products (4) to output tile (2).
  struct Output {
    static constexpr int from = 4, to = 2;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* p, V* out) noexcept {
      out[0] = p[0] + (p[1] + p[2]);
      out[1] = (p[1] - p[2]) + p[3];
    }
  };

  /// A: gradient of an output tile (2) to products (4).
  struct OutputGradient {
    static constexpr int from = 2, to = 4;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* y, V* out) noexcept {
      out[0] = y[0];
      out[1] = y[0] + y[1];
      out[2] = y[0] - y[1];
      out[3] = y[1];
    }
  };

  /// G: filter (3) to products (4).
  struct Filter {
    static constexpr int from = 3, to = 4;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* g, V* out) noexcept {
      using T = std::remove_cvref_t<decltype(g[0][0])>;
      const V even = T(0.5) * (g[0] + g[2]);
      const V odd = T(0.5) * g[1];
      out[0] = g[0];
      out[1] = even + odd;
      out[2] = even - odd;
      out[3] = g[2];
    }
  };

  /// G^T: sums of products (4) to the gradient of a filter (3).
  struct FilterGradient {
    static constexpr int from = 4, to = 3;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* p, V* out) noexcept {
      using T = std::remove_cvref_t<decltype(p[0][0])>;
      const V even = T(0.5) * (p[1] + p[2]);
      out[0] = p[0] + even;
      out[1] = T(0.5) * (p[1] - p[2]);
      out[2] = even + p[3];
    }
  };
};

template <>
struct WinogradTransform<4> {
  static constexpr double a = 0.625, b = 1.5;  // the points +-a and +-b
  static constexpr double a2 = a * a, b2 = b * b;
  /// 1 over the product of a point's distances to the other points; the same for + and -.
  static constexpr double weight_a = 1 / (2 * a2 * (a2 - b2)), weight_b = 1 / (2 * b2 * (b2 - a2));

  /// B^T: input tile (6) to products (6).
  struct Input {
    static constexpr int from = 6, to = 6;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* d, V* out) noexcept {
      using T = std::remove_cvref_t<decltype(d[0][0])>;
      const V even_a = d[4] - T(b2) * d[2];
      const V odd_a = d[3] - T(b2) * d[1];
      const V even_b = d[4] - T(a2) * d[2];
      const V odd_b = d[3] - T(a2) * d[1];
      out[0] = T(a2 * b2) * d[0] + (d[4] - T(a2 + b2) * d[2]);
      out[1] = even_a + T(a) * odd_a;
      out[2] = even_a - T(a) * odd_a;
      out[3] = even_b + T(b) * odd_b;
      out[4] = even_b - T(b) * odd_b;
      out[5] = T(a2 * b2) * d[1] + (d[5] - T(a2 + b2) * d[3]);
    }
  };

  /// A^T: products (6) to output tile (4).
  struct Output {
    static constexpr int from = 6, to = 4;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* p, V* out) noexcept {
      using T = std::remove_cvref_t<decltype(p[0][0])>;
      const V even_a = p[1] + p[2];
      const V odd_a = p[1] - p[2];
      const V even_b = p[3] + p[4];
      const V odd_b = p[3] - p[4];
      out[0] = p[0] + (even_a + even_b);
      out[1] = T(a) * odd_a + T(b) * odd_b;
      out[2] = T(a2) * even_a + T(b2) * even_b;
      out[3] = T(a2 * a) * odd_a + (T(b2 * b) * odd_b + p[5]);
    }
  };

  /// A: gradient of an output tile (4) to products (6).
  struct OutputGradient {
    static constexpr int from = 4, to = 6;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* y, V* out) noexcept {
      using T = std::remove_cvref_t<decltype(y[0][0])>;
      const V even_a = y[0] + T(a2) * y[2];
      const V odd_a = y[1] + T(a2) * y[3];
      const V even_b = y[0] + T(b2) * y[2];
      const V odd_b = y[1] + T(b2) * y[3];
      out[0] = y[0];
      out[1] = even_a + T(a) * odd_a;
      out[2] = even_a - T(a) * odd_a;
      out[3] = even_b + T(b) * odd_b;
      out[4] = even_b - T(b) * odd_b;
      out[5] = y[3];
    }
  };

  /// G: filter (3) to products (6).
  struct Filter {
    static constexpr int from = 3, to = 6;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* g, V* out) noexcept {
      using T = std::remove_cvref_t<decltype(g[0][0])>;
      const V even_a = T(weight_a) * g[0] + T(weight_a * a2) * g[2];
      const V even_b = T(weight_b) * g[0] + T(weight_b * b2) * g[2];
      out[0] = T(1 / (a2 * b2)) * g[0];
      out[1] = even_a + T(weight_a * a) * g[1];
      out[2] = even_a - T(weight_a * a) * g[1];
      out[3] = even_b + T(weight_b * b) * g[1];
      out[4] = even_b - T(weight_b * b) * g[1];
      out[5] = g[2];
    }
  };

  /// G^T: sums of products (6) to the gradient of a filter (3).
  struct FilterGradient {
    static constexpr int from = 6, to = 3;
    template <class V>
    FUSIFORM_INLINE static void apply(const V* p, V* out) noexcept {
      using T = std::remove_cvref_t<decltype(p[0][0])>;
      const V even_a = T(weight_a) * (p[1] + p[2]);
      const V odd_a = T(weight_a * a) * (p[1] - p[2]);
      const V even_b = T(weight_b) * (p[3] + p[4]);
      const V odd_b = T(weight_b * b) * (p[3] - p[4]);
      out[0] = T(1 / (a2 * b2)) * p[0] + (even_a + even_b);
      out[1] = odd_a + odd_b;
      out[2] = T(a2) * even_a + (T(b2) * even_b + p[5]);
    }
  };
};

/// Product positions of one tile.
template <int tile>
inline constexpr Index winograd_positions = (tile + 2) * (tile + 2);

/// Distance between product positions for `size` elements each. An odd number of cache lines, so that what belongs to
/// one tile or filter, 36 vectors, falls into different cache sets.
template <Scalar T>
[[nodiscard]] constexpr Index position_stride(Index size) noexcept {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  const Index lines = divide_up(size, line);
  return (lines + 1 - lines % 2) * line;
}

/// Transform along both axes: `load(i, j)` for an element of the square, `store(i, j, vector)` for one of the result.
/// `load` gets i and `store` gets j as a compile-time number. The other two are loops, not unrolled, with the half-way
/// result in memory: 36 vectors do not fit into registers, and g++ would compute all 36 addresses with vectors first.
template <class Transform, Scalar T, class Load, class Store>
FUSIFORM_INLINE void transform_square(const Load& load, const Store& store) noexcept {
  using Vector = simd::Vector<T>;
  Vector half[Transform::to][Transform::from];
  FUSIFORM_NO_UNROLL
  for (int j = 0; j < Transform::from; ++j) {
    Vector column[Transform::from];
    Vector result[Transform::to];
    simd::unrolled<Transform::from>([&](auto i) __attribute__((always_inline)) {
      column[i] = load(i, j);
      keep_in_register(column[i]);
    });
    Transform::apply(column, result);
    simd::unrolled<Transform::to>([&](auto i) __attribute__((always_inline)) { half[i][j] = result[i]; });
  }
  FUSIFORM_NO_UNROLL
  for (int i = 0; i < Transform::to; ++i) {
    Vector row[Transform::from];
    Vector result[Transform::to];
    simd::unrolled<Transform::from>([&](auto j) __attribute__((always_inline)) {
      row[j] = half[i][j];
      keep_in_register(row[j]);
    });
    Transform::apply(row, result);
    simd::unrolled<Transform::to>([&](auto j) __attribute__((always_inline)) { store(i, j, result[j]); });
  }
}

}  // namespace fusiform::kernels
