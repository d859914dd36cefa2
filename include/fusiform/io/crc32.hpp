#pragma once
/// The 32-bit cyclic redundancy check of zip and gzip files (reflected polynomial EDB88320, ISO 3309).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fusiform {

namespace detail {

inline constexpr std::array<std::uint32_t, 256> crc32_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? (value >> 1U) ^ 0xEDB88320U : value >> 1U;
    table[byte] = value;
  }
  return table;
}();

}  // namespace detail

[[nodiscard]] constexpr std::uint32_t crc32_of(std::string_view bytes) noexcept {
  std::uint32_t value = 0xFFFFFFFFU;
  for (const char character : bytes)
    value = detail::crc32_table[(value ^ static_cast<unsigned char>(character)) & 255U] ^ (value >> 8U);
  return ~value;
}

static_assert(crc32_of("123456789") == 0xCBF43926U);  // the check value every catalogue of CRCs lists

}  // namespace fusiform
