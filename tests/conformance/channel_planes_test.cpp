#include <fusiform/ops/channel_planes.hpp>

#include "tests/conformance/test_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEMPLATE_LIST_TEST_CASE("differences of values, channel by channel", "[ops][channel_planes]", TestScalars) {
  using T = TestType;
  // Less than a tile, parts of tiles, and more tiles than one along each axis; flattened features too.
  for (const Shape& shape :
       {Shape{2, 1, 1, 1}, Shape{3, 5, 7, 33}, Shape{2, 9, 8, 64}, Shape{4, 70}, Shape{0, 2, 2, 3}}) {
    CAPTURE(shape);
    const Index channels = shape.rank() == 2 ? 10 : shape.channels();
    const Shape plane = shape.rank() == 2 ? Shape{7, 1} : Shape{shape[1], shape[2]};
    const auto after = random_tensor<T>(shape, Rng(1)), before = random_tensor<T>(shape, Rng(2));
    const Index images = shape[0], first = 2, all = images + 3;
    const Index positions = plane.size();
    const Shape planes{channels, all, plane[0], plane[1]};
    const auto start = random_tensor<T>(planes, Rng(3));
    Tensor<T, Cpu> expected = start;
    for (Index n = 0; n < images; ++n)
      for (Index i = 0; i < positions * channels; ++i)
        expected[(i % channels * all + first + n) * positions + i / channels] =
            after[n * positions * channels + i] - before[n * positions * channels + i];
    const auto found = result_of<T>(planes, [&](View<T, TestDevice> result) {
      copy(on_device(start), result);
      channel_planes(on_device(after), on_device(before), first, result);
    });
    CHECK(same_bits(found, expected));
  }
}

TEST_CASE("planes for other images or other values are refused", "[ops][channel_planes]") {
  Tensor<float, TestDevice> values({2, 3, 3, 4}), planes({4, 5, 3, 3}), others({4, 5, 3, 2});
  CHECK_THROWS_AS(channel_planes(values, values, 4, planes.view()), ShapeError);
  CHECK_THROWS_AS(channel_planes(values, values, -1, planes.view()), ShapeError);
  CHECK_THROWS_AS(channel_planes(values, values, 0, others.view()), ShapeError);
}
