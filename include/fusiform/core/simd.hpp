#pragma once
/// The widest vector of the machine that is compiled for (-march), as a GCC/Clang vector type with operators.
/// AVX-512: 16 floats; AVX: 8 floats; anything else: 4 floats, which the compiler splits where it must.

#include <cstddef>
#include <utility>

#include <fusiform/core/scalar.hpp>

#define FUSIFORM_INLINE inline __attribute__((always_inline))

/// Before a loop: keep it a loop.
#ifdef __clang__
#define FUSIFORM_NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define FUSIFORM_NO_UNROLL _Pragma("GCC unroll 1")
#endif

namespace fusiform::simd {

#if defined(__AVX512F__)
inline constexpr int bytes = 64;
inline constexpr int registers = 32;
#elif defined(__AVX__)
inline constexpr int bytes = 32;
inline constexpr int registers = 16;
#else
inline constexpr int bytes = 16;
inline constexpr int registers = 16;
#endif

/// Elements of one vector.
template <Scalar T>
inline constexpr int lanes = bytes / static_cast<int>(sizeof(T));

template <Scalar T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type __attribute__((vector_size(bytes))) = float;
};
template <>
struct VectorOf<double> {
  using Type __attribute__((vector_size(bytes))) = double;
};

/// +, -, * work lane by lane; `a * b + c` becomes one fused instruction where the machine has it.
template <Scalar T>
using Vector = typename VectorOf<T>::Type;

/// From any address (no alignment needed).
template <Scalar T>
FUSIFORM_INLINE Vector<T> load(const T* from) noexcept {
  Vector<T> vector;
  __builtin_memcpy(&vector, from, sizeof(vector));
  return vector;
}

template <Scalar T>
FUSIFORM_INLINE void store(T* to, Vector<T> vector) noexcept {
  __builtin_memcpy(to, &vector, sizeof(vector));
}

/// The first `count` lanes from memory, 0 in the others; reads no further.
template <Scalar T>
FUSIFORM_INLINE Vector<T> load_first(const T* from, std::ptrdiff_t count) noexcept {
  Vector<T> vector{};
  for (std::ptrdiff_t i = 0; i < count; ++i) vector[i] = from[i];
  return vector;
}

/// Stores the first `count` lanes only.
template <Scalar T>
FUSIFORM_INLINE void store_first(T* to, Vector<T> vector, std::ptrdiff_t count) noexcept {
  for (std::ptrdiff_t i = 0; i < count; ++i) to[i] = vector[i];
}

/// A whole vector, or the first `count` lanes if that is less.
template <Scalar T>
FUSIFORM_INLINE Vector<T> load_up_to(const T* from, std::ptrdiff_t count) noexcept {
  return count >= lanes<T> ? load(from) : load_first(from, count);
}
template <Scalar T>
FUSIFORM_INLINE void store_up_to(T* to, Vector<T> vector, std::ptrdiff_t count) noexcept {
  if (count >= lanes<T>) {
    store(to, vector);
  } else {
    store_first(to, vector, count);
  }
}

/// The same number in every lane. (x - 0, not x + 0, which would lose the sign of -0.)
template <Scalar T>
FUSIFORM_INLINE Vector<T> broadcast(T x) noexcept {
  return x - Vector<T>{};
}

/// max(x, 0) lane by lane; NaN stays NaN.
template <Scalar T>
FUSIFORM_INLINE Vector<T> relu(Vector<T> x) noexcept {
  return x < Vector<T>{} ? Vector<T>{} : x;
}

/// Calls f(0), f(1), ..., f(count - 1) with compile-time numbers: a loop that is certain to be unrolled.
template <int count, class F>
FUSIFORM_INLINE void unrolled(F&& f) noexcept {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, count>{});
}

/// Lanes of a and b, those of b numbered behind those of a. Written out, since nvcc's front end does not expand packs
/// in the arguments of builtin functions.
template <int... index, class V>
[[nodiscard]] FUSIFORM_INLINE auto shuffled(V a, V b) noexcept {
  constexpr int i[] = {index...};
  static_assert(sizeof...(index) == 2 || sizeof...(index) == 4 || sizeof...(index) == 8 || sizeof...(index) == 16);
  if constexpr (sizeof...(index) == 2)
    return __builtin_shufflevector(a, b, i[0], i[1]);
  else if constexpr (sizeof...(index) == 4)
    return __builtin_shufflevector(a, b, i[0], i[1], i[2], i[3]);
  else if constexpr (sizeof...(index) == 8)
    return __builtin_shufflevector(a, b, i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7]);
  else
    return __builtin_shufflevector(a, b, i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], i[11],
                                   i[12], i[13], i[14], i[15]);
}

/// Transposes a square of lanes x lanes elements held in registers, by swapping ever larger off-diagonal blocks.
template <Scalar T>
FUSIFORM_INLINE void transpose(Vector<T> (&rows)[lanes<T>]) noexcept {
  constexpr int n = lanes<T>;
  const auto swap_blocks = [&]<int step, int... lane>(
      std::integral_constant<int, step>, std::integer_sequence<int, lane...>) __attribute__((always_inline)) {
    unrolled<n>([&](auto row) __attribute__((always_inline)) {
      constexpr int i = row;
      if constexpr ((i & step) == 0) {
        const Vector<T> a = rows[i];
        const Vector<T> b = rows[i + step];
        rows[i] = shuffled<((lane & step) == 0 ? lane : n + lane - step)...>(a, b);
        rows[i + step] = shuffled<((lane & step) == 0 ? lane + step : n + lane)...>(a, b);
      }
    });
  };
  constexpr auto all_lanes = std::make_integer_sequence<int, n>{};
  if constexpr (n > 1) swap_blocks(std::integral_constant<int, 1>{}, all_lanes);
  if constexpr (n > 2) swap_blocks(std::integral_constant<int, 2>{}, all_lanes);
  if constexpr (n > 4) swap_blocks(std::integral_constant<int, 4>{}, all_lanes);
  if constexpr (n > 8) swap_blocks(std::integral_constant<int, 8>{}, all_lanes);
}

}  // namespace fusiform::simd
