#pragma once
/// Pictures in memory: eight bits per channel, rows from the top, channels interleaved (HWC).

#include <cstdint>
#include <utility>
#include <vector>

#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// A picture of somebody else's pixels. Dense: row y, column x, channel c lies at (y * width + x) * channels + c.
struct ImageView {
  Index height = 0;
  Index width = 0;
  Index channels = 3;
  const std::uint8_t* pixels = nullptr;
};

/// A picture that owns its pixels, in the order of ImageView.
struct Image {
  Index height = 0;
  Index width = 0;
  Index channels = 3;
  std::vector<std::uint8_t> pixels;

  [[nodiscard]] ImageView view() const noexcept { return {height, width, channels, pixels.data()}; }
};

/// A black picture of the given size, to be painted on.
[[nodiscard]] inline Image blank_image(Index height, Index width, Index channels = 3) {
  return {height, width, channels, std::vector<std::uint8_t>(static_cast<std::size_t>(height * width * channels))};
}

}  // namespace fusiform
