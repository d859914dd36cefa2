#include <set>

#include <fusiform/core/tensor.hpp>
#include <fusiform/data/transform.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

/// A picture whose pixel (y, x) is (y, x, 7): a crop tells where it was taken.
Image coordinates(Index height, Index width) {
  Image image = blank_image(height, width);
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      const auto pixel = static_cast<std::size_t>((y * width + x) * 3);
      image.pixels[pixel] = static_cast<std::uint8_t>(y);
      image.pixels[pixel + 1] = static_cast<std::uint8_t>(x);
      image.pixels[pixel + 2] = 7;
    }
  return image;
}

template <class T>
Tensor<T, Cpu> transformed(const Image& image, const TransformOptions& options, Rng rng = Rng(0)) {
  Tensor<T, Cpu> output(Shape{options.crop, options.crop, 3});
  transform(image.view(), options, rng, output.view());
  return output;
}

/// Undoes the identity normalisation (mean 0, deviation 1).
Index level(double value) { return std::lround(value * 255); }

constexpr std::array<float, 3> zeros{0, 0, 0};
constexpr std::array<float, 3> ones{1, 1, 1};

}  // namespace

TEST_CASE("the centre crop is torchvision's and values are (x / 255 - mean) / deviation") {
  const TransformOptions options{.crop = 4, .mean = {0.1F, 0.2F, 0.3F}, .deviation = {0.5F, 2.0F, 1.0F}};
  const Image image = test::noise_image(9, 6, 4);
  const Image crop = center_crop(image.view(), {4, 4});
  const auto single = transformed<float>(image, options);
  const auto twice = transformed<double>(image, options);
  for (Index i = 0; i < 48; ++i) {
    const auto channel = static_cast<std::size_t>(i % 3);
    const double mean = options.mean[channel];
    const double deviation = options.deviation[channel];
    const double expected = (crop.pixels[static_cast<std::size_t>(i)] / 255.0 - mean) / deviation;
    CHECK(twice[i] == Approx(expected).epsilon(1e-14));
    CHECK(std::abs(single[i] - expected) < 4e-7);  // three roundings of values up to 2
  }
}

TEST_CASE("random crops reach every position alike, and only crops") {
  const Image image = coordinates(7, 5);
  const TransformOptions options{.crop = 4, .random_crop = true, .mean = zeros, .deviation = ones};
  std::map<std::pair<Index, Index>, Index> positions;
  constexpr Index draws = 4000;
  for (Index i = 0; i < draws; ++i) {
    const auto output = transformed<float>(image, options, Rng(1).stream(static_cast<std::uint64_t>(i)));
    const Index top = level(output[0]);
    const Index left = level(output[1]);
    ++positions[{top, left}];
    for (Index y = 0; y < 4; ++y)
      for (Index x = 0; x < 4; ++x) {
        REQUIRE(level(output[(y * 4 + x) * 3]) == top + y);
        REQUIRE(level(output[(y * 4 + x) * 3 + 1]) == left + x);
        REQUIRE(level(output[(y * 4 + x) * 3 + 2]) == 7);
      }
  }
  CHECK(positions.size() == 8);
  for (const auto& [place, count] : positions)
    CHECK(std::abs(static_cast<double>(count) - draws / 8.0) < 5 * 21);  // 5 sd
}

TEST_CASE("flips mirror and grey makes three equal channels, each as often as asked for") {
  const Image image = coordinates(6, 6);
  Index flips = 0;
  Index grays = 0;
  Index both = 0;
  constexpr Index draws = 2000;
  for (Index i = 0; i < draws; ++i) {
    const auto output =
        transformed<float>(image, {.crop = 6, .flip = 0.5, .grayscale = 0.2, .mean = zeros, .deviation = ones},
                           Rng(2).stream(static_cast<std::uint64_t>(i)));
    const bool gray = output[15] == output[16] && output[16] == output[17];
    const bool flipped = output[0 * 3 + 1] > output[5 * 3 + 1];
    for (Index y = 0; y < 6; ++y)
      for (Index x = 0; x < 6; ++x) {
        const Index column = flipped ? 5 - x : x;
        const auto* pixel = image.pixels.data() + (y * 6 + column) * 3;
        for (Index channel = 0; channel < 3; ++channel)
          REQUIRE(level(output[(y * 6 + x) * 3 + channel]) ==
                  (gray ? luma(pixel[0], pixel[1], pixel[2]) : pixel[channel]));
      }
    flips += flipped ? 1 : 0;
    grays += gray ? 1 : 0;
    both += flipped && gray ? 1 : 0;
  }
  CHECK(std::abs(static_cast<double>(flips) - 1000) < 112);  // 5 standard deviations each
  CHECK(std::abs(static_cast<double>(grays) - 400) < 90);
  CHECK(std::abs(static_cast<double>(both) - 200) < 68);
}

TEST_CASE("grey uses the normalisation of each channel") {
  const auto output = transformed<double>(test::noise_image(1, 1, 3),
                                          {.crop = 1, .grayscale = 1, .mean = {0, 0.5F, 0}, .deviation = {1, 1, 2}});
  CHECK(output[1] == Approx(output[0] - 0.5));
  CHECK(output[2] == Approx(output[0] / 2));
}

TEST_CASE("options and pictures that do not fit are refused") {
  const Image small = test::noise_image(5, 9, 1);
  CHECK(test::contains(test::message_of<ShapeError>([&] { (void)transformed<float>(small, {.crop = 6}); }),
                       "expected a picture of at least 6 x 6 for the crop, got 5 x 9"));
  CHECK_THROWS_AS(transformed<float>(test::noise_image(5, 5, 1, 1), {.crop = 2}), ShapeError);
  CHECK_THROWS_AS(transformed<float>(small, {.crop = 0}), ConfigError);
  CHECK_THROWS_AS(transformed<float>(small, {.crop = 2, .flip = 1.5}), ConfigError);
  CHECK_THROWS_AS(transformed<float>(small, {.crop = 2, .grayscale = -0.1}), ConfigError);
  CHECK_THROWS_AS(transformed<float>(small, {.crop = 2, .deviation = {1, 0, 1}}), ConfigError);
  Tensor<float, Cpu> wrong(Shape{2, 2, 1});
  Rng rng(0);
  CHECK_THROWS_AS(transform(small.view(), TransformOptions{.crop = 2}, rng, wrong.view()), ShapeError);
}
