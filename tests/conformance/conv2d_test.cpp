/// Convolutions against their definition in double, at sizes around the tiles of all devices.

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/relu.hpp>

#include "tests/conformance/test_device.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/tensors.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.x << " * " << c.weight << " stride " << c.options.stride << " padding " << c.options.padding;
}

std::vector<Case> cases() {
  return {{{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
          {{3, 7, 9, 3}, {5, 3, 3, 3}, {.padding = 1}},
          {{2, 7, 9, 72}, {40, 3, 3, 72}, {.padding = 1}},                // whole vectors of channels, odd tiles
          {{1, 7, 9, 130}, {33, 3, 3, 130}, {.padding = 1}},              // channels that fill no vector
          {{1, 5, 7, 8}, {130, 1, 1, 8}, {}},                             // several tiles of outputs
          {{3, 9, 11, 4}, {8, 3, 2, 4}, {.stride = 2, .padding = 1}},     //
          {{2, 8, 7, 12}, {20, 3, 3, 12}, {.stride = 2, .padding = 1}},   //
          {{1, 23, 19, 3}, {5, 11, 11, 3}, {.stride = 4, .padding = 2}},  //
          {{2, 7, 7, 5}, {4, 1, 1, 5}, {.stride = 3}},                    // stride > kernel: pixels that nobody sees
          {{2, 11, 10, 4}, {4, 2, 2, 4}, {.stride = 5, .padding = 1}},    //
          {{1, 2, 3, 2}, {3, 2, 2, 2}, {.stride = 7, .padding = 0}},      // stride > image
          {{2, 4, 5, 8}, {4, 3, 3, 8}, {.padding = 2}},                   // padding = kernel - 1
          {{1, 2, 2, 3}, {2, 5, 5, 3}, {.padding = 4}},                   // kernel larger than the image
          {{2, 3, 3, 4}, {3, 1, 1, 4}, {.padding = 2}},                   // outputs that see nothing but padding
          {{2, 6, 5, 16}, {70, 1, 1, 16}, {.stride = 2}},                 // pixels with gaps between them
          {{3, 33, 31, 1}, {8, 3, 3, 1}, {.padding = 1}},                 // several ranges of pixels
          {{2, 36, 33, 4}, {12, 3, 3, 4}, {.padding = 1}},                //
          {{0, 5, 5, 3}, {4, 3, 3, 3}, {.padding = 1}},                   // no images
          {{0, 6, 6, 8}, {12, 3, 3, 8}, {.stride = 2, .padding = 1}}};
}

template <Scalar T>
struct Problem {
  explicit Problem(const Case& c)
      : options(c.options),
        x(uniform_tensor<T>(c.x, "x")),
        weight(uniform_tensor<T>(c.weight, "weight")),
        bias(uniform_tensor<T>(Shape{c.weight[0]}, "bias")),
        dy(uniform_tensor<T>(conv2d_output_shape(c.x, c.weight, c.options), "dy")) {}

  Conv2dOptions options;
  Tensor<T, Cpu> x, weight, bias, dy;

  [[nodiscard]] Tensor<T, Cpu> y(bool with_bias = true) const {
    return result_of<T>(dy.shape(), [&](View<T, TestDevice> result) {
      const auto device_bias = with_bias ? on_device(bias) : Tensor<T, TestDevice>();
      conv2d_forward<T, TestDevice>(on_device(x), on_device(weight), device_bias, options, result);
    });
  }
  [[nodiscard]] Tensor<T, Cpu> dx() const {
    return result_of<T>(x.shape(), [&](View<T, TestDevice> result) {
      conv2d_backward_input<T, TestDevice>(on_device(dy), on_device(weight), options, result);
    });
  }
  [[nodiscard]] Tensor<T, Cpu> dw() const {
    return result_of<T>(weight.shape(), [&](View<T, TestDevice> result) {
      conv2d_backward_weight<T, TestDevice>(on_device(x), on_device(dy), options, result);
    });
  }
  [[nodiscard]] Tensor<T, Cpu> db() const {
    return result_of<T>(
        bias.shape(), [&](View<T, TestDevice> result) { conv2d_backward_bias<T, TestDevice>(on_device(dy), result); });
  }
};

template <Scalar T>
ConvolutionReference reference_of(const Problem<T>& p) {
  return convolution_reference(converted<double>(p.x), converted<double>(p.weight), converted<double>(p.bias),
                               converted<double>(p.dy), p.options);
}

/// The algorithms of the device that apply to a convolution.
std::vector<ConvAlgorithm> algorithms_for(const Shape& weight, const Conv2dOptions& options) {
  std::vector<ConvAlgorithm> result{ConvAlgorithm::automatic, ConvAlgorithm::implicit_gemm};
  if (std::same_as<TestDevice, Cpu>) {
    result.push_back(ConvAlgorithm::direct);
    if (winograd_applies(weight, options)) {
      result.push_back(ConvAlgorithm::winograd_2x2);
      result.push_back(ConvAlgorithm::winograd_4x4);
    }
  }
  return result;
}

/// Image `n` of a tensor, or of a part of a batch.
template <class T>
Tensor<T, Cpu> image_of(const Tensor<T, Cpu>& batch, Index n) {
  return Tensor<T, Cpu>(batch.shape().with_batch(1), batch.view().batch_range(n, 1).span());
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("conv2d is the definition, up to rounding", "[ops][conv2d]", TestScalars) {
  using T = TestType;
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<T> p(c);
    const ConvolutionReference expected = reference_of(p);
    // A sum of K terms in the scalar's precision: rounding errors of half a unit in the last place of the running sum,
    // which grows like sqrt(k). Seven times what that gives; a wrong or missing term is 1 / sqrt(K).
    const auto bound = [](Index terms) {
      return (std::same_as<T, float> ? 4e-7 : 8e-16) * std::sqrt(static_cast<double>(terms) + 1);
    };
    const Index taps = c.weight[1] * c.weight[2], pixels = p.dy.size() / c.weight[0];
    CHECK(normalised_error(expected.y, p.y()) <= bound(taps * c.weight[3]));
    CHECK(normalised_error(expected.dx, p.dx()) <= bound(taps * c.weight[0]));
    CHECK(normalised_error(expected.dw, p.dw()) <= bound(pixels));
    CHECK(normalised_error(expected.db, p.db()) <= bound(pixels));
  }
}

TEST_CASE("conv2d by bf16x2 is the definition within 2e-5", "[ops][conv2d]") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    Problem<float> p(c);
    p.options.algorithm = ConvAlgorithm::bf16x2;
    if (std::same_as<TestDevice, Cpu>) {
      CHECK_THROWS_AS(p.y(), ConfigError);
      CHECK_THROWS_AS(p.dx(), ConfigError);
      CHECK_THROWS_AS(p.dw(), ConfigError);
      continue;
    }
    const ConvolutionReference expected = reference_of(p);
    // Two bf16 keep 16 bits of a number, of which the product of the lower halves is left out: about 5e-6 of each
    // product, and less of a sum. Results that are zero must be so.
    CHECK(normalised_error(expected.y, p.y()) <= 2e-5);
    CHECK(normalised_error(expected.dx, p.dx()) <= 2e-5);
    CHECK(normalised_error(expected.dw, p.dw()) <= 2e-5);
  }
}

TEST_CASE("conv2d: an image's output and input gradient do not depend on the rest of the batch", "[ops][conv2d]") {
  // Batches for which the devices choose other tiles than for one image.
  std::vector<ConvAlgorithm> algorithms{ConvAlgorithm::automatic};
  if (std::same_as<TestDevice, Cuda>) algorithms.push_back(ConvAlgorithm::bf16x2);
  for (const Case& c : {Case{{11, 7, 9, 8}, {128, 3, 3, 8}, {.padding = 1}},
                        Case{{9, 9, 9, 16}, {16, 3, 3, 16}, {.stride = 2, .padding = 1}},
                        Case{{5, 9, 8, 3}, {7, 3, 3, 3}, {.stride = 2, .padding = 1}}})
    for (const ConvAlgorithm algorithm : algorithms) {
      CAPTURE(c, static_cast<int>(algorithm));
      Problem<float> batch(c);
      batch.options.algorithm = algorithm;
      const auto y = batch.y(), dx = batch.dx();
      for (const Index n : {Index{0}, c.x[0] - 1}) {
        Problem<float> one = batch;
        one.x = image_of(batch.x, n);
        one.dy = image_of(batch.dy, n);
        CHECK(same_bits(image_of(y, n), one.y()));
        CHECK(same_bits(image_of(dx, n), one.dx()));
      }
    }
}

TEST_CASE("conv2d takes its batch from anywhere in a tensor", "[ops][conv2d]") {
  // The first image begins at a multiple of 16 bytes, the second does not.
  const Case c{{2, 3, 3, 1}, {5, 2, 2, 1}, {}};
  const Problem<float> p(c);
  const auto expected = p.y();
  const auto second = result_of<float>(expected.shape().with_batch(1), [&](View<float, TestDevice> result) {
    const auto x = on_device(p.x);
    conv2d_forward<float, TestDevice>(x.view().batch_range(1, 1), on_device(p.weight), on_device(p.bias), p.options,
                                      result);
  });
  CHECK(same_bits(image_of(expected, 1), second));
}

TEST_CASE("conv2d without a bias is conv2d with a bias of 0, to the bit", "[ops][conv2d]") {
  for (const Case& c : {Case{{2, 5, 6, 8}, {12, 3, 3, 8}, {}}, Case{{1, 5, 6, 3}, {7, 3, 3, 3}, {.padding = 1}}}) {
    Problem<float> p(c);
    p.bias.fill(0);
    CHECK(same_bits(p.y(true), p.y(false)));
  }
}

TEST_CASE("conv2d with ReLU is conv2d, then ReLU, to the bit", "[ops][conv2d]") {
  const ConvAlgorithm other = std::same_as<TestDevice, Cuda> ? ConvAlgorithm::bf16x2 : ConvAlgorithm::implicit_gemm;
  for (const Case& c : {Case{{2, 5, 6, 8}, {12, 3, 3, 8}, {}}, Case{{1, 5, 6, 3}, {7, 3, 3, 3}, {.padding = 1}},
                        Case{{1, 5, 6, 8}, {12, 3, 3, 8}, {.algorithm = other}}}) {
    Problem<float> p(c);
    p.x[0] = std::numeric_limits<float>::quiet_NaN();  // ReLU hides no number that is none
    const auto sums = p.y();
    const auto expected =
        result_of<float>(sums.shape(), [&](View<float, TestDevice> result) { relu_forward(on_device(sums), result); });
    p.options.relu = true;
    const auto y = p.y();
    CHECK(same_bits(expected, y));
    CHECK(std::isnan(y[0]));
  }
}

TEST_CASE("conv2d agrees with PyTorch", "[ops][conv2d]") {
  const Goldens goldens;
  const std::vector<Conv2dOptions> options{{1, 1}, {2, 2}, {4, 2}, {1, 0}, {2, 1}, {1, 0}, {1, 1}, {1, 0}, {2, 3}};
  for (std::size_t i = 0; i < options.size(); ++i) {
    CAPTURE(i);
    const std::string name = "conv2d." + std::to_string(i);
    Problem<float> p({{1, 1, 1, 1}, {1, 1, 1, 1}, {}});
    p.options = options[i];
    p.x = goldens.tensor<float>(name + ".x");
    p.weight = goldens.tensor<float>(name + ".weight");
    p.bias = goldens.tensor<float>(name + ".bias");
    p.dy = goldens.tensor<float>(name + ".dy");
    for (const ConvAlgorithm algorithm : algorithms_for(p.weight.shape(), p.options)) {
      CAPTURE(static_cast<int>(algorithm));
      p.options.algorithm = algorithm;
      // Two float computations, each within 3e-7 * sqrt(400 terms) at worst of the truth.
      CHECK(normalised_error(goldens.tensor<float>(name + ".y"), p.y()) < 5e-6);
      CHECK(normalised_error(goldens.tensor<float>(name + ".dx"), p.dx()) < 5e-6);
      CHECK(normalised_error(goldens.tensor<float>(name + ".dweight"), p.dw()) < 5e-6);
      CHECK(normalised_error(goldens.tensor<float>(name + ".dbias"), p.db()) < 5e-6);
    }
  }
}

TEST_CASE("conv2d names what does not fit", "[ops][conv2d]") {
  CHECK(conv2d_output_shape({8, 224, 224, 3}, {64, 3, 3, 3}, {.padding = 1}) == Shape{8, 224, 224, 64});
  CHECK(conv2d_output_shape({1, 224, 224, 3}, {64, 11, 11, 3}, {.stride = 4, .padding = 2}) == Shape{1, 55, 55, 64});
  CHECK_THROWS_WITH(conv2d_output_shape({1, 8, 8, 64}, {8, 3, 3, 128}, {}),
                    "conv2d: expected 128 input channels, got 64");
  CHECK_THROWS_AS(conv2d_output_shape({1, 2, 8, 4}, {8, 3, 3, 4}, {}), ShapeError);
  CHECK_THROWS_AS(conv2d_output_shape({2, 8, 4}, {8, 3, 3, 4}, {}), ShapeError);
  CHECK_THROWS_AS(conv2d_output_shape({1, 8, 8, 4}, {8, 3, 3, 4}, {.stride = 0}), ConfigError);
  CHECK_THROWS_AS(conv2d_output_shape({1, 8, 8, 4}, {8, 3, 3, 4}, {.padding = -1}), ConfigError);
  CHECK_THROWS_WITH(conv2d_output_shape({1, 8, 8, 4}, {8, 5, 5, 4}, {.algorithm = ConvAlgorithm::winograd_4x4}),
                    Catch::Matchers::Contains("3 x 3 filters and stride 1 for a Winograd algorithm"));
  Tensor<float, TestDevice> x(Shape{1, 8, 8, 4}), w(Shape{8, 3, 3, 4}), small(Shape{1, 5, 6, 8}), bias(Shape{7}),
      y(Shape{1, 6, 6, 8});
  const View<const float, TestDevice> none;
  CHECK_THROWS_AS((conv2d_forward<float, TestDevice>(x, w, none, {}, small.view())), ShapeError);
  CHECK_THROWS_AS((conv2d_forward<float, TestDevice>(x, w, bias, {}, y.view())), ShapeError);
  CHECK_THROWS_AS((conv2d_backward_input<float, TestDevice>(small, w, {}, x.view())), ShapeError);
  CHECK_THROWS_AS((conv2d_backward_weight<float, TestDevice>(x, small, {}, w.view())), ShapeError);
  CHECK_THROWS_AS((conv2d_backward_bias<float, TestDevice>(y, bias.view())), ShapeError);
}

TEST_CASE("conv2d refuses the algorithms of other devices", "[ops][conv2d]") {
  std::vector<ConvAlgorithm> others{ConvAlgorithm::cudnn};
  if (std::same_as<TestDevice, Cuda>)
    others = {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4};
  for (const ConvAlgorithm algorithm : others) {
    Problem<float> p({{1, 4, 4, 4}, {4, 3, 3, 4}, {.padding = 1}});
    p.options.algorithm = algorithm;
    CHECK_THROWS_AS(p.y(), ConfigError);
    CHECK_THROWS_AS(p.dx(), ConfigError);
    CHECK_THROWS_AS(p.dw(), ConfigError);
  }
}
