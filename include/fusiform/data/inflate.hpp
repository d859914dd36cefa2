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

/// A canonical Huffman code. Short codes are looked up, long ones decoded bit by bit from the counts per length.
class HuffmanCode {
 public:
  static constexpr int looked_up_bits = 9;
  struct Symbol {
    int value = -1;  ///< -1: the bits are no code
    int length = 0;
  };

  explicit HuffmanCode(std::span<const std::uint8_t> lengths) : symbols_(lengths.size()) {
    for (const std::uint8_t length : lengths) ++counts_[length];
    counts_[0] = 0;
    std::array<std::uint16_t, 17> offsets{};
    for (std::size_t length = 1; length < 16; ++length)
      offsets[length + 1] = static_cast<std::uint16_t>(offsets[length] + counts_[length]);
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
      if (lengths[symbol] != 0) symbols_[offsets[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
    for (std::size_t bits = 0; bits < table_.size(); ++bits) table_[bits] = decode_slowly(bits, looked_up_bits);
  }

  /// The symbol that the lowest of the `bits` stand for.
  [[nodiscard]] Symbol decode(std::uint64_t bits) const noexcept {
    const Symbol symbol = table_[bits % table_.size()];
    return symbol.value >= 0 ? symbol : decode_slowly(bits, 15);
  }

 private:
  [[nodiscard]] Symbol decode_slowly(std::uint64_t bits, int longest) const noexcept {
    int code = 0;
    int first = 0;
    int index = 0;
    for (int length = 1; length <= longest; ++length, bits >>= 1U) {
      code |= static_cast<int>(bits & 1U);
      const int count = counts_[static_cast<std::size_t>(length)];
      if (code - count < first) {
        // An over-full code, which only damage makes, can point behind the symbols.
        const auto place = static_cast<std::size_t>(index + code - first);
        return place < symbols_.size() ? Symbol{symbols_[place], length} : Symbol{};
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return {};
  }

  std::array<std::uint16_t, 16> counts_{};
  std::vector<std::uint16_t> symbols_;
  std::array<Symbol, std::size_t{1} << looked_up_bits> table_{};
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
  [[nodiscard]] std::size_t position() const noexcept { return position_ - static_cast<std::size_t>(held_ / 8); }

 private:
  [[noreturn]] void fail() const {
    throw FileError(name_, text("damaged gzip data at byte ", position(), " of ", bytes_.size()));
  }

  /// Takes bytes until at least 15 bits are held, if there are as many.
  void refill() noexcept {
    for (; held_ < 15 && position_ < bytes_.size(); held_ += 8)
      current_ |= std::to_integer<std::uint64_t>(bytes_[position_++]) << static_cast<unsigned>(held_);
  }
  void drop(int count) {
    if (count > held_) fail();
    current_ >>= static_cast<unsigned>(count);
    held_ -= count;
  }
  /// At most 15 bits, the first one lowest.
  [[nodiscard]] int bits(int count) {
    refill();
    const auto value = static_cast<int>(current_ & ((std::uint64_t{1} << static_cast<unsigned>(count)) - 1));
    drop(count);
    return value;
  }
  [[nodiscard]] int symbol_of(const HuffmanCode& code) {
    refill();
    const HuffmanCode::Symbol symbol = code.decode(current_);
    if (symbol.value < 0) fail();
    drop(symbol.length);
    return symbol.value;
  }

  void copy_stored() {
    drop(held_ % 8);
    const int size = bits(8) | bits(8) << 8;
    const int complement = bits(8) | bits(8) << 8;
    const std::size_t start = position();
    if ((complement ^ 0xFFFF) != size || bytes_.size() - start < static_cast<std::size_t>(size)) fail();
    const auto part = bytes_.subspan(start, static_cast<std::size_t>(size));
    output_.insert(output_.end(), part.begin(), part.end());
    position_ = start + part.size();
    current_ = 0;
    held_ = 0;
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
      const int symbol = symbol_of(code);
      if (symbol == 16 && lengths.empty()) fail();
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
    while (true) {
      const int symbol = symbol_of(literals);
      if (symbol > 285) fail();
      if (symbol == 256) return;
      if (symbol < 256) {
        output_.push_back(static_cast<std::byte>(symbol));
        continue;
      }
      const std::size_t length = extended_length(symbol - 257);
      const int code = symbol_of(distances);
      if (code > 29) fail();
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
    const int length = ((4 + code % 4) << extra) + 3 + bits(extra);
    return static_cast<std::size_t>(length);
  }
  [[nodiscard]] std::size_t extended_distance(int code) {
    if (code < 4) return static_cast<std::size_t>(code) + 1;
    const int extra = code / 2 - 1;
    const int distance = ((2 + code % 2) << extra) + 1 + bits(extra);
    return static_cast<std::size_t>(distance);
  }

  std::span<const std::byte> bytes_;
  std::string name_;
  std::size_t position_ = 0;
  std::uint64_t current_ = 0;  // bits taken from the bytes and not used yet
  int held_ = 0;               // their number
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
