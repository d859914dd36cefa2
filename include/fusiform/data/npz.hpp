#pragma once
/// Reads NumPy's files of several arrays (.npz), stored (np.savez) or compressed (np.savez_compressed).
/// Needs fusiform::study. Writing: io/npz_writer.hpp.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/data/gzip.hpp>
#include <fusiform/io/crc32.hpp>
#include <fusiform/io/file.hpp>
#include <fusiform/io/npy.hpp>
#include <fusiform/io/zip_directory.hpp>

namespace fusiform {

namespace detail {

/// Inflates an entry by passing it on as the one member of a gzip file, which holds the same compressed bytes between
/// a header and checksum and size.
[[nodiscard]] inline std::string inflate_entry(const std::string& where, const ZipEntry& entry) {
  std::vector<std::byte> member;
  const auto append = [&](std::string_view bytes) {
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
    member.insert(member.end(), first, first + bytes.size());
  };
  append(std::string_view("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
  append(entry.packed);
  for (const std::uint32_t number : {entry.crc, static_cast<std::uint32_t>(entry.size)}) {
    char digits[4];
    std::memcpy(digits, &number, sizeof digits);
    append(std::string_view(digits, sizeof digits));
  }
  const std::vector<std::byte> contents = gunzip(member, where);
  return std::string(reinterpret_cast<const char*>(contents.data()), contents.size());
}

/// The numbers behind `bytes`, elements of type From, as To.
template <class From, class To>
[[nodiscard]] std::vector<To> converted_elements(std::string_view bytes) {
  std::vector<To> values;
  values.reserve(bytes.size() / sizeof(From));
  for (std::size_t at = 0; at + sizeof(From) <= bytes.size(); at += sizeof(From)) {
    From element;
    std::memcpy(&element, bytes.data() + at, sizeof(From));
    values.push_back(static_cast<To>(element));
  }
  return values;
}

}  // namespace detail

/// The arrays of one file. An array is decoded when it is asked for, so that one that cannot be read is in nobody's
/// way.
class NpzFile {
 public:
  /// Throws FileError if the file is no zip file, cut off or damaged in its directory.
  explicit NpzFile(std::string path)
      : path_(std::move(path)), contents_(read_file(path_)), entries_(read_zip_directory(path_, contents_)) {}
  NpzFile(const NpzFile&) = delete;  // the entries point into the contents
  NpzFile& operator=(const NpzFile&) = delete;
  NpzFile(NpzFile&&) = delete;
  NpzFile& operator=(NpzFile&&) = delete;
  ~NpzFile() = default;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const ZipEntry& entry : entries_)
      result.push_back(entry.name.ends_with(".npy") ? entry.name.substr(0, entry.name.size() - 4) : entry.name);
    return result;
  }
  [[nodiscard]] bool has(std::string_view name) const {
    const std::vector<std::string> all = names();
    return std::find(all.begin(), all.end(), name) != all.end();
  }
  /// Any rank; empty for a scalar. Throws FileError as the others do.
  [[nodiscard]] std::vector<Index> shape(const std::string& name) const { return open(name).shape; }

  /// All elements, row-major, of an array of integers or truth values.
  /// Throws FileError naming the array if there is none of this name, if it is damaged or holds something else.
  [[nodiscard]] std::vector<Index> integers(const std::string& name) const {
    const Array array = open(name);
    const std::string_view elements = array.elements;
    if (is_integers(array.type)) {
      const std::string_view code = std::string_view(array.type).substr(1);
      if (code == "i1") return detail::converted_elements<std::int8_t, Index>(elements);
      if (code == "i2") return detail::converted_elements<std::int16_t, Index>(elements);
      if (code == "i4") return detail::converted_elements<std::int32_t, Index>(elements);
      if (code == "i8") return detail::converted_elements<std::int64_t, Index>(elements);
      if (code == "b1" || code == "u1") return detail::converted_elements<std::uint8_t, Index>(elements);
      if (code == "u2") return detail::converted_elements<std::uint16_t, Index>(elements);
      if (code == "u4") return detail::converted_elements<std::uint32_t, Index>(elements);
      if (code == "u8") return detail::converted_elements<std::uint64_t, Index>(elements);
    }
    throw other_type(name, "integers", array.type);
  }

  /// All elements, row-major, of an array of any plain numbers. Throws as `integers`.
  [[nodiscard]] std::vector<double> numbers(const std::string& name) const {
    const Array array = open(name);
    if (array.type == "<f4") return detail::converted_elements<float, double>(array.elements);
    if (array.type == "<f8") return detail::converted_elements<double, double>(array.elements);
    if (!is_integers(array.type)) throw other_type(name, "numbers", array.type);
    const std::vector<Index> whole = integers(name);
    return {whole.begin(), whole.end()};
  }

  /// The one truth value of an array such as np.array([True]). Throws as `integers`.
  [[nodiscard]] bool flag(const std::string& name) const {
    const std::vector<Index> values = integers(name);
    if (values.size() != 1) throw problem(name, text("expected one truth value, found ", values.size(), " elements"));
    return values.front() != 0;
  }

 private:
  struct Array {
    std::string type;
    std::vector<Index> shape;
    std::string elements;
  };

  // Integers and truth values of this machine's byte order.
  static bool is_integers(std::string_view type) {
    return type.size() == 3 && (type[0] == '<' || type[0] == '|') &&
           (type[1] == 'i' || type[1] == 'u' || type[1] == 'b');
  }

  [[nodiscard]] FileError problem(const std::string& name, const std::string& what) const {
    return FileError(path_, text("array '", name, "': ", what));
  }
  [[nodiscard]] FileError other_type(const std::string& name, const std::string& wanted,
                                     const std::string& type) const {
    if (type.ends_with('O')) return problem(name, "expected " + wanted + ", found pickled Python objects");
    return problem(name, "expected " + wanted + ", found elements of type '" + type + "'");
  }

  [[nodiscard]] Array open(const std::string& name) const {
    const std::string wanted = name + ".npy";
    const auto entry =
        std::find_if(entries_.begin(), entries_.end(), [&](const ZipEntry& e) { return e.name == wanted; });
    if (entry == entries_.end()) {
      std::string all;
      for (const std::string& other : names()) all += (all.empty() ? "" : ", ") + other;
      throw FileError(path_, text("expected an array '", name, "', found ", all.empty() ? "none" : all));
    }
    const std::string where = path_ + ": array '" + name + "'";
    const std::string bytes = entry->deflated ? detail::inflate_entry(where, *entry) : std::string(entry->packed);
    if (crc32_of(bytes) != entry->crc) throw problem(name, "damaged: its checksum does not match its bytes");
    detail::NpyContents contents = detail::parse_npy(where, bytes);
    return {std::move(contents.type), std::move(contents.shape), std::string(contents.elements)};
  }

  std::string path_;
  std::string contents_;
  std::vector<ZipEntry> entries_;
};

}  // namespace fusiform
