#pragma once
/// Input gradients that go back through the ReLU before a convolution: their cases, and what is compared.

#include <cmath>
#include <limits>
#include <vector>

#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/relu.hpp>

#include "tests/conformance/scalars.hpp"
#include "tests/support/convolution_reference.hpp"

namespace fusiform::test {

struct ReluOutputCase {
  Shape x, weight;
  Conv2dOptions options;
};

/// Channels in whole vectors and others, one launch and several, pixels that no tap reaches, several tiles.
inline std::vector<ReluOutputCase> relu_output_cases() {
  return {{{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
          {{1, 7, 9, 72}, {40, 3, 3, 72}, {.padding = 1}},
          {{1, 7, 9, 130}, {33, 3, 3, 130}, {.padding = 1}},
          {{3, 9, 11, 3}, {8, 3, 2, 3}, {.stride = 2, .padding = 1}},
          {{1, 23, 19, 4}, {5, 11, 11, 4}, {.stride = 4, .padding = 2}},
          {{2, 7, 7, 8}, {16, 1, 1, 8}, {.stride = 3}},
          {{2, 11, 10, 4}, {4, 2, 2, 4}, {.stride = 5, .padding = 1}},
          {{11, 7, 9, 128}, {8, 3, 3, 128}, {.padding = 1}},
          {{0, 5, 5, 8}, {4, 3, 3, 8}, {.padding = 1}}};
}

template <class T>
struct ReluOutputOperands {
  explicit ReluOutputOperands(const ReluOutputCase& c)
      : weight(random_elements<T>(c.weight, Rng(1))),
        dy(random_elements<T>(conv2d_output_shape(c.x, c.weight, c.options), Rng(2))),
        relu_output(random_elements<T>(c.x, Rng(3))),
        options(c.options) {
    // Half of them 0, and a NaN, which lets gradients pass.
    auto values = in_double(relu_output);
    for (double& value : values.span()) value = std::max(value, 0.0);
    if (!values.empty()) values[values.size() / 2] = std::numeric_limits<double>::quiet_NaN();
    relu_output = in_scalar<T>(values);
  }

  Tensor<T, Cpu> weight, dy, relu_output;
  Conv2dOptions options;

  /// What backward_input(dy, weight, options, dx, relu_output) writes.
  template <class BackwardInput>
  [[nodiscard]] Tensor<T, Cpu> dx(const BackwardInput& backward_input, const Conv2dOptions& with) const {
    const auto dy_there = on_device(dy), weight_there = on_device(weight), relu_there = on_device(relu_output);
    return result_of<T>(relu_output.shape(), [&](View<T, TestDevice> result) {
      backward_input(dy_there, weight_there, with, result, relu_there);
    });
  }
  [[nodiscard]] Tensor<double, Cpu> expected() const {
    const Tensor<double, Cpu> x(relu_output.shape()), bias(Shape{weight.shape()[0]});
    auto dx = convolution_reference(x, in_double(weight), bias, in_double(dy), options).dx;
    const auto outputs = in_double(relu_output);
    for (Index i = 0; i < dx.size(); ++i)
      if (outputs[i] <= 0) dx[i] = 0;
    return dx;
  }
};

/// That backward_input(dy, weight, options, dx, relu_output) is that without a ReLU's output, and relu_backward.
template <class T, class BackwardInput>
void require_both_gradients(const BackwardInput& backward_input, ConvAlgorithm algorithm) {
  for (const ReluOutputCase& c : relu_output_cases()) {
    CAPTURE(c.x, c.weight, static_cast<int>(algorithm));
    Conv2dOptions options = c.options;
    options.algorithm = algorithm;
    const ReluOutputOperands<T> o(c);
    const auto dy = on_device(o.dy), weight = on_device(o.weight), relu_output = on_device(o.relu_output);
    const auto expected = result_of<T>(c.x, [&](View<T, TestDevice> result) {
      Tensor<T, TestDevice> dx(c.x);
      backward_input(dy, weight, options, dx.view(), View<const T, TestDevice>());
      relu_backward<T, TestDevice>(relu_output, dx, result);
    });
    CHECK(same_bits(o.dx(backward_input, options), expected));
  }
}

}  // namespace fusiform::test
