#pragma once
/// The directory of a zip file: which entries there are and where their bytes lie.
/// Format: PKWARE APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// One file within a zip file.
struct ZipEntry {
  std::string name;
  bool deflated = false;    ///< compressed; otherwise the bytes lie there as they are
  std::uint32_t crc = 0;    ///< of the uncompressed bytes
  Index size = 0;           ///< uncompressed
  std::string_view packed;  ///< as it lies in the file
};

namespace detail {

/// Little-endian numbers at positions of a zip file, with bounds checked.
class ZipBytes {
 public:
  ZipBytes(const std::string& path, std::string_view all) : path_(path), all_(all) {}

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(all_.size()); }
  /// `what` is for the error when the file ends before.
  [[nodiscard]] std::string_view part(Index begin, Index length, std::string_view what) const {
    if (begin < 0 || length < 0 || begin > size() || length > size() - begin)
      throw FileError(path_, text("zip file: expected ", length, " bytes of ", what, " at byte ", begin,
                                  ", found a file of ", size(), " bytes"));
    return all_.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(length));
  }
  [[nodiscard]] std::uint32_t number(Index at, Index bytes, std::string_view what) const {
    std::uint32_t value = 0;
    const std::string_view digits = part(at, bytes, what);
    for (std::size_t i = digits.size(); i-- > 0;) value = (value << 8U) | static_cast<unsigned char>(digits[i]);
    return value;
  }
  void require_signature(Index at, std::string_view signature, std::string_view what) const {
    if (part(at, 4, what) != signature)
      throw FileError(path_, text("zip file: expected ", what, " at byte ", at, ", found something else"));
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  const std::string& path_;
  std::string_view all_;
};

inline constexpr std::string_view zip_local_signature("PK\x03\x04", 4);
inline constexpr std::string_view zip_central_signature("PK\x01\x02", 4);
inline constexpr std::string_view zip_end_signature("PK\x05\x06", 4);
inline constexpr Index zip_local_size = 30;
inline constexpr Index zip_central_size = 46;
inline constexpr Index zip_end_size = 22;

/// The end record is the last thing in the file but for a comment of at most 65,535 bytes.
[[nodiscard]] inline Index zip_end_record(const ZipBytes& bytes) {
  for (Index at = bytes.size() - zip_end_size; at >= 0 && at >= bytes.size() - zip_end_size - 65535; --at)
    if (bytes.part(at, 4, "end record") == zip_end_signature) return at;
  throw FileError(bytes.path(), text("expected a zip file, found no directory at its end (", bytes.size(),
                                     " bytes; the file may be cut off)"));
}

/// The entry that the central directory lists at `at`.
[[nodiscard]] inline ZipEntry zip_entry(const ZipBytes& bytes, Index at) {
  bytes.require_signature(at, zip_central_signature, "a directory entry");
  const auto field = [&](Index offset, Index length) { return bytes.number(at + offset, length, "a directory entry"); };
  ZipEntry entry;
  entry.name = bytes.part(at + zip_central_size, field(28, 2), "an entry's name");
  const std::string where = "entry '" + entry.name + "'";
  const auto refuse = [&](const std::string& problem) { throw FileError(bytes.path(), where + ": " + problem); };
  if ((field(8, 2) & 1U) != 0) refuse("expected no encryption, found some");
  const std::uint32_t method = field(10, 2);
  if (method != 0 && method != 8) refuse(text("expected a stored or deflated entry, found method ", method));
  entry.deflated = method == 8;
  entry.crc = field(16, 4);
  const std::uint32_t packed = field(20, 4);
  const std::uint32_t size = field(24, 4);
  const std::uint32_t local = field(42, 4);
  for (const std::uint32_t value : {packed, size, local})
    if (value == 0xFFFFFFFFU) refuse("expected an entry below 4 GiB, found a larger one");
  bytes.require_signature(local, zip_local_signature, where);
  const Index begin = Index{local} + zip_local_size + bytes.number(Index{local} + 26, 2, where) +
                      bytes.number(Index{local} + 28, 2, where);  // behind the name and the extra field
  entry.packed = bytes.part(begin, packed, where);
  entry.size = size;
  if (!entry.deflated && packed != size)
    refuse(text("expected ", size, " stored bytes, as many as the entry has, found ", packed));
  return entry;
}

}  // namespace detail

/// The entries in the order of the directory; they point into `contents`, the whole file. `path` is for errors. Throws
/// FileError if the file is cut off or damaged; the entries' own bytes are not checked.
[[nodiscard]] inline std::vector<ZipEntry> read_zip_directory(const std::string& path, std::string_view contents) {
  const detail::ZipBytes bytes(path, contents);
  const Index end = detail::zip_end_record(bytes);
  const Index count = bytes.number(end + 10, 2, "the end record");
  Index at = bytes.number(end + 16, 4, "the end record");
  if (count == 0xFFFF || at == 0xFFFFFFFF)
    throw FileError(path, "expected a zip file below 4 GiB, found the directory of a larger one");
  std::vector<ZipEntry> entries;
  for (Index i = 0; i < count; ++i) {
    entries.push_back(detail::zip_entry(bytes, at));
    const Index extra = bytes.number(at + 30, 2, "a directory entry");
    const Index comment = bytes.number(at + 32, 2, "a directory entry");
    at += detail::zip_central_size + static_cast<Index>(entries.back().name.size()) + extra + comment;
  }
  return entries;
}

}  // namespace fusiform
