// bf16 convolutions and linear layers, whatever kernels the GPU has for them, against sums in double of the same
// rounded numbers. What is left is the rounding of the result to 8 bits (2^-9 of each element at most, normalised about
// 0.002) and, in gradients of parameters, sums in float.

#include <array>
#include <cstring>
#include <vector>

#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/linear.hpp>

#include "tests/conformance/test_device.hpp"
#include "tests/support/bfloat16.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr double activation_tolerance = 4e-3;
constexpr double parameter_tolerance = 1e-5;

struct Convolution {
  Shape x, weight;
  Conv2dOptions options;
};

/// Channels that kernels take as they are, and 1, 3, 5 and 10 of them; filters of one pixel, larger than the stride and
/// smaller; a stride that only the kernels of older GPUs take; no image.
std::vector<Convolution> convolutions() {
  return {{{2, 7, 9, 16}, {24, 3, 3, 16}, {.padding = 1}},
          {{1, 8, 7, 3}, {16, 3, 3, 3}, {.padding = 1}},
          {{2, 5, 6, 10}, {5, 3, 2, 10}, {.stride = 2, .padding = 1}},
          {{3, 6, 5, 8}, {8, 1, 1, 8}, {.stride = 3}},
          {{1, 23, 19, 1}, {3, 11, 11, 1}, {.stride = 4, .padding = 2}},
          {{2, 12, 21, 12}, {10, 3, 3, 12}, {.stride = 9, .padding = 1}},
          {{0, 4, 4, 8}, {16, 3, 3, 8}, {.padding = 1}}};
}

/// Random operands, rounded, and what the passes make of them.
struct Operands {
  explicit Operands(const Convolution& c)
      : x(rounded(random_tensor<double>(c.x, Rng(1)))),
        weight(rounded(random_tensor<double>(c.weight, Rng(2)))),
        dy(rounded(random_tensor<double>(conv2d_output_shape(c.x, c.weight, c.options), Rng(3)))),
        bias(random_tensor<float>({c.weight[0]}, Rng(4))),
        expected(convolution_reference(numbers(x), numbers(weight), converted<double>(bias), numbers(dy), c.options)) {}

  Tensor<bfloat16, Cpu> x, weight, dy;
  Tensor<float, Cpu> bias;
  ConvolutionReference expected;
};

Tensor<double, Cpu> positive_part(Tensor<double, Cpu> tensor) {
  for (double& value : tensor.span()) value = std::max(value, 0.0);
  return tensor;
}

/// (N, 1, 1, C) as (N, C).
template <class T, Device D>
auto flat(const Tensor<T, D>& tensor) {
  return tensor.view().reshaped({tensor.shape()[0], tensor.shape()[3]});
}
Tensor<double, Cpu> flat_copy(const Tensor<double, Cpu>& tensor) { return {flat(tensor).shape(), tensor.span()}; }

using Bfloat16View = View<bfloat16, TestDevice>;
using FloatView = View<float, TestDevice>;

}  // namespace

TEST_CASE("bf16 convolution agrees with sums in double", "[ops][bfloat16]") {
  for (const Convolution& c : convolutions()) {
    CAPTURE(c.x, c.weight);
    const Operands o(c);
    const auto x = on_device(o.x), weight = on_device(o.weight), dy = on_device(o.dy);
    const auto bias = on_device(o.bias);
    const auto y = result_of<bfloat16>(
        o.dy.shape(), [&](Bfloat16View r) { conv2d_forward<bfloat16, TestDevice>(x, weight, bias, c.options, r); });
    CHECK(difference(numbers(y), o.expected.y).normalized < activation_tolerance);
    const auto dx = result_of<bfloat16>(
        c.x, [&](Bfloat16View r) { conv2d_backward_input<bfloat16, TestDevice>(dy, weight, c.options, r); });
    CHECK(difference(numbers(dx), o.expected.dx).normalized < activation_tolerance);
    const auto dw = result_of<float>(c.weight, [&](FloatView r) {
      Tensor<float, TestDevice> db(Shape{c.weight[0]});
      conv2d_backward_parameters<bfloat16, TestDevice>(x, dy, c.options, r, db.view());
    });
    CHECK(difference(dw, o.expected.dw).normalized < parameter_tolerance);
    const auto db = result_of<float>({c.weight[0]}, [&](FloatView r) {
      Tensor<float, TestDevice> gradient(c.weight);
      conv2d_backward_parameters<bfloat16, TestDevice>(x, dy, c.options, gradient.view(), r);
    });
    CHECK(difference(db, o.expected.db).normalized < parameter_tolerance);
  }
}

TEST_CASE("bf16 gradients of filters and bias, one by one", "[ops][bfloat16]") {
  const Convolution c{{2, 7, 5, 10}, {12, 3, 3, 10}, {.padding = 1}};
  const Operands o(c);
  const auto x = on_device(o.x), dy = on_device(o.dy);
  const auto dw = result_of<float>(
      c.weight, [&](FloatView r) { conv2d_backward_weight<bfloat16, TestDevice>(x, dy, c.options, r); });
  const auto db =
      result_of<float>({c.weight[0]}, [&](FloatView r) { conv2d_backward_bias<bfloat16, TestDevice>(dy, r); });
  CHECK(difference(dw, o.expected.dw).normalized < parameter_tolerance);
  CHECK(difference(db, o.expected.db).normalized < parameter_tolerance);
}

TEST_CASE("bf16 convolution with a ReLU, without a bias, from unaligned images", "[ops][bfloat16]") {
  const Convolution c{{3, 5, 3, 8}, {16, 3, 3, 8}, {.padding = 1, .relu = true}};
  Operands o(c);
  o.bias.fill(0);
  const auto expected = positive_part(
      convolution_reference(numbers(o.x), numbers(o.weight), converted<double>(o.bias), numbers(o.dy), c.options).y);
  Tensor<bfloat16, Cpu> shifted(Shape{o.x.size() + 1});
  std::copy_n(o.x.data(), o.x.size(), shifted.data() + 1);
  const auto memory = on_device(shifted);
  const View<const bfloat16, TestDevice> x(memory.data() + 1, c.x);
  const auto weight = on_device(o.weight);
  const auto y = result_of<bfloat16>(o.dy.shape(), [&](Bfloat16View r) {
    conv2d_forward<bfloat16, TestDevice>(x, weight, View<const float, TestDevice>(), c.options, r);
  });
  CHECK(difference(numbers(y), expected).normalized < activation_tolerance);
}

TEST_CASE("bf16 linear layer agrees with sums in double", "[ops][bfloat16]") {
  for (const std::array<Index, 3>& c : {std::array<Index, 3>{5, 40, 24}, {1, 7, 10}, {130, 72, 3}, {0, 8, 8}}) {
    const Index images = c[0], in = c[1], out = c[2];
    CAPTURE(images, in, out);
    const Operands o({{images, 1, 1, in}, {out, 1, 1, in}, {}});
    const auto x = on_device(o.x), weight = on_device(o.weight), dy = on_device(o.dy);
    const auto bias = on_device(o.bias);
    const auto y = result_of<bfloat16>({images, out}, [&](Bfloat16View r) {
      linear_forward<bfloat16, TestDevice>(flat(x), flat(weight), bias, r, {.relu = true});
    });
    CHECK(difference(numbers(y), positive_part(flat_copy(o.expected.y))).normalized < activation_tolerance);
    const auto dx = result_of<bfloat16>(
        {images, in}, [&](Bfloat16View r) { linear_backward_input<bfloat16, TestDevice>(flat(dy), flat(weight), r); });
    CHECK(difference(numbers(dx), flat_copy(o.expected.dx)).normalized < activation_tolerance);
    const auto dw = result_of<float>({out, in}, [&](FloatView r) {
      Tensor<float, TestDevice> db(Shape{out});
      linear_backward_parameters<bfloat16, TestDevice>(flat(x), flat(dy), r, db.view());
    });
    CHECK(difference(dw, flat_copy(o.expected.dw)).normalized < parameter_tolerance);
    const auto db =
        result_of<float>({out}, [&](FloatView r) { linear_backward_bias<bfloat16, TestDevice>(flat(dy), r); });
    CHECK(difference(db, o.expected.db).normalized < parameter_tolerance);
    const auto dw_alone = result_of<float>(
        {out, in}, [&](FloatView r) { linear_backward_weight<bfloat16, TestDevice>(flat(x), flat(dy), r); });
    CHECK(same_bits(dw_alone, dw));
  }
}

TEST_CASE("an image's bf16 results do not depend on the batch", "[ops][bfloat16]") {
  const Convolution c{{9, 6, 5, 16}, {24, 3, 3, 16}, {.padding = 1}};
  const Operands o(c);
  const auto x = on_device(o.x), weight = on_device(o.weight);
  const auto bias = on_device(o.bias);
  const auto forward = [&](Index first, Index count) {
    return result_of<bfloat16>(o.dy.shape().with_batch(count), [&](Bfloat16View r) {
      conv2d_forward<bfloat16, TestDevice>(x.view().batch_range(first, count), weight, bias, c.options, r);
    });
  };
  const auto all = forward(0, 9), one = forward(7, 1);
  CHECK(std::memcmp(one.data(), all.view().batch_range(7, 1).data(), static_cast<std::size_t>(one.size()) * 2) == 0);
}

TEST_CASE("bf16 convolution refuses algorithms made for float", "[ops][bfloat16]") {
  const Tensor<bfloat16, TestDevice> x(Shape{1, 4, 4, 8}), weight(Shape{16, 3, 3, 8});
  Tensor<bfloat16, TestDevice> y(Shape{1, 2, 2, 16}), dx(x.shape());
  Tensor<float, TestDevice> dw(weight.shape());
  const auto none = View<float, TestDevice>();
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2}) {
    const Conv2dOptions options{.algorithm = algorithm};
    CHECK_THROWS_AS((conv2d_forward<bfloat16, TestDevice>(x, weight, none, options, y.view())), ConfigError);
    CHECK_THROWS_AS((conv2d_backward_input<bfloat16, TestDevice>(y, weight, options, dx.view())), ConfigError);
    CHECK_THROWS_AS((conv2d_backward_parameters<bfloat16, TestDevice>(x, y, options, dw.view(), none)), ConfigError);
  }
}

TEST_CASE("bf16 linear layer refuses algorithms made for float", "[ops][bfloat16]") {
  const Tensor<bfloat16, TestDevice> x(Shape{2, 8}), weight(Shape{16, 8}), dy(Shape{2, 16});
  Tensor<bfloat16, TestDevice> y(dy.shape()), dx(x.shape());
  Tensor<float, TestDevice> dw(weight.shape());
  const auto none = View<float, TestDevice>();
  const LinearOptions options{.algorithm = ConvAlgorithm::bf16x2};
  CHECK_THROWS_AS((linear_forward<bfloat16, TestDevice>(x, weight, none, y.view(), options)), ConfigError);
  CHECK_THROWS_AS((linear_backward_input<bfloat16, TestDevice>(dy, weight, dx.view(), options)), ConfigError);
  CHECK_THROWS_AS((linear_backward_weight<bfloat16, TestDevice>(x, dy, dw.view(), options)), ConfigError);
  CHECK_THROWS_AS((linear_backward_parameters<bfloat16, TestDevice>(x, dy, dw.view(), none, options)), ConfigError);
}

TEST_CASE("bf16 operations refuse gradients of other shapes", "[ops][bfloat16]") {
  const Tensor<bfloat16, TestDevice> x(Shape{1, 4, 4, 8}), dy(Shape{1, 4, 4, 16});
  Tensor<float, TestDevice> dw(Shape{16, 1, 1, 8}), db(Shape{16}), other(Shape{8});
  const auto gradients = [&](auto& weight, auto& bias) {
    conv2d_backward_parameters<bfloat16, TestDevice>(x, dy, {}, weight.view(), bias.view());
  };
  CHECK_NOTHROW(gradients(dw, db));
  CHECK_THROWS_AS(gradients(dw, other), ShapeError);
  Tensor<float, TestDevice> wrong(Shape{16, 3, 3, 8});
  CHECK_THROWS_AS(gradients(wrong, db), ShapeError);
}
