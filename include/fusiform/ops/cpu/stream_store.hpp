#pragma once
/// Stores that pass the caches by, for results larger than any cache: the memory under them is not read first, and
/// what is in the caches stays there.

#include <type_traits>

#include <fusiform/core/simd.hpp>

namespace fusiform::kernels {

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

inline void stream_fence() noexcept {
#if defined(__SSE__)
  __builtin_ia32_sfence();
#endif
}

}  // namespace fusiform::kernels
