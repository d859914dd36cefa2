#pragma once
/// PGM and PPM pictures, binary and ASCII, 8 and 16 bits (netpbm: pgm(5), ppm(5)).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <fusiform/core/error.hpp>
#include <fusiform/data/image.hpp>

namespace fusiform {

/// Pictures of more pixels are taken for damage (the same limit as Pillow's).
inline constexpr Index most_image_pixels = 178'956'970;

namespace detail {

inline void require_image_size(const std::string& name, Index height, Index width) {
  if (height < 1 || width < 1 || height > most_image_pixels / width)
    throw FileError(name, text("expected a picture of 1 to ", most_image_pixels, " pixels, found a size of ", height,
                               " x ", width));
}

class PnmReader {
 public:
  PnmReader(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  [[nodiscard]] Image read() {
    const int kind = std::to_integer<char>(bytes_[1]) - '0';  // 2 PGM, 3 PPM in ASCII; 5, 6 in binary
    position_ = 2;
    const Index width = number("width");
    const Index height = number("height");
    maximum_ = number("maximum");
    if (maximum_ < 1 || maximum_ > 65535)
      throw FileError(name_, text("expected a maximum value of 1..65535, found ", maximum_));
    require_image_size(name_, height, width);
    const Index channels = kind == 3 || kind == 6 ? 3 : 1;
    const Index values = height * width * channels;
    const bool binary = kind >= 5;
    // Before memory is taken: at least one byte for each value, in ASCII with a separator before each.
    const Index least = binary ? 1 + values * (maximum_ > 255 ? 2 : 1) : 2 * values;
    if (static_cast<Index>(bytes_.size() - position_) < least)
      throw FileError(name_, text("damaged image: expected at least ", least, " bytes of pixels, found ",
                                  bytes_.size() - position_));
    Image image = blank_image(height, width, channels);
    if (binary) ++position_;  // exactly one white space ends the header
    for (std::uint8_t& pixel : image.pixels) pixel = scaled(binary ? binary_value() : number("pixel"));
    return image;
  }

 private:
  [[nodiscard]] static bool is_space(int character) noexcept {
    return character == ' ' || (character >= '\t' && character <= '\r');
  }
  [[nodiscard]] int peek() const noexcept {
    return position_ < bytes_.size() ? std::to_integer<int>(bytes_[position_]) : -1;
  }

  [[nodiscard]] Index number(const char* what) {
    while (is_space(peek()) || peek() == '#') {
      if (peek() == '#')
        while (peek() != '\n' && peek() != -1) ++position_;
      else
        ++position_;
    }
    if (peek() < '0' || peek() > '9')
      throw FileError(name_, text("damaged image: expected a number for the ", what, " at byte ", position_));
    Index value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++position_) value = std::min<Index>(value * 10 + (peek() - '0'), 1U << 30U);
    return value;
  }

  [[nodiscard]] Index binary_value() noexcept {
    Index value = std::to_integer<Index>(bytes_[position_++]);
    if (maximum_ > 255) value = value * 256 + std::to_integer<Index>(bytes_[position_++]);
    return value;
  }

  [[nodiscard]] std::uint8_t scaled(Index value) const {
    if (value > maximum_)
      throw FileError(name_, text("damaged image: expected values of at most ", maximum_, ", found ", value));
    const Index rounded = (2 * 255 * value + maximum_) / (2 * maximum_);
    const bool is_half = (2 * 255 * value + maximum_) % (2 * maximum_) == 0;
    return static_cast<std::uint8_t>(is_half ? rounded / 2 * 2 : rounded);  // halves to the even number, as Pillow
  }

  std::span<const std::byte> bytes_;
  std::string name_;
  std::size_t position_ = 0;
  Index maximum_ = 255;
};

}  // namespace detail

[[nodiscard]] inline bool is_pnm(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < 3 || bytes[0] != std::byte{'P'}) return false;
  const char kind = std::to_integer<char>(bytes[1]);
  const char after = std::to_integer<char>(bytes[2]);
  return (kind == '2' || kind == '3' || kind == '5' || kind == '6') &&
         (after == '#' || (after >= '\t' && after <= ' '));
}

/// Decodes bytes for which `is_pnm` holds, to one or three channels. `name` is for errors. Throws FileError.
[[nodiscard]] inline Image decode_pnm(std::span<const std::byte> bytes, const std::string& name) {
  return detail::PnmReader(bytes, name).read();
}

}  // namespace fusiform
