#pragma once
/// Reads pictures: JPEG (libjpeg), PNG and BMP (stb_image, zlib for checksums), PGM and PPM. Needs fusiform::study.
/// Pixels equal Pillow's `Image.open(path).convert("RGB")`; orientation tags are not applied, transparency is dropped,
/// 16 bits are cut to 8. Damage that decoders paper over (a cut file, a wrong checksum) is an error here.

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs it
#include <cstring>
#include <jerror.h>
#include <jpeglib.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <zlib.h>

// NOLINTBEGIN(readability-identifier-naming): names of stb_image
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
// NOLINTEND(readability-identifier-naming)
#include <stb/stb_image.h>
#undef STB_IMAGE_IMPLEMENTATION

#include <fusiform/core/error.hpp>
#include <fusiform/data/image.hpp>
#include <fusiform/data/pnm.hpp>
#include <fusiform/data/resize.hpp>
#include <fusiform/io/file.hpp>

namespace fusiform {

namespace detail {

/// One JPEG decompression. libjpeg reports errors by a jump, which must not cross C++ objects: only the small member
/// functions that return whether they succeeded set its target, and they hold none.
class JpegDecoder {
 public:
  JpegDecoder() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = fail;
    errors_.base.emit_message = note;
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  JpegDecoder(JpegDecoder&&) = delete;
  JpegDecoder& operator=(JpegDecoder&&) = delete;
  ~JpegDecoder() { jpeg_destroy_decompress(&info_); }

  [[nodiscard]] bool read_header(const unsigned char* bytes, unsigned long size) noexcept {
    if (setjmp(errors_.target) != 0) return false;  // NOLINT(cert-err52-cpp)
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, bytes, size);
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = is_cmyk() ? JCS_CMYK : JCS_RGB;
    return true;
  }
  [[nodiscard]] bool read_pixels(unsigned char* pixels) noexcept {
    if (setjmp(errors_.target) != 0) return false;  // NOLINT(cert-err52-cpp)
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      unsigned char* row =
          pixels + std::size_t{info_.output_scanline} * info_.output_width * static_cast<std::size_t>(components());
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  [[nodiscard]] Index height() const noexcept { return info_.image_height; }
  [[nodiscard]] Index width() const noexcept { return info_.image_width; }
  [[nodiscard]] bool is_cmyk() const noexcept {
    return info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
  }
  [[nodiscard]] int components() const noexcept { return is_cmyk() ? 4 : 3; }
  /// What libjpeg said about the damage; empty if there is none.
  [[nodiscard]] std::string problem() const { return errors_.message.data(); }

 private:
  struct Errors {
    jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
    std::jmp_buf target;
    std::array<char, JMSG_LENGTH_MAX> message;
  };

  [[noreturn]] static void fail(j_common_ptr info) {
    auto* errors = reinterpret_cast<Errors*>(info->err);
    info->err->format_message(info, errors->message.data());
    std::longjmp(errors->target, 1);  // NOLINT(cert-err52-cpp)
  }
  /// Warnings that mean lost pixels. Others (stray bytes, odd version numbers) are common and harmless.
  static void note(j_common_ptr info, int level) {
    if (level >= 0) return;
    auto* errors = reinterpret_cast<Errors*>(info->err);
    for (const int code : {JWRN_JPEG_EOF, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_MUST_RESYNC})
      if (info->err->msg_code == code && errors->message[0] == '\0')
        info->err->format_message(info, errors->message.data());
  }

  jpeg_decompress_struct info_{};
  Errors errors_{};
};

/// Inverted CMYK, as all programs write it, to RGB in Pillow's arithmetic.
[[nodiscard]] inline Image cmyk_to_rgb(const Image& cmyk) {
  Image image = blank_image(cmyk.height, cmyk.width);
  for (std::size_t pixel = 0; 4 * pixel < cmyk.pixels.size(); ++pixel) {
    const int white = cmyk.pixels[4 * pixel + 3];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int product = (255 - cmyk.pixels[4 * pixel + channel]) * white + 128;
      image.pixels[3 * pixel + channel] = static_cast<std::uint8_t>(white - (((product >> 8) + product) >> 8));
    }
  }
  return image;
}

[[nodiscard]] inline Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
  const auto decoder = std::make_unique<JpegDecoder>();
  if (!decoder->read_header(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()))
    throw FileError(name, "damaged JPEG: " + decoder->problem());
  require_image_size(name, decoder->height(), decoder->width());
  Image image = blank_image(decoder->height(), decoder->width(), decoder->components());
  if (!decoder->read_pixels(image.pixels.data()) || !decoder->problem().empty())
    throw FileError(name, "damaged JPEG: " + decoder->problem());
  return decoder->is_cmyk() ? cmyk_to_rgb(image) : image;
}

[[nodiscard]] inline std::uint32_t big_endian(const std::byte* bytes) noexcept {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8U) | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

[[nodiscard]] inline std::uint32_t little_endian(const std::byte* bytes, int count) noexcept {
  std::uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = (value << 8U) | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

/// stb_image ignores the checksums of PNG.
inline void require_whole_png(std::span<const std::byte> bytes, const std::string& name) {
  for (std::size_t position = 8;;) {
    if (bytes.size() - position < 12)
      throw FileError(name, text("damaged PNG: expected another chunk at byte ", position, ", found the end"));
    const std::uint32_t size = big_endian(bytes.data() + position);
    if (size > bytes.size() - position - 12)
      throw FileError(name, text("damaged PNG: expected ", size, " bytes in the chunk at byte ", position, ", found ",
                                 bytes.size() - position - 12));
    const auto chunk = bytes.subspan(position + 4, std::size_t{4} + size);
    if (crc32(0, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<uInt>(chunk.size())) !=
        big_endian(chunk.data() + chunk.size()))
      throw FileError(name, text("damaged PNG: wrong checksum of the chunk at byte ", position));
    if (std::memcmp(chunk.data(), "IEND", 4) == 0) return;
    position += std::size_t{12} + size;
  }
}

/// stb_image reads zeros behind the end of a BMP.
inline void require_whole_bmp(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < 30) throw FileError(name, text("damaged BMP: expected a header, found ", bytes.size(), " bytes"));
  const std::byte* start = bytes.data();
  const bool old = little_endian(start + 14, 4) == 12;
  const Index width = little_endian(start + 18, old ? 2 : 4);
  const auto signed_height = static_cast<std::int32_t>(little_endian(start + (old ? 20 : 22), old ? 2 : 4));
  const Index height = signed_height < 0 ? -Index{signed_height} : signed_height;
  require_image_size(name, height, width);
  const Index bits = width * little_endian(start + (old ? 24 : 28), 2);
  const Index expected = little_endian(start + 10, 4) + (height - 1) * ((bits + 31) / 32 * 4) + (bits + 7) / 8;
  if (static_cast<Index>(bytes.size()) < expected)
    throw FileError(name, text("damaged BMP: expected ", expected, " bytes, found ", bytes.size()));
}

[[nodiscard]] inline Image decode_with_stb(std::span<const std::byte> bytes, const std::string& name) {
  const auto* start = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int channels = 0;
  if (bytes.size() > std::size_t{1} << 30U) throw FileError(name, "expected a picture, found a file of over 1 GiB");
  const int size = static_cast<int>(bytes.size());
  if (stbi_info_from_memory(start, size, &width, &height, &channels) == 0)
    throw FileError(name, text("damaged image: ", stbi_failure_reason()));
  require_image_size(name, height, width);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(start, size, &width, &height, &channels, 3), stbi_image_free);
  if (!pixels) throw FileError(name, text("damaged image: ", stbi_failure_reason()));
  return copy_of({height, width, 3, pixels.get()});
}

/// What a file that is no known picture looks like, for the error message.
[[nodiscard]] inline std::string describe_bytes(std::string_view contents) {
  if (contents.empty()) return "an empty file";
  std::string head(contents.substr(0, 16));
  head.resize(16);
  if (head.substr(0, 4) == "GIF8") return "a GIF";
  if (head.substr(0, 4) == "RIFF" && head.substr(8, 4) == "WEBP") return "a WebP";
  if (head.substr(0, 3) == "II*" || head.substr(0, 4) == std::string_view("MM\0*", 4)) return "a TIFF";
  if (head.substr(4, 4) == "ftyp") return "a HEIF, AVIF or video file";
  std::string start;
  for (const char character : head) {
    if (character < ' ' || character > '~') break;
    start += character;
  }
  if (start.size() >= 4) return "text that starts with '" + start + "'";
  return text("unknown contents of ", contents.size(), " bytes");
}

}  // namespace detail

/// Decodes to three channels, by content. `name` is for errors. Throws FileError if it is no picture or damaged.
[[nodiscard]] inline Image decode_image(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view contents(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (contents.substr(0, 3) == "\xFF\xD8\xFF") return detail::decode_jpeg(bytes, name);
  if (contents.substr(0, 8) == "\x89PNG\r\n\x1A\n") {
    detail::require_whole_png(bytes, name);
    return detail::decode_with_stb(bytes, name);
  }
  if (is_pnm(bytes)) return to_rgb(decode_pnm(bytes, name));
  if (contents.substr(0, 2) == "BM") {
    detail::require_whole_bmp(bytes, name);
    return detail::decode_with_stb(bytes, name);
  }
  throw FileError(name, "expected a JPEG, PNG, BMP, PGM or PPM picture, found " + detail::describe_bytes(contents));
}

/// Reads a picture from a file, see decode_image.
[[nodiscard]] inline Image read_image(const std::string& path) {
  const std::string contents = read_file(path);
  return decode_image(std::as_bytes(std::span(contents)), path);
}

}  // namespace fusiform
