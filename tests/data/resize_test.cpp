#include <cmath>

#include <fusiform/data/resize.hpp>
#include <fusiform/io/safetensors.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

/// The weighted mean of a triangle filter over the whole picture at once, in double: no passes, no fixed point.
double resized_pixel(const Image& image, ImageSize size, Index y, Index x, Index channel) {
  const auto weight = [](Index output, Index input, Index outputs, Index inputs) {
    const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
    const double distance = (static_cast<double>(input) + 0.5) - (static_cast<double>(output) + 0.5) * scale;
    return std::max(0.0, 1.0 - std::abs(distance) / std::max(1.0, scale));
  };
  double sum = 0;
  double total = 0;
  for (Index v = 0; v < image.height; ++v)
    for (Index u = 0; u < image.width; ++u) {
      const double w = weight(y, v, size.height, image.height) * weight(x, u, size.width, image.width);
      total += w;
      sum += w * image.pixels[static_cast<std::size_t>((v * image.width + u) * image.channels + channel)];
    }
  return sum / total;
}

Image golden_image(const SafetensorsFile& file, const std::string& name, Index channels) {
  const std::vector<Index> shape = file.shape(name);
  return {shape[0], shape[1], channels, file.read<std::uint8_t>(name)};
}

}  // namespace

TEST_CASE("resizing, cropping and greying equal Pillow and torchvision to the bit") {
  const SafetensorsFile file(FUSIFORM_GOLDENS "/images.safetensors");
  const std::vector<std::pair<Index, Index>> cases{{64, 56}, {36, 32}, {64, 56}, {32, 32}, {32, 28}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string number = std::to_string(i) + ".";
    INFO("case " << number);
    const Image source = golden_image(file, number + "source_hwc", 3);
    const Image resized = resize_shorter_side(source.view(), cases[i].first);
    const Image expected = golden_image(file, number + "resized_hwc", 3);
    REQUIRE(resized.height == expected.height);
    REQUIRE(resized.width == expected.width);
    CHECK(resized.pixels == expected.pixels);
    const Image cropped = center_crop(resized.view(), {cases[i].second, cases[i].second});
    CHECK(cropped.pixels == golden_image(file, number + "cropped_hwc", 3).pixels);
    CHECK(to_gray(cropped.view()).pixels == golden_image(file, number + "gray_hw", 1).pixels);
  }
}

TEST_CASE("resizing is the triangle-filtered mean at awkward sizes") {
  const std::vector<std::pair<ImageSize, ImageSize>> cases{{{1, 1}, {1, 1}},  {{1, 1}, {7, 3}},    {{9, 5}, {1, 1}},
                                                           {{2, 31}, {5, 4}}, {{17, 13}, {17, 6}}, {{8, 8}, {11, 8}}};
  for (const Index channels : {1, 3})
    for (const auto& [from, to] : cases) {
      INFO(from.height << "x" << from.width << " to " << to.height << "x" << to.width << "x" << channels);
      const Image image = test::noise_image(from.height, from.width, 5, channels);
      const Image resized = resize_bilinear(image.view(), to);
      REQUIRE(resized.pixels.size() == static_cast<std::size_t>(to.height * to.width * channels));
      double worst = 0;
      for (Index y = 0; y < to.height; ++y)
        for (Index x = 0; x < to.width; ++x)
          for (Index channel = 0; channel < channels; ++channel)
            worst = std::max(
                worst, std::abs(resized.pixels[static_cast<std::size_t>((y * to.width + x) * channels + channel)] -
                                resized_pixel(image, to, y, x, channel)));
      CHECK(worst <= 1.01);  // half a level in each pass, and the fixed point
    }
}

TEST_CASE("sizes round as in torchvision") {
  CHECK(size_with_shorter_side({120, 90}, 64) == ImageSize{85, 64});
  CHECK(size_with_shorter_side({75, 133}, 36) == ImageSize{36, 63});
  CHECK(size_with_shorter_side({50, 50}, 72) == ImageSize{72, 72});
  CHECK(centered_start(85, 56) == 14);  // 14.5
  CHECK(centered_start(63, 32) == 16);  // 15.5
  CHECK(centered_start(64, 56) == 4);
  CHECK(centered_start(5, 5) == 0);
}

TEST_CASE("pictures that cannot be resized or cropped are refused") {
  const Image image = test::noise_image(4, 6, 1);
  CHECK_THROWS_AS(resize_bilinear({0, 3, 3, nullptr}, {2, 2}), ShapeError);
  CHECK_THROWS_AS(resize_bilinear(image.view(), {0, 2}), ShapeError);
  CHECK_THROWS_AS(resize_bilinear({2, 2, 4, image.pixels.data()}, {2, 2}), ShapeError);
  CHECK(test::contains(test::message_of<ShapeError>([&] {
                         (void)center_crop(image.view(), {5, 5});
                       }),
                       "expected a picture of at least 5 x 5, got 4 x 6"));
  CHECK_THROWS_AS(to_rgb(Image{1, 1, 4, {1, 2, 3, 4}}), ShapeError);
  CHECK(to_rgb(Image{1, 2, 1, {7, 9}}).pixels == std::vector<std::uint8_t>{7, 7, 7, 9, 9, 9});
}
