#pragma once
/// Stores that pass the caches by, for results larger than any cache: the memory under them is not read first, and
/// what is in the caches stays there.

#include <cstdint>
#include <type_traits>

#include <fusiform/core/simd.hpp>

namespace fusiform::kernels {

/// Whether `size` elements take more than about a third-level cache.
template <Scalar T>
[[nodiscard]] constexpr bool larger_than_caches(Index size) noexcept {
  return size > (Index{1} << 24) / static_cast<Index>(sizeof(T));
}

/// Whether rows of `row_size` elements of a result of `size` should be stored past the caches: they are aligned, and
/// the result is larger than the caches.
template <Scalar T>
[[nodiscard]] bool worth_streaming(const T* result, Index size, Index row_size) noexcept {
  return larger_than_caches<T>(size) && row_size % simd::lanes<T> == 0 &&
         reinterpret_cast<std::uintptr_t>(result) % sizeof(simd::Vector<T>) == 0;
}

/// `to` is aligned to a vector. Other threads see the store after stream_fence().
template <Scalar T>
FUSIFORM_INLINE void stream_store(T* to, simd::Vector<T> vector) noexcept {
#if defined(__clang__)
  __builtin_nontemporal_store(vector, reinterpret_cast<simd::Vector<T>*>(to));
#elif defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>) {
    __builtin_ia32_movntps512(to, vector);
  } else {
    __builtin_ia32_movntpd512(to, vector);
  }
#elif defined(__AVX__)
  if constexpr (std::is_same_v<T, float>) {
    __builtin_ia32_movntps256(to, vector);
  } else {
    __builtin_ia32_movntpd256(to, vector);
  }
#else
  simd::store(to, vector);
#endif
}

/// Elements of a block that an update writes in the first-level cache before they are streamed.
inline constexpr Index update_block = 512;

/// Whole vectors, to an aligned place.
template <Scalar T>
void stream_copy(const T* from, T* to, Index count) noexcept {
  for (Index i = 0; i < count; i += simd::lanes<T>) stream_store(to + i, simd::load(from + i));
}

inline void stream_fence() noexcept {
#if defined(__SSE__)
  __builtin_ia32_sfence();
#endif
}

}  // namespace fusiform::kernels
