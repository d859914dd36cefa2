/// Instructions under the emulator against loops written from the manuals, and the limits of tensor maps.

#include <cmath>
#include <vector>

#include "tests/cuda/arch_cases_tma.cuh"
#include "tests/cuda/arch_cases_warp.cuh"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

std::uint16_t half_word(const std::vector<std::uint32_t>& words, std::size_t i) {
  return std::uint16_t(words[i / 2] >> (16 * (i % 2)));
}

/// Pieces of 16 bytes change places within `bytes`: by the number of the row of `bytes`, which repeats after 1024.
std::size_t place_in_swizzled_tile(std::size_t row, std::size_t byte, std::size_t bytes) {
  const std::size_t pieces = bytes / 16, rows_in_128_bytes = 128 / bytes;
  return row * bytes + (byte / 16 ^ row / rows_in_128_bytes % pieces) * 16 + byte % 16;
}

struct Convolution {
  int images, height, width, channels, kernel, padding, stride;

  [[nodiscard]] int out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  [[nodiscard]] int out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
};

/// What tap (a, b) of output pixel `pixel` reads of channel c; zero outside the image and behind the last pixel.
std::uint16_t patch_element(const Convolution& p, const std::vector<std::uint32_t>& image, int pixel, int a, int b,
                            int c) {
  const int n = pixel / (p.out_height() * p.out_width());
  const int y = pixel / p.out_width() % p.out_height() * p.stride + a - p.padding;
  const int x = pixel % p.out_width() * p.stride + b - p.padding;
  if (n >= p.images || y < 0 || y >= p.height || x < 0 || x >= p.width || c >= p.channels) return 0;
  return half_word(image, std::size_t(((n * p.height + y) * p.width + x) * p.channels + c));
}

/// The tile of 16 output pixels from `pixel` on and 64 channels from `channel` on, as TMA loads it.
std::vector<std::uint32_t> load_patches(const Convolution& p, const DeviceBuffer<std::uint32_t>& image, int pixel,
                                        int a, int b, int channel) {
  const arch::Im2colMap map{.data = image.data(),
                            .images = p.images,
                            .height = p.height,
                            .width = p.width,
                            .channels = p.channels,
                            .lower_row = -p.padding,
                            .lower_column = -p.padding,
                            .upper_row = p.padding - (p.kernel - 1),
                            .upper_column = p.padding - (p.kernel - 1),
                            .row_step = p.stride,
                            .column_step = p.stride,
                            .box_pixels = 16};
  const int line = pixel / p.out_width();
  const Column column{channel,
                      pixel % p.out_width() * p.stride - p.padding,
                      line % p.out_height() * p.stride - p.padding,
                      line / p.out_height(),
                      b,
                      a};
  return words_of(show_im2col_load<>, 64, 2048 + 8, 512, arch::make_tensor_map(map), column, 2048u);
}

/// c(16, 8) += a(16, 16) b(16, 8), a and the transposed b in shared memory, fragments by ldmatrix.
template <int = 0>
__global__ void multiply_by_mma(std::uint32_t* out, const std::uint32_t* a, const std::uint32_t* b_transposed) {
  auto* shared = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  const unsigned lane = threadIdx.x;
  for (unsigned i = lane; i < 128; i += 32) shared[i] = a[i];
  for (unsigned i = lane; i < 64; i += 32) shared[128 + i] = b_transposed[i];
  __syncthreads();
  std::uint32_t a_fragment[4], b_fragment[2];
  arch::ldmatrix<4>(a_fragment, shared + lane % 16 * 8 + lane / 16 * 4);
  arch::ldmatrix<2>(b_fragment, shared + 128 + lane % 8 * 8 + lane / 8 % 2 * 4);
  float sums[4] = {1.0f, 1.0f, 1.0f, 1.0f};
  arch::mma_m16n8k16_bf16(sums, a_fragment, b_fragment);
  for (unsigned i = 0; i < 4; ++i) out[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = bits_of(sums[i]);
}

template <class Map>
std::string refusal(const Map& map) {
  try {
    (void)arch::make_tensor_map(map);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("bf16 rounds to nearest, ties to even", "[arch]") {
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    const float x = float_of(seeded_word(i));
    if (!std::isfinite(x) || std::abs(x) > 3.3e38f) continue;
    const float found = arch::to_float(arch::to_bf16(x));
    const float below = float_of(bits_of(x) & 0xffff0000u), above = float_of((bits_of(x) & 0xffff0000u) + 0x10000u);
    const double down = std::abs(double(x) - double(below)), up = std::abs(double(above) - double(x));
    const bool even_below = (bits_of(below) >> 16 & 1u) == 0;
    if (found != (down < up || (down == up && even_below) ? below : above)) {
      CAPTURE(i, x, found);
      FAIL("not the nearest");
    }
  }
  CHECK(arch::to_bf16(INFINITY).bits == 0x7f80);
  CHECK(arch::to_bf16(NAN).bits == 0x7fff);
  CHECK(arch::to_bf16(float_of(0x7f800001u)).bits == 0x7fff);  // not infinity
  CHECK(arch::pack_bf16(1.0f, -2.0f) == 0xc0003f80u);
}

TEST_CASE("im2col loads gather the patches of a convolution", "[arch]") {
  for (const Convolution& p :
       {Convolution{2, 7, 9, 72, 3, 1, 1}, Convolution{3, 5, 4, 64, 3, 0, 1}, Convolution{2, 6, 7, 64, 3, 2, 1},
        Convolution{2, 7, 9, 72, 3, 1, 2}, Convolution{2, 8, 8, 64, 5, 2, 2}, Convolution{1, 9, 11, 64, 5, 2, 1},
        Convolution{2, 6, 6, 64, 2, 0, 2}, Convolution{3, 4, 5, 64, 1, 0, 1}, Convolution{2, 9, 9, 64, 1, 0, 2},
        Convolution{2, 13, 12, 64, 7, 3, 3}}) {
    const std::vector<std::uint32_t> words =
        seeded_words(std::size_t(p.images * p.height * p.width * p.channels / 2), unsigned(p.kernel));
    const DeviceBuffer<std::uint32_t> image(words);
    const int pixels = p.images * p.out_height() * p.out_width();
    int wrong = 0;
    for (int tap = 0; tap < p.kernel * p.kernel; ++tap)
      for (int pixel = 0; pixel < pixels; pixel += 13)  // also columns that begin within a row and end behind the last
        for (int channel = 0; channel < p.channels; channel += 64) {
          const int a = tap / p.kernel, b = tap % p.kernel;
          const std::vector<std::uint32_t> tile = load_patches(p, image, pixel, a, b, channel);
          for (int i = 0; i < 16; ++i)
            for (int c = 0; c < 64; ++c) {
              const std::size_t place = place_in_swizzled_tile(std::size_t(i), std::size_t(c) * 2, 128);
              wrong += half_word(tile, place / 2) != patch_element(p, words, pixel + i, a, b, channel + c) ? 1 : 0;
            }
        }
    CAPTURE(p.height, p.width, p.kernel, p.padding, p.stride);
    CHECK(wrong == 0);
  }
}

TEST_CASE("Tiled loads copy boxes, with zeros outside, in every swizzle", "[arch]") {
  const std::vector<std::uint32_t> words = seeded_words(40 * 24);
  const DeviceBuffer<std::uint32_t> data(words);
  for (const arch::Swizzle swizzle : {arch::Swizzle::bytes_32, arch::Swizzle::bytes_64, arch::Swizzle::bytes_128})
    for (const Box& box : {Box{{0, 0}}, Box{{-8, 3}}, Box{{72, -2}}, Box{{24, 20}}}) {
      const unsigned bytes = arch::bytes_of(swizzle);
      const arch::TiledMap map{.data = data.data(), .extent = {80, 24}, .box = {bytes / 2, 16}, .swizzle = swizzle};
      const std::vector<std::uint32_t> tile =
          words_of(show_tiled_load<2>, 64, bytes * 16 + 8, bytes * 4, arch::make_tensor_map(map), box, bytes * 16, 0u);
      int wrong = 0;
      for (int row = 0; row < 16; ++row)
        for (int i = 0; i < int(bytes) / 2; ++i) {
          const int x = box.at[0] + i, y = box.at[1] + row;
          const bool inside = x >= 0 && x < 80 && y >= 0 && y < 24;
          const std::uint16_t expected = inside ? half_word(words, std::size_t(y * 80 + x)) : std::uint16_t(0);
          wrong += half_word(tile, place_in_swizzled_tile(std::size_t(row), std::size_t(i) * 2, bytes) / 2) != expected;
        }
      CAPTURE(bytes, box.at[0], box.at[1]);
      CHECK(wrong == 0);
    }
}

TEST_CASE("Fragments loaded by ldmatrix multiply as matrices", "[arch]") {
  std::vector<std::uint32_t> a(128), b(64);
  for (std::uint32_t i = 0; i < 128; ++i) a[i] = seeded_bf16_pair(i);
  for (std::uint32_t i = 0; i < 64; ++i) b[i] = seeded_bf16_pair(i + 500);
  const DeviceBuffer<std::uint32_t> a_buffer(a), b_buffer(b);
  const std::vector<std::uint32_t> product =
      words_of(multiply_by_mma<>, 32, 192 * 4, 128, a_buffer.data(), b_buffer.data());
  const auto at = [](const std::vector<std::uint32_t>& matrix, std::size_t row, std::size_t k) {
    return double(arch::to_float({half_word(matrix, row * 16 + k)}));
  };
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 8; ++j) {
      double sum = 1.0;
      for (std::size_t k = 0; k < 16; ++k) sum += at(a, i, k) * at(b, j, k);
      CHECK(double(float_of(product[i * 8 + j])) == sum);  // whole numbers: exact
    }
}

TEST_CASE("Tensor maps that the copy engine cannot take are refused", "[arch]") {
  alignas(16) static std::uint32_t data[64];
  const arch::TiledMap tiled{.data = data, .extent = {64, 8}, .box = {64, 8}, .swizzle = arch::Swizzle::bytes_128};
  CHECK(refusal(tiled) == "accepted");
  const auto changed = [&](auto change) {
    arch::TiledMap map = tiled;
    change(map);
    return refusal(map);
  };
  CHECK(changed([](auto& m) { m.data = reinterpret_cast<const char*>(data) + 8; }).find("multiple of 16 bytes") !=
        std::string::npos);
  CHECK(changed([](auto& m) { m.extent[0] = 60; }) ==
        "tiled tensor map: expected strides that are multiples of 16 bytes below 2^40, got 120");
  CHECK(changed([](auto& m) { m.box[0] = 32; }) ==
        "tiled tensor map: expected a box whose row has the 128 bytes of its swizzle, got 64");
  CHECK(changed([](auto& m) { m.box[1] = 257; }) == "tiled tensor map: expected box extents of 1 to 256, got 257");
  CHECK(changed([](auto& m) { m.box.pop_back(); }) == "tiled tensor map: expected 2 box extents, got 1");
  CHECK(changed([](auto& m) { m.stride = {256, 256}; }) == "tiled tensor map: expected 1 strides, got 2");

  const arch::Im2colMap im2col{.data = data, .images = 1, .height = 4, .width = 4, .channels = 8, .box_pixels = 8};
  CHECK(refusal(im2col) == "accepted");
  const auto altered = [&](auto change) {
    arch::Im2colMap map = im2col;
    change(map);
    return refusal(map);
  };
  CHECK(altered([](auto& m) { m.channels = 3; }).find("multiple of 16 bytes of channels") != std::string::npos);
  CHECK(altered([](auto& m) { m.lower_row = -129; }) ==
        "im2col tensor map: expected corners from -128 to 127, got -129");
  CHECK(altered([](auto& m) { m.upper_row = -4; }) ==
        "im2col tensor map: expected a bounding box with at least one row, got 0");
  CHECK(altered([](auto& m) { m.column_step = 9; }) == "im2col tensor map: expected steps of 1 to 8, got 9");
  CHECK(altered([](auto& m) { m.box_pixels = 1025; }) ==
        "im2col tensor map: expected 1 to 1024 pixels in a box, got 1025");
  CHECK(altered([](auto& m) { m.box_channels = 32; }) ==
        "im2col tensor map: expected a box whose row has the 128 bytes of its swizzle, got 64");
}
