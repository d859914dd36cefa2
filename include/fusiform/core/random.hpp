#pragma once
/// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011).
/// A number is a pure function of (seed, stream, position), so that the CPU and the GPU, one thread and many,
/// draw the same ones, and a generator is saved as three integers.

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <utility>

#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// The Philox4x32-10 bijection: four random words for a 128-bit counter under a 64-bit key.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                            std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32U) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32U) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// A well-mixed 64-bit hash of two words (the finaliser of SplitMix64).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t z = a + 0x9E3779B97F4A7C15ULL * (b + 1);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

/// One stream of random numbers. Copies continue independently from the same position.
class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed, std::uint64_t stream = 0, std::uint64_t position = 0) noexcept
      : seed_(seed), stream_(stream), position_(position) {}

  /// An independent stream of the same seed, one per purpose ("dropout") or per item.
  [[nodiscard]] constexpr Rng stream(std::string_view purpose) const noexcept {
    std::uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a
    for (const char character : purpose) hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001B3ULL;
    return stream(hash);
  }
  [[nodiscard]] constexpr Rng stream(std::uint64_t item) const noexcept { return Rng(seed_, mix(stream_, item)); }

  [[nodiscard]] constexpr std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] constexpr std::uint64_t stream_id() const noexcept { return stream_; }
  [[nodiscard]] constexpr std::uint64_t position() const noexcept { return position_; }

  /// The word at any position of the stream, without moving.
  [[nodiscard]] constexpr std::uint32_t word_at(std::uint64_t position) const noexcept {
    return block(position / 4)[position % 4];
  }
  /// Words 4·index to 4·index + 3 of the stream, for loops that draw one number per element.
  [[nodiscard]] constexpr std::array<std::uint32_t, 4> block(std::uint64_t index) const noexcept {
    return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32U),
                   static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32U)},
                  {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32U)});
  }

  /// Four standard normals from the words of block `index`, for loops that draw one number per element: Box-Muller with
  /// both of its outputs, from uniforms of 32 bits (so none is beyond 6.8).
  [[nodiscard]] std::array<double, 4> normals_at(std::uint64_t index) const noexcept {
    const std::array<std::uint32_t, 4> words = block(index);
    std::array<double, 4> normals{};
    for (std::size_t pair = 0; pair < 4; pair += 2) {
      const double radius = std::sqrt(-2.0 * std::log((words[pair] + 0.5) * 0x1p-32));
      const double angle = 2.0 * std::numbers::pi * (words[pair + 1] * 0x1p-32);
      normals[pair] = radius * std::cos(angle);
      normals[pair + 1] = radius * std::sin(angle);
    }
    return normals;
  }

  constexpr std::uint32_t word() noexcept { return word_at(position_++); }

  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform() noexcept {
    const std::uint64_t high = word();
    const std::uint64_t low = word();
    return static_cast<double>((high << 21U) | (low >> 11U)) * 0x1p-53;
  }
  constexpr double uniform(double low, double high) noexcept { return low + (high - low) * uniform(); }

  /// Standard normal (Box-Muller; two uniforms per number, so that positions stay countable).
  double normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// Uniform in 0..bound-1, without bias. `bound` must be at least 1.
  constexpr Index below(Index bound) noexcept {
    const auto range = static_cast<std::uint64_t>(bound);
    const std::uint64_t limit = ~std::uint64_t{0} - (~std::uint64_t{0} % range + 1) % range;
    while (true) {
      const std::uint64_t high = word();
      const std::uint64_t draw = (high << 32U) | word();
      if (draw <= limit) return static_cast<Index>(draw % range);
    }
  }

  /// Fisher-Yates.
  template <class T>
  constexpr void shuffle(std::span<T> items) noexcept {
    for (std::size_t last = items.size(); last > 1; --last)
      std::swap(items[last - 1], items[static_cast<std::size_t>(below(static_cast<Index>(last)))]);
  }

  friend constexpr bool operator==(const Rng&, const Rng&) = default;

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t position_;
};

}  // namespace fusiform
