#pragma once
/// Inverted images: the classical test of whether faces are recognised as faces are (Yin 1969).

#include <algorithm>
#include <utility>

#include <fusiform/data/dataset.hpp>

namespace fusiform {

/// The image with its rows in reverse order. Mirrored top to bottom, not turned by 180 degrees: as in the published
/// training on inverted faces.
[[nodiscard]] inline Image upside_down(Image image) {
  const std::size_t row = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  for (Index top = 0, bottom = image.height - 1; top < bottom; ++top, --bottom) {
    std::uint8_t* const upper = image.pixels.data() + static_cast<std::size_t>(top) * row;
    std::uint8_t* const lower = image.pixels.data() + static_cast<std::size_t>(bottom) * row;
    std::swap_ranges(upper, upper + row, lower);
  }
  return image;
}

/// All images of the set upside-down, under other paths: the pixels are other ones.
[[nodiscard]] inline ImageSet upside_down(ImageSet set) {
  for (ManifestEntry& image : set.manifest.images) image.path += " (upside-down)";
  set.load = [load = std::move(set.load)](Index item) { return upside_down(load(item)); };
  return set;
}

}  // namespace fusiform
