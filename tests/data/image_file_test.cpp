#include <fusiform/data/image_file.hpp>
#include <fusiform/io/safetensors.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using test::bytes_of;
using test::contains;

namespace {

const std::string pictures = FUSIFORM_GOLDENS "/pictures/";

std::string problem_with(const std::string& contents) {
  return test::message_of<FileError>([&] { (void)decode_image(std::as_bytes(std::span(contents)), "here.jpg"); });
}

Image decode(const std::string& contents) { return decode_image(std::as_bytes(std::span(contents)), "here"); }

}  // namespace

TEST_CASE("pictures decode to the pixels that Pillow gives") {
  const SafetensorsFile file(FUSIFORM_GOLDENS "/images.safetensors");
  const Image png = read_image(FUSIFORM_GOLDENS "/photo.png");
  CHECK(png.height == 120);
  CHECK(png.width == 90);
  CHECK(png.pixels == file.read<std::uint8_t>("0.source_hwc"));
  // Exact with libjpeg-turbo; another libjpeg may round its inverse DCT otherwise.
  const Image jpeg = read_image(FUSIFORM_GOLDENS "/photo.jpg");
  const Image expected = read_image(pictures + "photo_decoded.png");
  REQUIRE(jpeg.pixels.size() == expected.pixels.size());
  int worst = 0;
  for (std::size_t i = 0; i < jpeg.pixels.size(); ++i)
    worst = std::max(worst, std::abs(jpeg.pixels[i] - expected.pixels[i]));
  CHECK(worst <= 2);
}

TEST_CASE("all colour layouts become RGB as Pillow converts them") {
  const Image expected = read_image(pictures + "decoded.png");  // one below the other, 41 rows each
  REQUIRE(expected.width == 37);
  std::size_t start = 0;
  for (const char* name : {"cmyk.jpg", "progressive.jpg", "gray.jpg", "palette.png", "alpha.png", "one_bit.png",
                           "color.bmp", "palette.bmp"}) {
    INFO(name);
    const Image image = read_image(pictures + name);
    REQUIRE(image.height == 41);
    REQUIRE(image.width == 37);
    REQUIRE(image.channels == 3);
    int worst = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      worst = std::max(worst, std::abs(image.pixels[i] - expected.pixels[start + i]));
    CHECK(worst <= (std::string(name).find(".jpg") != std::string::npos ? 2 : 0));
    start += image.pixels.size();
  }
}

TEST_CASE("PGM and PPM are read in all their forms") {
  const Image color = test::noise_image(3, 5, 1);
  CHECK(decode(test::pnm_of(color)).pixels == color.pixels);
  CHECK(decode("P2 # comment\n3 1\n# another\n255\n0 128 255\n").pixels ==
        std::vector<std::uint8_t>{0, 0, 0, 128, 128, 128, 255, 255, 255});
  CHECK(decode("P3 1 1 100 0 50 100").pixels == std::vector<std::uint8_t>{0, 128, 255});
  CHECK(decode("P3 1 1 100 10 30 70").pixels == std::vector<std::uint8_t>{26, 76, 178});  // halves go to even
  CHECK(decode(std::string("P5 2 1 65535\n\x00\x00\xFF\xFF", 17)).pixels ==
        std::vector<std::uint8_t>{0, 0, 0, 255, 255, 255});
  CHECK(decode(std::string("P5 1 1 255\n#")).pixels == std::vector<std::uint8_t>{'#', '#', '#'});

  CHECK(contains(problem_with("P6 10 10 255\nabc"), "expected at least 301 bytes of pixels, found 4"));
  CHECK(contains(problem_with("P5 x 10 255\n"), "expected a number for the width"));
  CHECK(contains(problem_with("P5 2 2 0\n1234"), "maximum value of 1..65535, found 0"));
  CHECK(contains(problem_with("P2 2 1 100\n50 101"), "at most 100, found 101"));
  CHECK(contains(problem_with("P5 0 5 255\n"), "size of 5 x 0"));
  CHECK(contains(problem_with("P5 99999999999999999999 99999999999 255\n"), "expected a picture of 1 to"));
}

TEST_CASE("what is no picture is named, whatever its file is called") {
  CHECK(contains(problem_with(""), "here.jpg: expected a JPEG, PNG, BMP, PGM or PPM picture, found an empty file"));
  CHECK(contains(problem_with("<!DOCTYPE html>"), "found text that starts with '<!DOCTYPE html>'"));
  CHECK(contains(problem_with("GIF89a......"), "found a GIF"));
  CHECK(contains(problem_with(std::string("\x01\x02\x03", 3)), "unknown contents of 3 bytes"));
  CHECK(contains(test::message_of<FileError>([] { (void)read_image("/nowhere/at/all.png"); }), "/nowhere/at/all.png"));
  CHECK(contains(test::message_of<FileError>([] { (void)read_image("/"); }), "regular file"));
}

TEST_CASE("a picture cut anywhere is damaged, never a crash or a half-grey image") {
  for (const char* name :
       {"../photo.jpg", "progressive.jpg", "cmyk.jpg", "palette.png", "alpha.png", "color.bmp", "palette.bmp"}) {
    INFO(name);
    const std::string whole = bytes_of(pictures + name);
    REQUIRE(problem_with(whole) == "no exception");
    Index survived = 0;
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 97)
      if (problem_with(whole.substr(0, size)) == "no exception") ++survived;
    CHECK(survived == 0);
  }
}

TEST_CASE("flipped bytes are found in PNG and never crash a decoder") {
  for (const char* name :
       {"../photo.jpg", "progressive.jpg", "palette.png", "one_bit.png", "color.bmp", "palette.bmp"}) {
    const std::string whole = bytes_of(pictures + name);
    for (std::size_t place = 0; place < whole.size(); place += 1 + whole.size() / 101) {
      std::string damaged = whole;
      damaged[place] = static_cast<char>(damaged[place] ^ 0x55);
      const std::string problem = problem_with(damaged);
      CHECK(problem != "another exception");
      if (std::string(name).find(".png") != std::string::npos) CHECK(contains(problem, "here.jpg: "));
    }
  }
}

TEST_CASE("absurd sizes are refused before memory is taken") {
  std::string jpeg = bytes_of(FUSIFORM_GOLDENS "/photo.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  jpeg.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");
  CHECK(contains(problem_with(jpeg), "65500 x 65500"));
  std::string bmp = bytes_of(pictures + "color.bmp");
  bmp.replace(18, 8, std::string("\xFF\xFF\xFF\x7F\xFF\xFF\xFF\x7F", 8));
  CHECK(contains(problem_with(bmp), "2147483647 x 2147483647"));
  bmp.replace(22, 4, std::string("\x00\x00\x00\x80", 4));
  CHECK(contains(problem_with(bmp), "2147483648 x 2147483647"));
}
