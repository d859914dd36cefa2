#pragma once
/// A 64-bit checksum for large files: finds damage, does not resist forgery.
/// The bytes are cut into blocks of 1 MiB (so that threads can share the work); each block runs through four lanes of
/// xxHash64's round (Collet), and the block values are chained in order. Words are read as little-endian.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

static_assert(std::endian::native == std::endian::little, "files are written in the memory order of little-endian");

inline constexpr std::size_t checksum_block_size = std::size_t{1} << 20U;

namespace detail {

[[nodiscard]] inline std::uint64_t checksum_block(std::span<const std::byte> bytes) noexcept {
  std::array<std::uint64_t, 4> lanes{1, 2, 3, 4};
  const auto absorb = [&lanes](const std::byte* group) {
    std::array<std::uint64_t, 4> words{};
    std::memcpy(words.data(), group, sizeof words);
    for (std::size_t lane = 0; lane < 4; ++lane)
      lanes[lane] = std::rotl(lanes[lane] + words[lane] * 0xC2B2AE3D27D4EB4FULL, 31) * 0x9E3779B185EBCA87ULL;
  };
  std::size_t position = 0;
  for (; position + 32 <= bytes.size(); position += 32) absorb(bytes.data() + position);
  if (position < bytes.size()) {
    std::array<std::byte, 32> rest{};
    std::memcpy(rest.data(), bytes.data() + position, bytes.size() - position);
    absorb(rest.data());
  }
  std::uint64_t value = bytes.size();
  for (const std::uint64_t lane : lanes) value = mix(value, lane);
  return value;
}

}  // namespace detail

/// Checksum of bytes that arrive in pieces; how they are cut into pieces does not matter.
class Checksum {
 public:
  void update(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t part = std::min(bytes.size(), checksum_block_size - block_.size());
      block_.insert(block_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(part));
      bytes = bytes.subspan(part);
      if (block_.size() == checksum_block_size) {
        value_ = mix(value_, detail::checksum_block(block_));
        block_.clear();
      }
    }
  }

  [[nodiscard]] std::uint64_t value() const noexcept {
    return block_.empty() ? value_ : mix(value_, detail::checksum_block(block_));
  }

 private:
  std::vector<std::byte> block_;
  std::uint64_t value_ = 0;
};

/// The same checksum of bytes in memory, on all threads.
[[nodiscard]] inline std::uint64_t checksum_of(std::span<const std::byte> bytes) {
  std::vector<std::uint64_t> blocks((bytes.size() + checksum_block_size - 1) / checksum_block_size);
  parallel_for(static_cast<Index>(blocks.size()), [&](Index block) {
    const std::size_t begin = static_cast<std::size_t>(block) * checksum_block_size;
    blocks[static_cast<std::size_t>(block)] =
        detail::checksum_block(bytes.subspan(begin, std::min(checksum_block_size, bytes.size() - begin)));
  });
  std::uint64_t value = 0;
  for (const std::uint64_t block : blocks) value = mix(value, block);
  return value;
}

}  // namespace fusiform
