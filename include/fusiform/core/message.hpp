#pragma once
/// Numbers and lists of numbers as bytes, in the memory order of this machine: for messages between processes and for
/// records that the same kind of machine reads again.

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>

namespace fusiform {

class MessageWriter {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }

  /// The count, then the elements.
  template <class T>
  requires std::is_arithmetic_v<T>
  void put_list(std::span<const T> values) {
    put(static_cast<std::uint64_t>(values.size()));
    if (!values.empty()) bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }
  void put_text(std::string_view characters) { put_list(std::span(characters)); }

  /// The count, then eight of these in a byte. Values are 0 or 1.
  void put_bits(std::span<const std::uint8_t> values) {
    put(static_cast<std::uint64_t>(values.size()));
    const std::size_t first = bytes_.size();
    bytes_.resize(first + (values.size() + 7) / 8);
    for (std::size_t i = 0; i < values.size(); ++i)
      bytes_[first + i / 8] = static_cast<char>(bytes_[first + i / 8] | ((values[i] & 1) << (i % 8)));
  }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string take() noexcept { return std::exchange(bytes_, {}); }

 private:
  std::string bytes_;
};

/// Reads what a MessageWriter wrote, in the same order; the bytes must outlive it. All functions throw Error if the
/// bytes end before.
class MessageReader {
 public:
  /// `where` begins the messages of errors.
  MessageReader(std::string_view bytes, std::string where) : rest_(bytes), where_(std::move(where)) {}

  template <class T>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] T get() {
    T value{};
    std::memcpy(&value, next(sizeof value), sizeof value);
    return value;
  }

  template <class T>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] std::vector<T> get_list() {
    std::vector<T> values(get_count(sizeof(T), 1));
    if (!values.empty()) std::memcpy(values.data(), next(values.size() * sizeof(T)), values.size() * sizeof(T));
    return values;
  }
  [[nodiscard]] std::string get_text() {
    const std::size_t count = get_count(1, 1);
    return {next(count), count};
  }

  [[nodiscard]] std::vector<std::uint8_t> get_bits() {
    std::vector<std::uint8_t> values(get_count(1, 8));
    const char* bits = next((values.size() + 7) / 8);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<std::uint8_t>((static_cast<unsigned char>(bits[i / 8]) >> (i % 8)) & 1U);
    return values;
  }

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  /// The count of a list; refused before memory is taken for it if the bytes cannot hold it.
  std::size_t get_count(std::size_t element_size, std::size_t elements) {
    const auto count = get<std::uint64_t>();
    if (count / elements > rest_.size() / element_size)
      throw Error(text(where_, ": expected a list of ", count, ", found ", rest_.size(), " more bytes"));
    return static_cast<std::size_t>(count);
  }

  const char* next(std::size_t count) {
    if (count > rest_.size()) throw Error(text(where_, ": expected ", count, " more bytes, found ", rest_.size()));
    const char* place = rest_.data();
    rest_.remove_prefix(count);
    return place;
  }

  std::string_view rest_;
  std::string where_;
};

}  // namespace fusiform
