#pragma once
/// Decompresses gzip files (RFC 1951, RFC 1952), so that data sets can be read as they are distributed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/data/crc32.hpp>

namespace fusiform {

namespace detail {

/// A canonical Huffman code, decoded bit by bit from counts per length.
class HuffmanCode {
 public:
  explicit HuffmanCode(std::span<const std::uint8_t> lengths) : symbols_(lengths.size()) {
    for (const std::uint8_t length : lengths) ++counts_[length];
    counts_[0] = 0;
    std::array<std::uint16_t, 17> offsets{};
    for (std::size_t length = 1; length < 16; ++length)
      offsets[length + 1] = static_cast<std::uint16_t>(offsets[length] + counts_[length]);
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
      if (lengths[symbol] != 0) symbols_[offsets[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
  }

  /// `next_bit` returns 0 or 1. -1 if the bits are no code.
  template <class NextBit>
  [[nodiscard]] int decode(const NextBit& next_bit) const {
    int code = 0;
    int first = 0;
    int index = 0;
    for (std::size_t length = 1; length < 16; ++length) {
      code |= next_bit();
      const int count = counts_[length];
      if (code - count < first) return symbols_[static_cast<std::size_t>(index + code - first)];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return -1;
  }

 private:
  std::array<std::uint16_t, 16> counts_{};
  std::vector<std::uint16_t> symbols_;
};

class Inflater {
 public:
  Inflater(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  /// Decompresses one stream and stays behind its last byte.
  [[nodiscard]] std::vector<std::byte> run() {
    bool last = false;
    while (!last) {
      last = bits(1) == 1;
      const int kind = bits(2);
      if (kind == 0)
        copy_stored();
      else if (kind == 1)
        decode_block(fixed_literals(), HuffmanCode(std::vector<std::uint8_t>(30, 5)));
      else if (kind == 2)
        decode_dynamic();
      else
        fail();
    }
    return std::move(output_);
  }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }

 private:
  [[noreturn]] void fail() const {
    throw FileError(name_, text("damaged gzip data at byte ", position_, " of ", bytes_.size()));
  }

  [[nodiscard]] int bit() {
    if (bits_left_ == 0) {
      if (position_ == bytes_.size()) fail();
      current_ = std::to_integer<unsigned>(bytes_[position_++]);
      bits_left_ = 8;
    }
    const auto value = static_cast<int>(current_ & 1U);
    current_ >>= 1U;
    --bits_left_;
    return value;
  }
  [[nodiscard]] int bits(int count) {
    int value = 0;
    for (int i = 0; i < count; ++i) value |= bit() << i;
    return value;
  }

  void copy_stored() {
    bits_left_ = 0;
    const int size = bits(16);
    if ((bits(16) ^ 0xFFFF) != size || bytes_.size() - position_ < static_cast<std::size_t>(size)) fail();
    const auto part = bytes_.subspan(position_, static_cast<std::size_t>(size));
    output_.insert(output_.end(), part.begin(), part.end());
    position_ += part.size();
  }

  [[nodiscard]] static HuffmanCode fixed_literals() {
    std::vector<std::uint8_t> lengths(288, 8);
    for (std::size_t symbol = 144; symbol < 256; ++symbol) lengths[symbol] = 9;
    for (std::size_t symbol = 256; symbol < 280; ++symbol) lengths[symbol] = 7;
    return HuffmanCode(lengths);
  }

  void decode_dynamic() {
    static constexpr std::array<std::uint8_t, 19> order{16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                        11, 4,  12, 3, 13, 2, 14, 1, 15};
    const auto literals = static_cast<std::size_t>(bits(5)) + 257;
    const auto distances = static_cast<std::size_t>(bits(5)) + 1;
    const auto codes = static_cast<std::size_t>(bits(4)) + 4;
    std::array<std::uint8_t, 19> code_lengths{};
    for (std::size_t i = 0; i < codes; ++i) code_lengths[order[i]] = static_cast<std::uint8_t>(bits(3));
    const HuffmanCode code(code_lengths);
    std::vector<std::uint8_t> lengths;
    while (lengths.size() < literals + distances) {
      const int symbol = code.decode([this] { return bit(); });
      if (symbol < 0 || (symbol == 16 && lengths.empty())) fail();
      if (symbol < 16) {
        lengths.push_back(static_cast<std::uint8_t>(symbol));
      } else {
        const std::uint8_t value = symbol == 16 ? lengths.back() : std::uint8_t{0};
        const int times = symbol == 16 ? 3 + bits(2) : symbol == 17 ? 3 + bits(3) : 11 + bits(7);
        lengths.insert(lengths.end(), static_cast<std::size_t>(times), value);
      }
    }
    if (lengths.size() != literals + distances) fail();
    const std::span<const std::uint8_t> all(lengths);
    decode_block(HuffmanCode(all.first(literals)), HuffmanCode(all.subspan(literals)));
  }

  void decode_block(const HuffmanCode& literals, const HuffmanCode& distances) {
    const auto next_bit = [this] { return bit(); };
    while (true) {
      const int symbol = literals.decode(next_bit);
      if (symbol < 0 || symbol > 285) fail();
      if (symbol == 256) return;
      if (symbol < 256) {
        output_.push_back(static_cast<std::byte>(symbol));
        continue;
      }
      const std::size_t length = extended_length(symbol - 257);
      const int code = distances.decode(next_bit);
      if (code < 0 || code > 29) fail();
      const std::size_t distance = extended_distance(code);
      if (distance > output_.size()) fail();
      for (std::size_t i = 0; i < length; ++i) output_.push_back(output_[output_.size() - distance]);
    }
  }

  // RFC 1951, 3.2.5: codes in groups of four (lengths) or two (distances) that double their range.
  [[nodiscard]] std::size_t extended_length(int code) {
    if (code < 8) return static_cast<std::size_t>(code) + 3;
    if (code == 28) return 258;
    const int extra = code / 4 - 1;
    return static_cast<std::size_t>(((4 + code % 4) << extra) + 3 + bits(extra));
  }
  [[nodiscard]] std::size_t extended_distance(int code) {
    if (code < 4) return static_cast<std::size_t>(code) + 1;
    const int extra = code / 2 - 1;
    return static_cast<std::size_t>(((2 + code % 2) << extra) + 1 + bits(extra));
  }

  std::span<const std::byte> bytes_;
  std::string name_;
  std::size_t position_ = 0;
  unsigned current_ = 0;
  int bits_left_ = 0;
  std::vector<std::byte> output_;
};

}  // namespace detail

[[nodiscard]] inline bool is_gzip(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

/// The contents of a gzip file of one member, its checksum verified. `name` is for errors. Throws FileError.
[[nodiscard]] inline std::vector<std::byte> gunzip(std::span<const std::byte> bytes, const std::string& name) {
  if (!is_gzip(bytes) || bytes.size() < 18 || bytes[2] != std::byte{8}) throw FileError(name, "expected a gzip file");
  const auto flags = std::to_integer<unsigned>(bytes[3]);
  std::size_t position = 10;
  if ((flags & 4U) != 0)
    position += 2 + std::to_integer<std::size_t>(bytes[10]) + 256 * std::to_integer<std::size_t>(bytes[11]);
  for (const unsigned text_field : {8U, 16U})  // the original name, a comment: strings that end with a zero
    if ((flags & text_field) != 0) {
      while (position < bytes.size() && bytes[position] != std::byte{0}) ++position;
      ++position;
    }
  if ((flags & 2U) != 0) position += 2;
  if (position > bytes.size()) throw FileError(name, "damaged gzip header");
  detail::Inflater inflater(bytes.subspan(position), name);
  std::vector<std::byte> contents = inflater.run();
  position += inflater.position();
  if (bytes.size() - position < 8) throw FileError(name, "damaged gzip file: the checksum is missing");
  std::uint32_t expected = 0;
  for (std::size_t i = 0; i < 4; ++i) expected |= std::to_integer<std::uint32_t>(bytes[position + i]) << (8 * i);
  if (crc32(contents) != expected) throw FileError(name, "damaged gzip file: wrong checksum");
  return contents;
}

}  // namespace fusiform
