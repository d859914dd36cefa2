#pragma once
/// Writes NumPy's files of several arrays (.npz): a zip file whose entries are .npy files, stored as np.savez does.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/crc32.hpp>
#include <fusiform/io/npy.hpp>
#include <fusiform/io/zip_directory.hpp>

namespace fusiform {

/// Collects arrays; the file appears on `write`. The same arrays give the same bytes: no time is recorded.
class NpzWriter {
 public:
  /// `values` are row-major. Throws ShapeError if they do not fill the shape.
  template <NpyElement T>
  void add(const std::string& name, const std::vector<Index>& shape, std::span<const T> values) {
    Index size = 1;
    for (const Index dimension : shape) size *= dimension;
    require_equal("npz array '" + name + "'", "elements", size, static_cast<Index>(values.size()));
    add_bytes(name, detail::npy_type<T>, shape, std::as_bytes(values));
  }
  /// A row of numbers.
  template <NpyElement T>
  void add(const std::string& name, const std::vector<T>& values) {
    add(name, {static_cast<Index>(values.size())}, std::span<const T>(values));
  }
  /// A row of one truth value, as np.array([True]).
  void add_flag(const std::string& name, bool value) {
    const std::byte byte{static_cast<unsigned char>(value ? 1 : 0)};
    add_bytes(name, "|b1", {1}, std::span(&byte, 1));
  }

  /// Crash-safe. Throws FileError, also if the file would pass the 4 GiB of a plain zip file.
  void write(const std::string& path) const {
    std::string directory;
    std::size_t offset = 0;
    AtomicFile file(path);
    for (const Array& array : arrays_) {
      if (offset + array.bytes.size() > 0xFFFF0000U) throw FileError(path, "expected arrays of less than 4 GiB");
      const std::string fields = common_fields(array);
      file.write(std::string(detail::zip_local_signature) + fields + array.name);
      file.write(array.bytes);
      directory += std::string(detail::zip_central_signature) + number(20, 2) + fields + number(0, 2) + number(0, 2) +
                   number(0, 2) + number(0, 4) + number(offset, 4) + array.name;
      offset += static_cast<std::size_t>(detail::zip_local_size) + array.name.size() + array.bytes.size();
    }
    file.write(directory);
    file.write(std::string(detail::zip_end_signature) + number(0, 2) + number(0, 2) + number(arrays_.size(), 2) +
               number(arrays_.size(), 2) + number(directory.size(), 4) + number(offset, 4) + number(0, 2));
    file.commit();
  }

 private:
  struct Array {
    std::string name;  ///< of the entry
    std::string bytes;
  };

  static std::string number(std::size_t value, std::size_t bytes) {
    std::string result;
    for (std::size_t i = 0; i < bytes; ++i) result += static_cast<char>((value >> (8 * i)) & 255U);
    return result;
  }

  // What the local header and the directory share: version 2.0, no flags, stored, 1 January 1980, checksum and sizes.
  static std::string common_fields(const Array& array) {
    const std::size_t size = array.bytes.size();
    return number(20, 2) + number(0, 2) + number(0, 2) + number(0, 2) + number(0x21, 2) +
           number(crc32_of(array.bytes), 4) + number(size, 4) + number(size, 4) + number(array.name.size(), 2) +
           number(0, 2);
  }

  void add_bytes(const std::string& name, std::string_view type, const std::vector<Index>& shape,
                 std::span<const std::byte> values) {
    Array array{name + ".npy", detail::npy_preamble(type, shape)};
    array.bytes.append(reinterpret_cast<const char*>(values.data()), values.size());
    arrays_.push_back(std::move(array));
  }

  std::vector<Array> arrays_;
};

}  // namespace fusiform
