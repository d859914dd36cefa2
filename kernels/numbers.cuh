#pragma once
/// Elements of tensors as the numbers that kernels compute with, sixteen bytes at a time where the addresses allow.

#include <cstring>
#include <initializer_list>

#include <fusiform/core/scalar.hpp>

#include "arch/number.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

/// Elements in sixteen bytes: what one instruction moves at most.
template <class T>
inline constexpr int wide = 16 / int(sizeof(T));

/// to = the elements from `from` on. More than one are a multiple of 16 bytes, and lie at one.
template <int N, class T>
__device__ inline void load_elements(const T* from, T (&to)[N]) {
  if constexpr (N == 1) {
    to[0] = *from;
  } else {
    static_assert(N % wide<T> == 0);
#pragma unroll
    for (int i = 0; i < N; i += wide<T>)
      memcpy(to + i, __builtin_assume_aligned(static_cast<const void*>(from + i), 16), 16);
  }
}

template <int N, class T>
__device__ inline void store_elements(const T (&from)[N], T* to) {
  if constexpr (N == 1) {
    *to = from[0];
  } else {
    static_assert(N % wide<T> == 0);
#pragma unroll
    for (int i = 0; i < N; i += wide<T>) memcpy(__builtin_assume_aligned(static_cast<void*>(to + i), 16), from + i, 16);
  }
}

/// As load_elements, for computing.
template <int N, class T>
__device__ inline void load_numbers(const T* from, Master<T> (&to)[N]) {
  T elements[N];
  load_elements(from, elements);
#pragma unroll
  for (int i = 0; i < N; ++i) to[i] = arch::number(elements[i]);
}

/// Rounds to the type of the elements.
template <int N, class T>
__device__ inline void store_numbers(const Master<T> (&from)[N], T* to) {
  T elements[N];
#pragma unroll
  for (int i = 0; i < N; ++i) elements[i] = arch::stored<T>(from[i]);
  store_elements(elements, to);
}

/// Calls visit.operator()<M>(first) for groups of M elements that make up 0 to count - 1, all over the grid: M = N, and
/// 1 for what is left.
template <int N, class Visit>
__device__ inline void for_each_group(Index count, const Visit& visit) {
  const Index groups = count / N;
  for (Index group = grid_thread(); group < groups; group += grid_threads()) visit.template operator()<N>(group * N);
  if constexpr (N > 1)
    for (Index i = groups * N + grid_thread(); i < count; i += grid_threads()) visit.template operator()<1>(i);
}

/// Calls run.operator()<N>() with N elements of T a thread: 16 bytes if all pointers are at multiples of them and
/// `extent`, where groups must not cross its multiples, is one too; else 1.
template <class T, class Run>
void with_width(std::initializer_list<const void*> pointers, Index extent, const Run& run) {
  bool aligned = extent % wide<T> == 0;
  for (const void* pointer : pointers) aligned = aligned && reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
  if (aligned)
    run.template operator()<wide<T>>();
  else
    run.template operator()<1>();
}
template <class T, class Run>
void with_width(std::initializer_list<const void*> pointers, const Run& run) {
  with_width<T>(pointers, 0, run);
}

}  // namespace fusiform::kernels
