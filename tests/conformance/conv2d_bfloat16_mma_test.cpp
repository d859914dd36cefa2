/// The bf16 convolutions for GPUs without wgmma, on whatever GPU there is, against sums in double of the same rounded
/// numbers.

#include <vector>

#include "kernels/conv2d_mma.cuh"
#include "tests/conformance/scalars.hpp"
#include "tests/support/convolution_reference.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

/// Channels in whole vectors of 8 and others, strides, kernels and paddings of all kinds, several tiles and ranges.
std::vector<Case> cases() {
  return {{{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
          {{2, 7, 9, 72}, {40, 3, 3, 72}, {.padding = 1}},
          {{1, 7, 9, 130}, {33, 3, 3, 130}, {.padding = 1}},
          {{11, 7, 9, 8}, {128, 3, 3, 8}, {.padding = 1}},  // the large tile
          {{2, 8, 7, 16}, {24, 3, 3, 16}, {.stride = 2, .padding = 1}},
          {{1, 23, 19, 3}, {5, 11, 11, 3}, {.stride = 4, .padding = 2}},
          {{2, 7, 7, 8}, {16, 1, 1, 8}, {.stride = 3}},
          {{1, 2, 2, 8}, {8, 5, 5, 8}, {.padding = 4}},
          {{2, 36, 33, 8}, {16, 3, 3, 8}, {.padding = 1}},
          {{0, 5, 5, 8}, {8, 3, 3, 8}, {.padding = 1}}};
}

/// Of single precision and the rounding of a result to 8 bits, 2^-9 of it at most.
constexpr double activation_tolerance = 3e-3;
/// Sums of exact products in float.
constexpr double parameter_tolerance = 1e-5;

}  // namespace

TEST_CASE("bf16 convolutions by mma.sync agree with sums in double", "[ops][bfloat16]") {
  for (const Case& c : cases()) {
    CAPTURE(c.x, c.weight, c.options.stride, c.options.padding);
    const auto x = random_elements<bfloat16>(c.x, Rng(1)), weight = random_elements<bfloat16>(c.weight, Rng(2)),
               dy = random_elements<bfloat16>(conv2d_output_shape(c.x, c.weight, c.options), Rng(3));
    const auto bias = random_tensor<float>({c.weight[0]}, Rng(4));
    const auto expected =
        convolution_reference(in_double(x), in_double(weight), converted<double>(bias), in_double(dy), c.options);
    const auto x_there = on_device(x), weight_there = on_device(weight), dy_there = on_device(dy);
    const auto bias_there = on_device(bias);
    using Result = View<bfloat16, TestDevice>;
    using Gradient = View<float, TestDevice>;
    const auto y = result_of<bfloat16>(
        dy.shape(), [&](Result r) { kernels::conv2d_forward_mma(x_there, weight_there, bias_there, c.options, r); });
    const auto dx = result_of<bfloat16>(
        x.shape(), [&](Result r) { kernels::conv2d_backward_input_mma(dy_there, weight_there, c.options, {}, r); });
    const auto dw = result_of<float>(
        weight.shape(), [&](Gradient r) { kernels::conv2d_backward_weight_mma(x_there, dy_there, c.options, r); });
    const auto db = result_of<float>(bias.shape(), [&](Gradient r) { kernels::conv2d_backward_bias_mma(dy_there, r); });
    CHECK(difference(in_double(y), expected.y).normalized <= activation_tolerance);
    CHECK(difference(in_double(dx), expected.dx).normalized <= activation_tolerance);
    CHECK(difference(dw, expected.dw).normalized <= parameter_tolerance);
    CHECK(difference(db, expected.db).normalized <= parameter_tolerance);
  }
}
