/// Convolutions on tensor cores that end with max pooling: bf16 tensors by whatever kernels the GPU has, and both
/// precisions by mma.sync, on whatever GPU there is.

#include "kernels/conv2d_mma.cuh"
#include "tests/conformance/conv2d_max_pool2d.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// forward(x, weight, bias, options, y) and pooling, against pooled_forward(x, weight, bias, options, max pool, y).
template <class T, class Forward, class PooledForward>
void require_the_two_operations(const Forward& forward, const PooledForward& pooled_forward) {
  for (const ConvPoolCase& c : conv_pool_cases())
    for (const bool relu : {false, true}) {
      CAPTURE(c.x, c.weight, relu);
      Conv2dOptions options = c.options;
      options.relu = relu;
      ConvPoolOperands<T> o(c, false);
      const auto x = on_device(o.x), weight = on_device(o.weight);
      const auto bias = on_device(o.bias);
      using Positions = View<std::int32_t, TestDevice>;
      const auto expected = maxima_of<T>(c.y(), [&](View<T, TestDevice> y, Positions positions) {
        Tensor<T, TestDevice> sums(c.between());
        forward(x, weight, bias, options, sums.view());
        max_pool2d_forward<T, TestDevice>(sums, {.after_relu = relu}, y, positions);
      });
      const auto found = maxima_of<T>(c.y(), [&](View<T, TestDevice> y, Positions positions) {
        pooled_forward(x, weight, bias, options, kernels::Conv2dMaxPool{true, positions.data(), relu}, y);
      });
      CHECK(same_bits(found.y, expected.y));
      CHECK(same_bits(found.positions, expected.positions));
    }
}

}  // namespace

TEST_CASE("bf16 conv2d_max_pool2d finds what a search of every window of the definition finds",
          "[ops][conv2d][max_pool2d][bfloat16]") {
  // Sums of a thousand and fewer small numbers are exact in float; those above 256 are rounded alike.
  for (const ConvPoolCase& c : conv_pool_cases())
    for (const bool relu : {false, true}) {
      CAPTURE(c.x, c.weight, relu);
      Conv2dOptions options = c.options;
      options.relu = relu;
      const ConvPoolOperands<bfloat16> o(c, true);
      const auto expected = searched_maxima(in_scalar<bfloat16>(o.between(options)), relu);
      const auto found = o.maxima(options);
      CHECK(same_bits(found.y, expected.y));
      CHECK(same_bits(found.positions, expected.positions));
    }
}

TEST_CASE("bf16 conv2d_max_pool2d refuses algorithms made for float", "[ops][conv2d][max_pool2d][bfloat16]") {
  const ConvPoolCase c{{1, 4, 4, 8}, {8, 3, 3, 8}, {.algorithm = ConvAlgorithm::bf16x2}};
  const ConvPoolOperands<bfloat16> o(c, true);
  CHECK_THROWS_AS((void)o.maxima(c.options), ConfigError);
}

TEST_CASE("bf16 convolutions by mma.sync with max pooling are both operations, to the bit",
          "[ops][conv2d][max_pool2d][bfloat16]") {
  require_the_two_operations<bfloat16>(kernels::conv2d_forward_mma, kernels::conv2d_max_pool2d_forward_mma);
}

TEST_CASE("bf16x2 convolutions by mma.sync with max pooling are both operations, to the bit",
          "[ops][conv2d][max_pool2d]") {
  require_the_two_operations<float>(kernels::conv2d_forward_bf16x2, kernels::conv2d_max_pool2d_forward_bf16x2);
}
