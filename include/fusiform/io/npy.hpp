#pragma once
/// NumPy's array files (.npy), little-endian and in C order.
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/format.hpp>

namespace fusiform {

static_assert(std::endian::native == std::endian::little, "npy files are read as they lie on the disk");

template <class T>
concept NpyElement = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int64_t>;

template <NpyElement T>
struct NpyArray {
  std::vector<Index> shape;  ///< any rank; empty for a scalar
  std::vector<T> values;     ///< row-major
};

namespace detail {

template <NpyElement T>
constexpr std::string_view npy_type = std::same_as<T, float>    ? "<f4"
                                      : std::same_as<T, double> ? "<f8"
                                                                : "<i8";

inline constexpr std::string_view npy_magic("\x93NUMPY", 6);

/// The text between `key` and its comma in the header, a Python dictionary such as
/// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
[[nodiscard]] inline std::string_view npy_field(const std::string& path, std::string_view header, std::string_view key,
                                                char last) {
  const std::string quoted = "'" + std::string(key) + "': ";
  const std::size_t at = header.find(quoted);
  const std::size_t begin = at + quoted.size();
  const std::size_t end = at == std::string_view::npos ? at : header.find(last, begin);
  if (end == std::string_view::npos) throw FileError(path, text("npy header: expected '", key, "', found ", header));
  return header.substr(begin, end - begin);
}

[[nodiscard]] inline std::vector<Index> npy_shape(const std::string& path, std::string_view tuple) {
  std::vector<Index> shape;
  const std::string whole(tuple);
  if (tuple.empty() || tuple.front() != '(')
    throw FileError(path, "npy header: expected a shape tuple, found " + whole);
  tuple.remove_prefix(1);
  while (!tuple.empty()) {
    const std::size_t comma = std::min(tuple.find(','), tuple.size());
    const auto dimension = parse_number<Index>(tuple.substr(0, comma));
    if (!dimension || *dimension < 0) throw FileError(path, "npy header: expected dimensions, found " + whole + ")");
    shape.push_back(*dimension);
    tuple.remove_prefix(std::min(comma + 1, tuple.size()));
    if (!tuple.empty() && tuple.front() == ' ') tuple.remove_prefix(1);
  }
  return shape;
}

/// An array file in memory: what its header says, and the elements as they lie there.
struct NpyContents {
  std::string type;  ///< NumPy's name of the element type, "<f8"; "|O" for Python objects
  std::vector<Index> shape;
  std::string_view elements;
};

/// Bytes of one element; 0 if the type does not say ("|O"). A character of Unicode text ("<U5") has four bytes.
[[nodiscard]] inline Index npy_element_size(std::string_view type) {
  const auto size = type.size() < 3 ? std::nullopt : parse_number<Index>(type.substr(2));
  return size.value_or(0) * (type.size() > 1 && type[1] == 'U' ? 4 : 1);
}

/// `path` is for errors. Throws FileError if the array is damaged or in Fortran order. The elements of types without a
/// known size are not checked.
[[nodiscard]] inline NpyContents parse_npy(const std::string& path, std::string_view all) {
  if (!all.starts_with(npy_magic) || all.size() < 12) throw FileError(path, "expected a NumPy array file");
  const auto byte = [&](std::size_t position) { return static_cast<unsigned char>(all[position]); };
  if (byte(6) != 1 && byte(6) != 2) throw FileError(path, text("expected npy version 1 or 2, found ", int{byte(6)}));
  // The length of the header has two bytes in version 1, four in version 2.
  std::size_t length = byte(8) + 256U * byte(9);
  if (byte(6) == 2) length += (std::size_t{byte(10)} << 16U) + (std::size_t{byte(11)} << 24U);
  const std::size_t begin = byte(6) == 2 ? 12 : 10;
  if (length > all.size() - begin)
    throw FileError(path, text("expected a header of at most ", all.size() - begin, " bytes, found ", length));

  const std::string_view header = all.substr(begin, length);
  std::string_view type = npy_field(path, header, "descr", ',');
  if (type.size() < 2 || type.front() != '\'' || type.back() != '\'')
    throw FileError(path, text("npy header: expected a plain element type, found ", type));
  type = type.substr(1, type.size() - 2);
  const std::string_view order = npy_field(path, header, "fortran_order", ',');
  if (order != "False") throw FileError(path, text("expected C order, found fortran_order ", order));

  NpyContents contents{std::string(type), npy_shape(path, npy_field(path, header, "shape", ')')),
                       all.substr(begin + length)};
  Index bytes = npy_element_size(type);
  if (bytes == 0) return contents;
  for (const Index dimension : contents.shape)
    if (__builtin_mul_overflow(bytes, dimension, &bytes)) throw FileError(path, "expected a shape that fits in memory");
  if (static_cast<Index>(contents.elements.size()) != bytes)
    throw FileError(path, text("expected ", bytes, " bytes of elements, found ", contents.elements.size()));
  return contents;
}

/// What stands before the elements, version 1.0.
[[nodiscard]] inline std::string npy_preamble(std::string_view type, const std::vector<Index>& shape) {
  std::string tuple;
  for (const Index dimension : shape) tuple.append(tuple.empty() ? "" : ", ").append(format_number(dimension));
  if (shape.size() == 1) tuple += ",";  // Python's tuple of one
  std::string header = text("{'descr': '", type, "', 'fortran_order': False, 'shape': (", tuple, "), }");
  const std::size_t length = (10 + header.size() + 1 + 63) / 64 * 64 - 10;  // elements start at a multiple of 64
  header.resize(length - 1, ' ');
  const std::string version_and_length{1, 0, static_cast<char>(length & 255U), static_cast<char>(length >> 8U)};
  return std::string(npy_magic) + version_and_length + header + '\n';
}

}  // namespace detail

/// Throws FileError if the file is damaged, of another element type or in Fortran order.
template <NpyElement T>
[[nodiscard]] NpyArray<T> read_npy(const std::string& path) {
  const std::string file = read_file(path);
  detail::NpyContents contents = detail::parse_npy(path, file);
  if (contents.type != detail::npy_type<T>)
    throw FileError(path, text("expected elements of type ", detail::npy_type<T>, ", found '", contents.type, "'"));
  NpyArray<T> array{std::move(contents.shape), std::vector<T>(contents.elements.size() / sizeof(T))};
  if (!array.values.empty()) std::memcpy(array.values.data(), contents.elements.data(), contents.elements.size());
  return array;
}

/// Version 1.0, crash-safe. Throws ShapeError if the values do not fill the shape, FileError if it cannot be written.
template <NpyElement T>
void write_npy(const std::string& path, const std::vector<Index>& shape, std::span<const T> values) {
  Index size = 1;
  for (const Index dimension : shape) size *= dimension;
  require_equal(path, "elements", size, static_cast<Index>(values.size()));
  AtomicFile file(path);
  file.write(detail::npy_preamble(detail::npy_type<T>, shape));
  file.write(std::as_bytes(values));
  file.commit();
}

}  // namespace fusiform
