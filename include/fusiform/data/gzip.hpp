#pragma once
/// Decompresses gzip files (zlib), so that data sets can be read as they are distributed. Needs fusiform::study.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>
#include <zlib.h>

#include <fusiform/core/error.hpp>

namespace fusiform {

[[nodiscard]] inline bool is_gzip(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

/// The contents of a gzip file of one or more members, their checksums verified. `name` is for errors. Throws
/// FileError.
[[nodiscard]] inline std::vector<std::byte> gunzip(std::span<const std::byte> bytes, const std::string& name) {
  if (!is_gzip(bytes)) throw FileError(name, "expected a gzip file");
  z_stream stream{};
  constexpr int gzip_of_largest_window = 16 + MAX_WBITS;
  if (inflateInit2(&stream, gzip_of_largest_window) != Z_OK) throw FileError(name, "zlib cannot start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &inflateEnd);

  // zlib counts in 32 bits: input and output pass in pieces.
  constexpr std::size_t piece = std::size_t{1} << 20U;
  std::vector<std::byte> contents;
  std::vector<std::byte> output(piece);
  std::size_t position = 0;
  while (position < bytes.size()) {
    const auto input = bytes.subspan(position, std::min(piece, bytes.size() - position));
    stream.next_in = const_cast<Bytef*>(  // NOLINT(cppcoreguidelines-pro-type-const-cast): zlib only reads
        reinterpret_cast<const Bytef*>(input.data()));
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(output.data());
    stream.avail_out = static_cast<uInt>(output.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    position += input.size() - stream.avail_in;
    contents.insert(contents.end(), output.begin(), output.end() - static_cast<std::ptrdiff_t>(stream.avail_out));
    if (status == Z_STREAM_END) {
      if (position == bytes.size()) return contents;
      inflateReset(&stream);
    } else if (status != Z_OK) {
      throw FileError(name, text("damaged gzip data at byte ", position, " of ", bytes.size(), ": ",
                                 stream.msg != nullptr ? stream.msg : zError(status)));
    }
  }
  throw FileError(name, text("damaged gzip data: expected more behind its ", bytes.size(), " bytes"));
}

}  // namespace fusiform
