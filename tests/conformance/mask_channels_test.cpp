#include <limits>
#include <numeric>

#include <fusiform/ops/mask_channels.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// What `change(View)` makes of x.
template <class T, class Change>
Tensor<T, Cpu> changed(const Tensor<T, Cpu>& x, const Change& change) {
  return result_of<T>(x.shape(), [&](View<T, TestDevice> y) {
    copy(on_device(x), y);
    change(y);
  });
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("channels are zeroed, scaled and copied everywhere and nowhere else", "[ops][mask_channels]",
                        AllScalars) {
  using T = TestType;
  for (const Shape& shape : channel_shapes()) {
    CAPTURE(shape);
    const Index last = shape.channels() - 1;
    const std::vector<Index> channels = last == 0 ? std::vector<Index>{0} : std::vector<Index>{last, 0};
    const auto x = random_elements<T>(shape, Rng(1));
    const auto other = random_elements<T>(shape, Rng(2));
    const auto image = random_elements<T>(shape.without_batch(), Rng(3));
    const auto other_on_device = on_device(other), image_on_device = on_device(image);
    using Changed = View<T, TestDevice>;
    const auto zeroed = changed(x, [&](Changed y) { zero_channels(y, channels); });
    const auto scaled = changed(x, [&](Changed y) { scale_channels(y, channels, 0.5F); });
    const auto copied = changed(x, [&](Changed y) { copy_channels(other_on_device, channels, y); });
    const auto repeated = changed(x, [&](Changed y) { copy_channels(image_on_device, channels, y); });
    Tensor<T, Cpu> expected_zeroed = x, expected_copied = x, expected_repeated = x;
    auto expected_scaled = in_double(x);
    for (Index i = 0; i < x.size(); ++i) {
      const Index c = i % shape.channels();
      if (c != 0 && c != last) continue;
      expected_zeroed[i] = T{};
      expected_scaled[i] /= 2;
      expected_copied[i] = other[i];
      expected_repeated[i] = image[i - i / image.size() * image.size()];
    }
    CHECK(same_bits(zeroed, expected_zeroed));
    CHECK(same_bits(scaled, in_scalar<T>(expected_scaled)));
    CHECK(same_bits(copied, expected_copied));
    CHECK(same_bits(repeated, expected_repeated));
    CHECK(same_bits(changed(x, [&](Changed y) { zero_channels(y, std::vector<Index>{}); }), x));
  }
}

TEST_CASE("a list of channels may change as soon as it is given, and be long", "[ops][mask_channels]") {
  const auto x = random_tensor<float>({3, 5000}, Rng(1));
  const auto halved = changed(x, [&](View<float, TestDevice> y) {
    std::vector<Index> channels(2500);
    for (std::size_t i = 0; i < channels.size(); ++i) channels[i] = static_cast<Index>(2 * i);
    scale_channels(y, channels, 0.5F);
    std::fill(channels.begin(), channels.end(), Index{1});
  });
  bool right = true;
  for (Index i = 0; i < x.size(); ++i) right = right && halved[i] == (i % 2 == 0 ? x[i] / 2 : x[i]);
  CHECK(right);
}

TEST_CASE("channels are zeroed where they were not a number", "[ops][mask_channels]") {
  Tensor<float, Cpu> x(Shape{2, 3});
  x.fill(std::numeric_limits<float>::quiet_NaN());
  const auto y = changed(x, [&](View<float, TestDevice> result) { zero_channels(result, std::vector<Index>{1}); });
  CHECK(y[1] == 0);
  CHECK(y[4] == 0);
}

TEST_CASE("channels that are not there are refused", "[ops][mask_channels]") {
  Tensor<float, TestDevice> x(Shape{2, 3});
  CHECK_THROWS_AS(zero_channels(x.view(), std::vector<Index>{3}), ShapeError);
  CHECK_THROWS_AS(zero_channels(x.view(), std::vector<Index>{-1}), ShapeError);
  const Tensor<float, TestDevice> other(Shape{1, 3});
  CHECK_THROWS_AS(copy_channels(other, std::vector<Index>{0}, x.view()), ShapeError);
  CHECK_THROWS_AS(copy_channels(x, std::vector<Index>{3}, x.view()), ShapeError);
}
