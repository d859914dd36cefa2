#pragma once
/// Resizing, cropping and greying of pictures, to the bit as Pillow and torchvision do them.
/// Source: Pillow, `Image.resize(size, BILINEAR)` and `convert("L")`; torchvision `Resize` and `CenterCrop`.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>
#include <fusiform/data/image.hpp>

namespace fusiform {

struct ImageSize {
  Index height = 0;
  Index width = 0;
  friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

namespace detail {

/// For every output pixel along one axis: the input pixels it averages and their weights as 22-bit fixed point.
struct ResizeWeights {
  static constexpr int precision_bits = 22;  // 32 - 8 bits of the pixel - 2 of headroom, as in Pillow
  Index taps = 0;
  std::vector<Index> first;
  std::vector<Index> count;
  std::vector<std::int32_t> weights;  // (outputs, taps)
};

/// A triangle filter, widened by the scale when shrinking ("antialiased"); its support is clipped to the picture.
[[nodiscard]] inline ResizeWeights resize_weights(Index inputs, Index outputs) {
  const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter_scale;
  ResizeWeights result;
  result.taps = static_cast<Index>(std::ceil(support)) * 2 + 1;
  result.weights.resize(static_cast<std::size_t>(outputs * result.taps));
  std::vector<double> row(static_cast<std::size_t>(result.taps));
  for (Index output = 0; output < outputs; ++output) {
    const double center = (static_cast<double>(output) + 0.5) * scale;
    const Index first = std::max<Index>(0, static_cast<Index>(center - support + 0.5));
    const Index count = std::min(inputs, static_cast<Index>(center + support + 0.5)) - first;
    double sum = 0;
    for (Index tap = 0; tap < count; ++tap) {
      const double distance = std::abs((static_cast<double>(tap + first) - center + 0.5) * (1.0 / filter_scale));
      const double weight = distance < 1.0 ? 1.0 - distance : 0.0;
      row[static_cast<std::size_t>(tap)] = weight;
      sum += weight;
    }
    for (Index tap = 0; tap < count; ++tap) {
      const double weight = row[static_cast<std::size_t>(tap)] / sum;
      result.weights[static_cast<std::size_t>(output * result.taps + tap)] =
          static_cast<std::int32_t>(0.5 + weight * (1 << ResizeWeights::precision_bits));
    }
    result.first.push_back(first);
    result.count.push_back(count);
  }
  return result;
}

[[nodiscard]] inline std::uint8_t rounded_pixel(std::int32_t sum) noexcept {
  return static_cast<std::uint8_t>(std::clamp(sum >> ResizeWeights::precision_bits, 0, 255));
}

template <int channel_count>
void resize_rows(const ImageView& source, const ResizeWeights& weights, Image& target) {
  for (Index y = 0; y < source.height; ++y) {
    const std::uint8_t* row = source.pixels + y * source.width * channel_count;
    std::uint8_t* out = target.pixels.data() + y * target.width * channel_count;
    for (Index x = 0; x < target.width; ++x) {
      const std::int32_t* weight = weights.weights.data() + x * weights.taps;
      const std::uint8_t* in = row + weights.first[static_cast<std::size_t>(x)] * channel_count;
      std::int32_t sums[channel_count];
      std::fill_n(sums, channel_count, 1 << (ResizeWeights::precision_bits - 1));
      const Index count = weights.count[static_cast<std::size_t>(x)];
      for (Index tap = 0; tap < count; ++tap)
        for (int channel = 0; channel < channel_count; ++channel)
          sums[channel] += in[tap * channel_count + channel] * weight[tap];
      for (int channel = 0; channel < channel_count; ++channel)
        out[x * channel_count + channel] = rounded_pixel(sums[channel]);
    }
  }
}

inline void resize_columns(const ImageView& source, const ResizeWeights& weights, Image& target) {
  const Index row_size = source.width * source.channels;
  std::vector<std::int32_t> sums(static_cast<std::size_t>(row_size));
  for (Index y = 0; y < target.height; ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (ResizeWeights::precision_bits - 1));
    for (Index tap = 0; tap < weights.count[static_cast<std::size_t>(y)]; ++tap) {
      const std::int32_t weight = weights.weights[static_cast<std::size_t>(y * weights.taps + tap)];
      const std::uint8_t* row = source.pixels + (weights.first[static_cast<std::size_t>(y)] + tap) * row_size;
      for (Index x = 0; x < row_size; ++x) sums[static_cast<std::size_t>(x)] += row[x] * weight;
    }
    std::uint8_t* out = target.pixels.data() + y * row_size;
    for (Index x = 0; x < row_size; ++x) out[x] = rounded_pixel(sums[static_cast<std::size_t>(x)]);
  }
}

inline void require_picture(const char* where, const ImageView& image) {
  if (image.height < 1 || image.width < 1 || (image.channels != 1 && image.channels != 3))
    throw ShapeError(text(where, ": expected a picture of at least 1 x 1 pixels with 1 or 3 channels, got ",
                          image.height, " x ", image.width, " with ", image.channels));
}

}  // namespace detail

[[nodiscard]] inline Image copy_of(const ImageView& image) {
  const Index size = image.height * image.width * image.channels;
  return {image.height, image.width, image.channels, std::vector<std::uint8_t>(image.pixels, image.pixels + size)};
}

/// Antialiased bilinear resize in two passes, rows first, with 8-bit rounding between them.
/// Throws ShapeError for an empty picture or size, or for other than 1 or 3 channels.
[[nodiscard]] inline Image resize_bilinear(const ImageView& image, ImageSize size) {
  detail::require_picture("resize", image);
  if (size.height < 1 || size.width < 1)
    throw ShapeError(text("resize: expected a size of at least 1 x 1, got ", size.height, " x ", size.width));
  Image rows;
  if (size.width == image.width) {
    rows = copy_of(image);
  } else {
    rows = blank_image(image.height, size.width, image.channels);
    const detail::ResizeWeights weights = detail::resize_weights(image.width, size.width);
    if (image.channels == 3)
      detail::resize_rows<3>(image, weights, rows);
    else
      detail::resize_rows<1>(image, weights, rows);
  }
  if (size.height == image.height) return rows;
  Image result = blank_image(size.height, size.width, image.channels);
  detail::resize_columns(rows.view(), detail::resize_weights(image.height, size.height), result);
  return result;
}

/// The size with `shorter` pixels on the shorter side; the longer one is rounded down, as torchvision does.
[[nodiscard]] inline ImageSize size_with_shorter_side(ImageSize size, Index shorter) {
  if (size.height <= size.width) return {shorter, shorter * size.width / std::max<Index>(1, size.height)};
  return {shorter * size.height / std::max<Index>(1, size.width), shorter};
}

[[nodiscard]] inline Image resize_shorter_side(const ImageView& image, Index shorter) {
  return resize_bilinear(image, size_with_shorter_side({image.height, image.width}, shorter));
}

/// Where a window of `inside` pixels starts that is centred in `outside`: halves go to the even number (torchvision).
[[nodiscard]] constexpr Index centered_start(Index outside, Index inside) noexcept {
  const Index room = outside - inside;
  const Index half = room / 2;
  return room % 2 == 0 ? half : half + half % 2;
}

/// The middle of the picture. Throws ShapeError if the picture is smaller than the crop.
[[nodiscard]] inline Image center_crop(const ImageView& image, ImageSize size) {
  if (size.height > image.height || size.width > image.width || size.height < 0 || size.width < 0)
    throw ShapeError(text("centre crop: expected a picture of at least ", size.height, " x ", size.width, ", got ",
                          image.height, " x ", image.width));
  const Index top = centered_start(image.height, size.height);
  const Index left = centered_start(image.width, size.width);
  Image result = blank_image(size.height, size.width, image.channels);
  for (Index y = 0; y < size.height; ++y)
    std::copy_n(image.pixels + ((top + y) * image.width + left) * image.channels, size.width * image.channels,
                result.pixels.data() + y * size.width * image.channels);
  return result;
}

/// Brightness of a colour: ITU-R 601 luma in 16-bit fixed point.
[[nodiscard]] constexpr std::uint8_t luma(int red, int green, int blue) noexcept {
  return static_cast<std::uint8_t>((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
}

/// One channel of luma. A picture of one channel is copied.
[[nodiscard]] inline Image to_gray(const ImageView& image) {
  if (image.channels == 1) return copy_of(image);
  require_equal("to_gray", "channels", 3, image.channels);
  Image result = blank_image(image.height, image.width, 1);
  for (std::size_t i = 0; i < result.pixels.size(); ++i)
    result.pixels[i] = luma(image.pixels[3 * i], image.pixels[3 * i + 1], image.pixels[3 * i + 2]);
  return result;
}

/// Three channels; grey is repeated.
[[nodiscard]] inline Image to_rgb(Image image) {
  if (image.channels == 3) return image;
  require_equal("to_rgb", "channels", 1, image.channels);
  Image result = blank_image(image.height, image.width, 3);
  for (std::size_t i = 0; i < result.pixels.size(); ++i) result.pixels[i] = image.pixels[i / 3];
  return result;
}

}  // namespace fusiform
