#pragma once
/// Loops over the channels of a pixel, a vector of them at a time.

#include <cstdint>
#include <type_traits>

#include <fusiform/core/simd_math.hpp>
#include <fusiform/ops/cpu/stream_store.hpp>

namespace fusiform::kernels {

/// Places in an image, as many as a vector of T has lanes and as wide: what comparisons give.
template <Scalar T>
using Places = simd::Integers<T>;
template <Scalar T>
using PlaceScalar = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <Scalar T>
struct Int32Lanes {
  using Type __attribute__((vector_size(simd::lanes<T> * sizeof(std::int32_t)))) = std::int32_t;
};

/// Loads and stores a whole vector; with `streams` past the caches, to aligned places.
template <Scalar T, bool streams = false>
struct AllLanes {
  FUSIFORM_INLINE simd::Vector<T> load(const T* from) const noexcept { return simd::load(from); }
  FUSIFORM_INLINE void store(T* to, simd::Vector<T> vector) const noexcept {
    if constexpr (streams) {
      stream_store(to, vector);
    } else {
      simd::store(to, vector);
    }
  }

  FUSIFORM_INLINE Places<T> load(const std::int32_t* from) const noexcept {
    typename Int32Lanes<T>::Type places;
    __builtin_memcpy(&places, from, sizeof(places));
    return __builtin_convertvector(places, Places<T>);
  }
  FUSIFORM_INLINE void store(std::int32_t* to, Places<T> vector) const noexcept {
    const auto places = __builtin_convertvector(vector, typename Int32Lanes<T>::Type);
    __builtin_memcpy(to, &places, sizeof(places));
  }
};

/// Loads and stores the first `count` lanes; the others are 0.
template <Scalar T>
struct FirstLanes {
  Index count;

  FUSIFORM_INLINE simd::Vector<T> load(const T* from) const noexcept { return simd::load_first(from, count); }
  FUSIFORM_INLINE void store(T* to, simd::Vector<T> vector) const noexcept { simd::store_first(to, vector, count); }

  FUSIFORM_INLINE Places<T> load(const std::int32_t* from) const noexcept {
    Places<T> places{};
    for (Index i = 0; i < count; ++i) places[i] = from[i];
    return places;
  }
  FUSIFORM_INLINE void store(std::int32_t* to, Places<T> vector) const noexcept {
    for (Index i = 0; i < count; ++i) to[i] = static_cast<std::int32_t>(vector[i]);
  }
};

/// Calls body(c, lanes) for vectors that start at channel c; `lanes` loads and stores them. Where the channels are no
/// whole number of vectors, some come twice: the body must not read what it writes.
template <Scalar T, bool streams = false, class Body>
FUSIFORM_INLINE void for_each_channel_vector(Index channels, const Body& body) {
  constexpr Index lanes = simd::lanes<T>;
  Index c = 0;
  for (; c + lanes <= channels; c += lanes) body(c, AllLanes<T, streams>{});
  if (c == channels) return;
  if (channels > lanes) {
    body(channels - lanes, AllLanes<T>{});
  } else {
    body(Index{0}, FirstLanes<T>{channels});
  }
}

}  // namespace fusiform::kernels
