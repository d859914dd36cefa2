#pragma once
/// From eight-bit picture to network input: crop, flip, grey, normalise.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <fusiform/core/random.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/data/image.hpp>
#include <fusiform/data/resize.hpp>

namespace fusiform {

struct TransformOptions {
  Index crop = 64;           ///< height and width of the network's input
  bool random_crop = false;  ///< every position equally likely; otherwise the centre
  double flip = 0;           ///< probability of a mirror image, left for right
  double grayscale = 0;      ///< probability of three equal channels of luma
  std::array<float, 3> mean{.5F, .5F, .5F};
  std::array<float, 3> deviation{.5F, .5F, .5F};
};

/// Throws ConfigError that names the option out of range.
inline void validate(const TransformOptions& options) {
  require_setting(options.crop >= 1, "transform: crop", "at least 1", options.crop);
  require_setting(options.flip >= 0 && options.flip <= 1, "transform: flip", "a probability", options.flip);
  require_setting(options.grayscale >= 0 && options.grayscale <= 1, "transform: grayscale", "a probability",
                  options.grayscale);
  for (const float deviation : options.deviation)
    require_setting(deviation > 0, "transform: deviation", "more than 0", deviation);
}

/// What is drawn for one picture.
struct TransformChoices {
  Index top, left;  ///< where the crop begins
  bool flipped, gray;
};

/// Draws from `rng`, in this order: top and left (if random_crop), flip (if > 0), grayscale (if > 0).
/// Throws ShapeError if the picture is smaller than the crop.
[[nodiscard]] inline TransformChoices draw_choices(const TransformOptions& options, Index height, Index width,
                                                   Rng& rng) {
  const Index crop = options.crop;
  if (height < crop || width < crop)
    throw ShapeError(text("transform: expected a picture of at least ", crop, " x ", crop, " for the crop, got ",
                          height, " x ", width));
  TransformChoices choices{centered_start(height, crop), centered_start(width, crop), false, false};
  if (options.random_crop) {
    choices.top = rng.below(height - crop + 1);
    choices.left = rng.below(width - crop + 1);
  }
  choices.flipped = options.flip > 0 && rng.uniform() < options.flip;
  choices.gray = options.grayscale > 0 && rng.uniform() < options.grayscale;
  return choices;
}

/// `validate`d options with (x / 255 - mean) / deviation tabulated, for many pictures. Safe to share between threads.
template <Scalar T>
class Transform {
 public:
  explicit Transform(const TransformOptions& options) : options_(options) {
    validate(options);
    for (std::size_t channel = 0; channel < 3; ++channel)
      for (std::size_t level = 0; level < 256; ++level)
        table_[channel * 256 + level] = (static_cast<T>(level) / T{255} - static_cast<T>(options.mean[channel])) /
                                        static_cast<T>(options.deviation[channel]);
  }

  [[nodiscard]] const TransformOptions& options() const noexcept { return options_; }

  /// What each of 256 levels of a channel becomes: (3, 256).
  [[nodiscard]] std::span<const T> table() const noexcept { return table_; }

  /// Draws as draw_choices. `output` is (crop, crop, 3) or (1, crop, crop, 3).
  /// Throws ShapeError if the picture is smaller than the crop or has other than 3 channels, or if output does not fit.
  void operator()(const ImageView& image, Rng& rng, View<T, Cpu> output) const {
    const Index crop = options_.crop;
    require_equal("transform", "channels", Index{3}, image.channels);
    const auto [top, left, flipped, gray] = draw_choices(options_, image.height, image.width, rng);
    require_equal("transform", "output elements", crop * crop * 3, output.size());
    for (Index y = 0; y < crop; ++y) {
      const std::uint8_t* in = image.pixels + ((top + y) * image.width + left) * 3;
      T* out = output.data() + y * crop * 3;
      if (flipped) in += (crop - 1) * 3;
      const Index step = flipped ? -3 : 3;
      if (gray)
        write_gray(in, step, out);
      else
        write_color(in, step, out);
    }
  }

 private:
  void write_color(const std::uint8_t* in, Index step, T* out) const noexcept {
    for (Index x = 0; x < options_.crop; ++x, in += step, out += 3) {
      out[0] = table_[in[0]];
      out[1] = table_[256 + std::size_t{in[1]}];
      out[2] = table_[512 + std::size_t{in[2]}];
    }
  }

  void write_gray(const std::uint8_t* in, Index step, T* out) const noexcept {
    for (Index x = 0; x < options_.crop; ++x, in += step, out += 3) {
      const std::uint8_t level = luma(in[0], in[1], in[2]);
      out[0] = table_[level];
      out[1] = table_[256 + std::size_t{level}];
      out[2] = table_[512 + std::size_t{level}];
    }
  }

  TransformOptions options_;
  std::array<T, std::size_t{3} * 256> table_;
};

/// One picture, see Transform.
template <Scalar T>
void transform(const ImageView& image, const TransformOptions& options, Rng& rng, View<T, Cpu> output) {
  Transform<T>{options}(image, rng, output);
}

}  // namespace fusiform
