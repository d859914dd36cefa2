#pragma once
/// Numbers and strings as text that reads back exactly.

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace fusiform {

/// The shortest decimal text that reads back to the same number: 0.1, 1e-07, nan, -inf. Independent of the locale.
template <class T>
requires std::integral<T> || std::floating_point<T>
[[nodiscard]] std::string format_number(T value) {
  if constexpr (std::floating_point<T>) {
    if (std::isnan(value)) return "nan";
  }
  std::array<char, 64> buffer{};
  if constexpr (std::same_as<T, bool>) {
    return value ? "1" : "0";
  } else {
    const std::to_chars_result result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    return std::string(buffer.data(), result.ptr);
  }
}

/// With a fixed number of digits after the point, for tables meant for the eye.
[[nodiscard]] inline std::string format_fixed(double value, int digits) {
  if (std::isnan(value)) return "nan";
  std::array<char, 512> buffer{};
  const std::to_chars_result result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, digits);
  return std::string(buffer.data(), result.ptr);
}

/// The number that `characters` spells, all of them; nothing if they spell none.
template <class T>
[[nodiscard]] std::optional<T> parse_number(std::string_view characters) {
  T value{};
  const char* const end = characters.data() + characters.size();
  const std::from_chars_result result = std::from_chars(characters.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

/// A JSON string with its quotation marks. UTF-8 passes through.
[[nodiscard]] inline std::string json_string(std::string_view characters) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char character : characters) {
    const auto code = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      result += '\\';
      result += character;
    } else if (character == '\n') {
      result += "\\n";
    } else if (code < 0x20) {
      result += "\\u00";
      result += digits[code >> 4U];
      result += digits[code & 15U];
    } else {
      result += character;
    }
  }
  return result + '"';
}

/// A JSON number that reads back exactly. JSON has no NaN and no infinity: those become null.
[[nodiscard]] inline std::string json_number(double value) {
  return std::isfinite(value) ? format_number(value) : "null";
}

}  // namespace fusiform
