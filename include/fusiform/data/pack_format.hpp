#pragma once
/// The layout of a pack file, little-endian:
///
///   lead     magic "FUSIPACK", u64 version
///   pixels   every image as height x width x 3 bytes, one after the other
///   index    u64 classes, then (task, name) each; u64 images, then (u64 offset, u32 height, u32 width, u32 class,
///            u32 split, path) each; a string is u32 length and its bytes
///   footer   PackFooter, 64 bytes
///
/// The index comes last because sizes are known only when all images are decoded; the file is written in one go.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/data/checksum.hpp>

namespace fusiform::detail {

inline constexpr std::string_view pack_magic = "FUSIPACK";
inline constexpr std::uint64_t pack_version = 1;
inline constexpr std::size_t pack_lead_size = 16;

struct PackFooter {
  std::uint64_t index_offset = 0;
  std::uint64_t images = 0;
  std::uint64_t shorter_side = 0;
  std::uint64_t left_out = 0;     ///< damaged images of the manifest that are not in the pack
  std::uint64_t source_hash = 0;  ///< of the manifest and options it was made from
  std::uint64_t contents = 0;     ///< checksum of lead, pixels and index
  std::uint64_t version = pack_version;
  std::uint64_t check = 0;  ///< of the fields above

  [[nodiscard]] std::uint64_t expected_check() const noexcept {
    std::uint64_t hash = 0;
    for (const std::uint64_t field : {index_offset, images, shorter_side, left_out, source_hash, contents, version})
      hash = mix(hash, field);
    return hash;
  }
};
static_assert(sizeof(PackFooter) == 64 && std::is_trivially_copyable_v<PackFooter>);

/// Collects numbers and strings as bytes.
class ByteWriter {
 public:
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void number(Number value) { append(std::as_bytes(std::span(&value, 1))); }
  void string(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    append(std::as_bytes(std::span(value)));
  }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  void append(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  std::vector<std::byte> bytes_;
};

/// Takes them apart again. Throws FileError where the bytes end too early.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  template <class Number>
  requires std::is_arithmetic_v<Number>
  [[nodiscard]] Number number() {
    Number value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::string string() {
    const auto characters = take(number<std::uint32_t>());
    return {reinterpret_cast<const char*>(characters.data()), characters.size()};
  }
  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size(); }

 private:
  std::span<const std::byte> take(std::size_t count) {
    if (count > bytes_.size())
      throw FileError(path_, text("damaged index: expected ", count, " more bytes, found ", bytes_.size()));
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

  std::span<const std::byte> bytes_;
  std::string path_;
};

}  // namespace fusiform::detail
