#pragma once
/// The header of a safetensors file: a flat JSON object, read by a strict scanner of its own.
/// Format: https://github.com/huggingface/safetensors

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;         ///< "F32", "I64", ...
  std::vector<Index> shape;  ///< any rank; empty for a scalar
  Index begin = 0;           ///< bytes after the header
  Index end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in header order
  std::map<std::string, std::string> metadata;
};

/// Bytes of one element, 0 for a name that is no dtype of the format.
[[nodiscard]] inline Index safetensors_dtype_size(std::string_view dtype) noexcept {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "U8" || dtype == "I8" || dtype == "BOOL" || dtype == "F8_E4M3" || dtype == "F8_E5M2") return 1;
  return 0;
}

/// Scans one header. Anything but the exact structure is a FileError with the position in the header.
class SafetensorsHeaderScanner {
 public:
  SafetensorsHeaderScanner(const std::string& path, std::string_view json) : path_(path), json_(json) {}

  [[nodiscard]] SafetensorsHeader scan() {
    SafetensorsHeader header;
    scan_object([&](const std::string& key) {
      if (key == "__metadata__") {
        scan_object([&](const std::string& name) { header.metadata[name] = scan_string(); });
      } else {
        header.entries.push_back(scan_entry(key));
      }
    });
    skip_space();
    if (position_ != json_.size()) fail("the end of the header");
    return header;
  }

 private:
  SafetensorsEntry scan_entry(const std::string& name) {
    SafetensorsEntry entry;
    entry.name = name;
    std::vector<Index> offsets;
    bool has_shape = false;
    scan_object([&](const std::string& key) {
      if (key == "dtype") {
        entry.dtype = scan_string();
      } else if (key == "shape") {
        entry.shape = scan_integers();
        has_shape = true;
      } else if (key == "data_offsets") {
        offsets = scan_integers();
      } else {
        fail("one of dtype, shape, data_offsets", "'" + key + "'");
      }
    });
    if (entry.dtype.empty() || !has_shape || offsets.size() != 2)
      throw FileError(path_, text("tensor '", name, "': expected dtype, shape and two data_offsets in the header"));
    entry.begin = offsets[0];
    entry.end = offsets[1];
    return entry;
  }

  // Calls member(key) with the position at each member's value. Keys may occur once.
  template <class Member>
  void scan_object(const Member& member) {
    std::map<std::string, bool> seen;
    expect('{');
    if (accept('}')) return;
    do {
      const std::string key = scan_string();
      if (!seen.emplace(key, true).second) fail("each name once", "'" + key + "' again");
      expect(':');
      member(key);
    } while (accept(','));
    expect('}');
  }

  std::vector<Index> scan_integers() {
    std::vector<Index> values;
    expect('[');
    if (accept(']')) return values;
    do {
      values.push_back(scan_integer());
    } while (accept(','));
    expect(']');
    return values;
  }

  Index scan_integer() {
    skip_space();
    const std::size_t first = position_;
    Index value = 0;
    while (position_ < json_.size() && json_[position_] >= '0' && json_[position_] <= '9') {
      if (position_ - first == 18) fail("an integer of at most 18 digits");
      value = value * 10 + (json_[position_++] - '0');
    }
    if (position_ == first) fail("an integer >= 0");
    return value;
  }

  std::string scan_string() {
    expect('"');
    std::string result;
    while (true) {
      const char character = next("the end of the string");
      if (character == '"') return result;
      if (static_cast<unsigned char>(character) < 0x20) fail("no control character in a string");
      if (character == '\\') {
        scan_escape(result);
      } else {
        result += character;
      }
    }
  }

  void scan_escape(std::string& result) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    const char letter = next("an escape");
    if (letter == 'u') {
      append_utf8(result, scan_code_point());
    } else if (const std::size_t which = letters.find(letter); which != std::string_view::npos) {
      result += meanings[which];
    } else {
      fail("an escape");
    }
  }

  unsigned scan_code_point() {
    const unsigned first = scan_hexadecimal();
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first > 0xDBFF || next("a low surrogate") != '\\' || next("a low surrogate") != 'u') fail("a surrogate pair");
    const unsigned second = scan_hexadecimal();
    if (second < 0xDC00 || second > 0xDFFF) fail("a surrogate pair");
    return 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00);
  }

  unsigned scan_hexadecimal() {
    unsigned value = 0;
    for (int digit = 0; digit < 4; ++digit) {
      const char character = next("four hexadecimal digits");
      if (character >= '0' && character <= '9') {
        value = value * 16 + static_cast<unsigned>(character - '0');
      } else if ((character >= 'a' && character <= 'f') || (character >= 'A' && character <= 'F')) {
        value = value * 16 + static_cast<unsigned>((character | 0x20) - 'a' + 10);
      } else {
        fail("four hexadecimal digits");
      }
    }
    return value;
  }

  static void append_utf8(std::string& result, unsigned code) {
    const auto append = [&](unsigned byte) { result += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) return append(code);
    if (code < 0x800) {
      append(0xC0U | (code >> 6U));
    } else if (code < 0x10000) {
      append(0xE0U | (code >> 12U));
      append(0x80U | ((code >> 6U) & 0x3FU));
    } else {
      append(0xF0U | (code >> 18U));
      append(0x80U | ((code >> 12U) & 0x3FU));
      append(0x80U | ((code >> 6U) & 0x3FU));
    }
    append(0x80U | (code & 0x3FU));
  }

  char next(std::string_view expected) {
    if (position_ == json_.size()) fail(expected);
    return json_[position_++];
  }
  bool accept(char character) {
    skip_space();
    if (position_ == json_.size() || json_[position_] != character) return false;
    ++position_;
    return true;
  }
  void expect(char character) {
    if (!accept(character)) fail(std::string("'") + character + "'");
  }
  void skip_space() {
    while (position_ < json_.size() && std::string_view(" \t\r\n").find(json_[position_]) != std::string_view::npos)
      ++position_;
  }

  [[noreturn]] void fail(std::string_view expected) const {
    fail(expected, position_ < json_.size() ? "'" + std::string(1, json_[position_]) + "'" : "the end of the header");
  }
  [[noreturn]] void fail(std::string_view expected, const std::string& found) const {
    throw FileError(path_,
                    text("safetensors header at byte ", 8 + position_, ": expected ", expected, ", found ", found));
  }

  const std::string& path_;
  std::string_view json_;
  std::size_t position_ = 0;
};

}  // namespace fusiform
