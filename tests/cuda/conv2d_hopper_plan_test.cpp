#include "kernels/conv2d_hopper_plan.hpp"

#include "tests/support/catch.hpp"

using namespace fusiform::kernels;

namespace {

constexpr Conv2dProblem vgg(int images, int size, int in, int out) {
  return {.images = images,
          .height = size,
          .width = size,
          .in_channels = in,
          .out_channels = out,
          .kernel_h = 3,
          .kernel_w = 3,
          .stride = 1,
          .padding = 1};
}

constexpr HopperTile forward_tile(const Conv2dProblem& p) {
  return hopper_pixel_tiles[plan_pixels(forward_product(p), 132).tile];
}

/// TFLOP/s that the model expects.
constexpr double rate(const Conv2dProblem& p, const HopperPlan& plan) {
  return p.operations() / plan.microseconds * 1e-6;
}

}  // namespace

TEST_CASE("Every Hopper tile fits into a multiprocessor", "[hopper]") {
  for (const HopperTile& tile : hopper_pixel_tiles) CHECK(tile.fits());
  for (const HopperTile& tile : hopper_filter_tiles) CHECK(tile.fits());
  CHECK_FALSE(HopperTile{HopperPass::pixels, 128, 256, 2, 5, 1}.fits());  // shared memory
  CHECK_FALSE(HopperTile{HopperPass::pixels, 256, 256, 2, 3, 1}.fits());  // registers
  CHECK_FALSE(HopperTile{HopperPass::pixels, 64, 128, 2, 3, 1}.fits());   // 32 rows a consumer
}

TEST_CASE("Registers that setmaxnreg hands out do not exceed those of the launch", "[hopper]") {
  for (const HopperTile& tile : hopper_pixel_tiles) {
    const int granted = tile.launch_registers() * (1 + tile.consumers);
    CHECK(tile.producer_registers() + tile.consumers * tile.consumer_registers() <= granted);
    CHECK(granted * 128 * tile.blocks_per_multiprocessor <= 65536);
  }
}

TEST_CASE("The plan of a pass over pixels follows the channels and the number of pixels", "[hopper]") {
  STATIC_REQUIRE(forward_tile(vgg(64, 224, 64, 64)).columns == 64);
  STATIC_REQUIRE(forward_tile(vgg(64, 112, 128, 128)).columns == 128);
  STATIC_REQUIRE(forward_tile(vgg(64, 56, 256, 256)).columns == 256);
  STATIC_REQUIRE(forward_tile(vgg(128, 28, 512, 512)).columns == 256);
  // Few tiles: smaller ones keep more multiprocessors busy.
  STATIC_REQUIRE(forward_tile(vgg(4, 14, 512, 512)).rows * forward_tile(vgg(4, 14, 512, 512)).columns < 128 * 256);
}

TEST_CASE("A forward pass and a pooling are one kernel where that saves more than its tiles cost", "[hopper]") {
  // The convolutions of VGG16 before its poolings.
  for (const Conv2dProblem& p : {vgg(128, 224, 64, 64), vgg(128, 112, 128, 128), vgg(128, 56, 256, 256),
                                 vgg(128, 28, 512, 512), vgg(128, 14, 512, 512)}) {
    INFO("in " << p.in_channels << " out " << p.out_channels << " size " << p.height);
    CHECK(pools_at_once(p, 132, 2));
    const HopperPlan plan = plan_pixels(pooled_product(p), 132);
    CHECK(hopper_pixel_tiles[plan.tile].taps == 1);
    CHECK(plan.microseconds >= plan_pixels(forward_product(p), 132).microseconds);
    CHECK(rate(p, plan) <= 990);
  }
  // Windows of taps serve few channels out of many far better, and a pooling of 8 channels costs little.
  STATIC_REQUIRE_FALSE(pools_at_once(vgg(128, 56, 2048, 8), 132, 2));
  Conv2dProblem p = vgg(128, 56, 64, 64);
  for (p.stride = 1; p.stride <= 8; ++p.stride) CHECK(can_pool(p) == (p.stride <= 4));
  STATIC_REQUIRE_FALSE(pools_at_once(vgg(128, 1, 64, 64), 132, 2));  // no window
}

TEST_CASE("Rows and columns that no window has are not computed", "[hopper]") {
  const PixelProduct product = pooled_product(vgg(3, 7, 64, 64));
  CHECK(product.grid_rows(hopper_pixel_tiles[0]) == 3 * 6 * 6);
  CHECK(product.column_step == 2);
}

TEST_CASE("The plan of the filter gradient fills the device", "[hopper]") {
  for (const Conv2dProblem& p : {vgg(128, 224, 64, 64), vgg(128, 112, 64, 128), vgg(128, 56, 256, 256),
                                 vgg(128, 28, 512, 512), vgg(64, 14, 512, 512)}) {
    const HopperPlan plan = plan_filters(p, 132);
    INFO("in " << p.in_channels << " out " << p.out_channels << " splits " << plan.splits);
    const HopperTile& tile = hopper_filter_tiles[plan.tile];
    const auto items = pieces(p.out_channels, tile.rows) * filter_column_tiles(p, tile) * plan.splits;
    CHECK(double(items) / double(pieces(items, 132) * 132) > 0.7);
    CHECK(plan.splits <= pieces(p.out_pixels(), 64));
  }
}

TEST_CASE("A plan never claims more than the tensor cores can do", "[hopper]") {
  for (const int images : {1, 3, 64, 1000})
    for (const int size : {1, 7, 56})
      for (const int channels : {8, 72, 512}) {
        const Conv2dProblem p = vgg(images, size, channels, channels);
        CHECK(rate(p, plan_filters(p, 132)) <= 990);
        CHECK(rate(p, plan_pixels(forward_product(p), 132)) <= 990);
        CHECK(plan_filters(p, 132).splits >= 1);
      }
}
