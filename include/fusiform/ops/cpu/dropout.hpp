#pragma once

#include <algorithm>
#include <cstdint>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

template <Scalar T>
[[nodiscard]] T dropout_scale(double probability) {
  return probability < 1 ? static_cast<T>(1.0 / (1.0 - probability)) : T{0};
}

/// to = from * scale where the bits of one mask word are set, 0 elsewhere; `count` up to 32 elements.
template <Scalar T>
void apply_mask_word(const T* __restrict from, std::uint32_t word, Index count, T scale, T* __restrict to) {
  for (Index i = 0; i < count; ++i)
    to[i] = ((word >> static_cast<std::uint32_t>(i)) & 1U) != 0 ? from[i] * scale : T{0};
}

template <Scalar T>
void dropout_forward(View<const T, Cpu> x, double probability, const Rng& rng, View<T, Cpu> y,
                     View<std::int32_t, Cpu> mask) {
  const auto threshold = static_cast<std::uint64_t>(probability * 0x1p32);
  const T scale = dropout_scale<T>(probability);
  parallel_ranges(mask.size(), elementwise_grain / 256, [&](Index begin, Index end) {
    for (Index word = begin; word < end; ++word) {
      std::uint32_t bits = 0;
      for (std::uint32_t block = 0; block < 8; ++block) {
        const auto draws = rng.block(static_cast<std::uint64_t>(word) * 8 + block);
        for (std::uint32_t i = 0; i < 4; ++i)
          bits |= static_cast<std::uint32_t>(draws[i] >= threshold) << (block * 4 + i);
      }
      mask[word] = static_cast<std::int32_t>(bits);
      apply_mask_word(x.data() + word * 32, bits, std::min<Index>(32, x.size() - word * 32), scale,
                      y.data() + word * 32);
    }
  });
}

template <Scalar T>
void dropout_backward(View<const T, Cpu> dy, View<const std::int32_t, Cpu> mask, double probability, View<T, Cpu> dx) {
  const T scale = dropout_scale<T>(probability);
  parallel_ranges(mask.size(), elementwise_grain / 32, [&](Index begin, Index end) {
    for (Index word = begin; word < end; ++word)
      apply_mask_word(dy.data() + word * 32, static_cast<std::uint32_t>(mask[word]),
                      std::min<Index>(32, dy.size() - word * 32), scale, dx.data() + word * 32);
  });
}

}  // namespace fusiform::kernels
