#pragma once
/// Named tensors in one file, readable by PyTorch's safetensors and back.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/format.hpp>
#include <fusiform/io/safetensors_header.hpp>

namespace fusiform {

static_assert(std::endian::native == std::endian::little, "safetensors and npy files are read as they lie on the disk");

/// The value of an IEEE half-precision number.
[[nodiscard]] inline float float_from_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 31U;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23U) | (fraction << 13U));
}

/// The value of a bfloat16 number.
[[nodiscard]] inline float float_from_bfloat16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(std::uint32_t{bits} << 16U);
}

/// A file open for reading. The whole structure is checked on opening, the elements are read on demand.
/// Replacing the file on the disk meanwhile does no harm; several threads may read.
class SafetensorsFile {
 public:
  /// Throws FileError naming the place, what was expected and what was found.
  explicit SafetensorsFile(const std::string& path) : path_(path), file_(path, O_RDONLY) {
    const Index size = file_size(file_, path_);
    std::uint64_t length = 0;
    if (size < 8) throw FileError(path_, text("expected a safetensors file, found only ", size, " bytes"));
    read_exactly(file_, path_, 0, std::as_writable_bytes(std::span(&length, 1)));
    if (length < 2 || length > static_cast<std::uint64_t>(size - 8))
      throw FileError(path_, text("expected a header of 2 to ", size - 8, " bytes, found a length of ", length,
                                  " (not a safetensors file, or cut off)"));
    std::string json(static_cast<std::size_t>(length), '\0');
    read_exactly(file_, path_, 8, std::as_writable_bytes(std::span(json)));
    header_ = SafetensorsHeaderScanner(path_, json).scan();
    data_begin_ = 8 + static_cast<Index>(length);
    check_layout(size - data_begin_);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return header_.metadata; }

  /// In the order of the data in the file.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const SafetensorsEntry& entry : header_.entries) result.push_back(entry.name);
    return result;
  }
  [[nodiscard]] bool contains(const std::string& name) const { return position_.contains(name); }
  [[nodiscard]] std::vector<Index> shape(const std::string& name) const { return entry(name).shape; }
  [[nodiscard]] std::string dtype(const std::string& name) const { return entry(name).dtype; }

  /// All elements in row-major order, converted to T: F64, F32, F16, BF16, I64, I32, U8 and BOOL to floating types
  /// (rounded to nearest), the integer ones to integers. Throws FileError naming the tensor if it is missing, of
  /// another type (also floating numbers asked for as integers), or if an integer does not fit in T.
  template <class T>
  [[nodiscard]] std::vector<T> read(const std::string& name) const {
    const SafetensorsEntry& found = entry(name);
    if (found.dtype == "F32") return read_as<float, T>(found);
    if (found.dtype == "F64") return read_as<double, T>(found);
    if (found.dtype == "I64") return read_as<std::int64_t, T>(found);
    if (found.dtype == "I32") return read_as<std::int32_t, T>(found);
    if (found.dtype == "U8" || found.dtype == "BOOL") return read_as<std::uint8_t, T>(found);
    if (found.dtype == "F16") return widen<T>(found, float_from_half);
    if (found.dtype == "BF16") return widen<T>(found, float_from_bfloat16);
    fail(found, text("expected one of F64, F32, F16, BF16, I64, I32, U8, BOOL, found ", found.dtype));
  }

 private:
  [[noreturn]] void fail(const SafetensorsEntry& entry, const std::string& problem) const {
    throw FileError(path_, text("tensor '", entry.name, "': ", problem));
  }

  [[nodiscard]] const SafetensorsEntry& entry(const std::string& name) const {
    const auto found = position_.find(name);
    if (found == position_.end())
      throw FileError(path_,
                      text("tensor '", name, "': expected it in the file, found ", header_.entries.size(), " others"));
    return header_.entries[found->second];
  }

  // The tensors must cover the bytes after the header, each byte once.
  void check_layout(Index data_size) {
    std::vector<SafetensorsEntry>& entries = header_.entries;
    std::stable_sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    Index covered = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const SafetensorsEntry& tensor = entries[i];
      check_size(tensor);
      if (tensor.begin != covered)
        fail(tensor, text("expected data from byte ", covered, ", found data_offsets ", tensor.begin, "..", tensor.end,
                          tensor.begin < covered ? " (overlap)" : " (gap)"));
      if (tensor.end > data_size)
        fail(tensor, text("expected data up to byte ", tensor.end, ", found only ", data_size,
                          " bytes after the header (cut off)"));
      covered = tensor.end;
      position_[tensor.name] = i;
    }
    if (covered != data_size)
      throw FileError(path_, text("expected ", covered, " bytes after the header, found ", data_size));
  }

  void check_size(const SafetensorsEntry& tensor) const {
    const Index element = safetensors_dtype_size(tensor.dtype);
    if (element == 0) fail(tensor, text("expected a dtype such as F32 or I64, found ", tensor.dtype));
    Index bytes = element;
    for (const Index dimension : tensor.shape)
      if (__builtin_mul_overflow(bytes, dimension, &bytes)) fail(tensor, "expected a shape that fits in memory");
    if (tensor.end < tensor.begin || tensor.end - tensor.begin != bytes)
      fail(tensor, text("expected ", bytes, " bytes for shape ", describe(tensor.shape), " of ", tensor.dtype,
                        ", found data_offsets ", tensor.begin, "..", tensor.end));
  }

  static std::string describe(const std::vector<Index>& shape) {
    std::string result = "(";
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      result.append(axis > 0 ? ", " : "").append(format_number(shape[axis]));
    return result + ")";
  }

  template <class Stored>
  [[nodiscard]] std::vector<Stored> read_stored(const SafetensorsEntry& entry) const {
    std::vector<Stored> stored(static_cast<std::size_t>(entry.end - entry.begin) / sizeof(Stored));
    read_exactly(file_, path_, data_begin_ + entry.begin, std::as_writable_bytes(std::span(stored)));
    return stored;
  }

  template <class T, class Widen>
  [[nodiscard]] std::vector<T> widen(const SafetensorsEntry& entry, const Widen& value_of) const {
    if constexpr (std::integral<T>) {
      fail(entry, text("expected integers, found ", entry.dtype));
    } else {
      std::vector<T> values;
      for (const std::uint16_t bits : read_stored<std::uint16_t>(entry)) values.push_back(value_of(bits));
      return values;
    }
  }

  template <class Stored, class T>
  [[nodiscard]] std::vector<T> read_as(const SafetensorsEntry& entry) const {
    if constexpr (std::same_as<Stored, T>) {
      return read_stored<T>(entry);
    } else if constexpr (std::floating_point<Stored> && std::integral<T>) {
      fail(entry, text("expected integers, found ", entry.dtype));
    } else {
      const std::vector<Stored> stored = read_stored<Stored>(entry);
      std::vector<T> values(stored.size());
      for (std::size_t i = 0; i < stored.size(); ++i) {
        if constexpr (std::integral<Stored> && std::integral<T>) {
          if (!std::in_range<T>(stored[i]))
            fail(entry, text("expected integers up to ", format_number(std::numeric_limits<T>::max()), ", found ",
                             format_number(stored[i]), " at element ", i));
        }
        values[i] = static_cast<T>(stored[i]);
      }
      return values;
    }
  }

  std::string path_;
  FileDescriptor file_;
  SafetensorsHeader header_;
  std::map<std::string, std::size_t> position_;
  Index data_begin_ = 0;
};

/// Element types that can be written.
template <class T>
concept SafetensorsElement = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::int32_t> || std::same_as<T, std::uint8_t>;

/// Collects tensors and writes them in one step. The same calls give the same bytes.
class SafetensorsWriter {
 public:
  /// Throws ShapeError if the values do not fill the shape, ConfigError if
  /// the name is taken.
  template <SafetensorsElement T>
  void add(std::string name, std::vector<Index> shape, std::span<const T> values) {
    Index size = 1;
    for (const Index dimension : shape) size *= dimension;
    require_equal(text("safetensors tensor '", name, "'"), "elements", size, static_cast<Index>(values.size()));
    require_setting(name != "__metadata__" && names_.insert(name).second, "safetensors", "a new tensor name",
                    "'" + name + "'");
    const std::span<const std::byte> bytes = std::as_bytes(values);
    tensors_.push_back({.name = std::move(name),
                        .dtype = dtype_name<T>(),
                        .shape = std::move(shape),
                        .element = sizeof(T),
                        .bytes = {bytes.begin(), bytes.end()}});
  }

  void set_metadata(std::string key, std::string value) { metadata_[std::move(key)] = std::move(value); }

  /// Crash-safe: leaves the old file or the new one. Throws FileError.
  void write(const std::string& path) const {
    // Wide elements first (in the order added otherwise), so that every tensor is aligned in a mapped file: PyTorch
    // refuses others.
    std::vector<const Tensor*> order;
    for (const Tensor& tensor : tensors_) order.push_back(&tensor);
    std::stable_sort(order.begin(), order.end(),
                     [](const Tensor* a, const Tensor* b) { return a->element > b->element; });
    const std::string header = header_json(order);
    const std::uint64_t length = header.size();
    AtomicFile file(path);
    file.write(std::as_bytes(std::span(&length, 1)));
    file.write(header);
    for (const Tensor* tensor : order) file.write(tensor->bytes);
    file.commit();
  }

 private:
  struct Tensor {
    std::string name;
    std::string dtype;
    std::vector<Index> shape;
    std::size_t element = 1;
    std::vector<std::byte> bytes;
  };

  template <SafetensorsElement T>
  static std::string dtype_name() {
    if constexpr (std::same_as<T, float>) return "F32";
    if constexpr (std::same_as<T, double>) return "F64";
    if constexpr (std::same_as<T, std::int64_t>) return "I64";
    if constexpr (std::same_as<T, std::int32_t>) return "I32";
    if constexpr (std::same_as<T, std::uint8_t>) return "U8";
  }

  [[nodiscard]] std::string header_json(const std::vector<const Tensor*>& order) const {
    std::string json = "{";
    const auto separate = [&json] { json += json.size() > 1 ? "," : ""; };
    if (!metadata_.empty()) {
      json += "\"__metadata__\":{";
      bool first = true;
      for (const auto& [key, value] : metadata_) {
        json.append(first ? "" : ",").append(json_string(key)).append(":").append(json_string(value));
        first = false;
      }
      json += "}";
    }
    std::size_t offset = 0;
    for (const Tensor* tensor : order) {
      separate();
      json += json_string(tensor->name) + ":{\"dtype\":\"" + tensor->dtype + "\",\"shape\":[";
      for (std::size_t axis = 0; axis < tensor->shape.size(); ++axis)
        json.append(axis > 0 ? "," : "").append(format_number(tensor->shape[axis]));
      json += text("],\"data_offsets\":[", offset, ",", offset + tensor->bytes.size(), "]}");
      offset += tensor->bytes.size();
    }
    json += "}";
    json.resize((json.size() + 7) / 8 * 8, ' ');
    return json;
  }

  std::vector<Tensor> tensors_;
  std::set<std::string> names_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace fusiform
