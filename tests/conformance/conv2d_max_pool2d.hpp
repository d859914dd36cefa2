#pragma once
/// Convolutions that end with max pooling: their cases, and what is compared.

#include <cmath>
#include <cstdint>
#include <vector>

#include <fusiform/ops/conv2d_max_pool2d.hpp>

#include "tests/conformance/pool_windows.hpp"
#include "tests/support/convolution_reference.hpp"

namespace fusiform::test {

struct ConvPoolCase {
  Shape x, weight;
  Conv2dOptions options;

  [[nodiscard]] Shape between() const { return conv2d_output_shape(x, weight, options); }
  [[nodiscard]] Shape y() const { return max_pool2d_output_shape(between(), {}); }
};

/// Odd rows and columns that no window takes, one window, channels in whole vectors and others, several tiles.
inline std::vector<ConvPoolCase> conv_pool_cases() {
  return {{{1, 2, 2, 1}, {3, 1, 1, 1}, {}},                   // one window
          {{2, 4, 3, 16}, {12, 2, 2, 16}, {}},                // 3 x 2 to one window
          {{3, 7, 9, 3}, {5, 3, 3, 3}, {.padding = 1}},       //
          {{1, 7, 9, 72}, {40, 3, 3, 72}, {.padding = 1}},    // whole vectors of channels
          {{1, 7, 9, 130}, {33, 3, 3, 130}, {.padding = 1}},  // channels that fill no vector
          {{1, 5, 7, 8}, {130, 1, 1, 8}, {}},                 // several tiles of outputs
          {{3, 9, 11, 4}, {8, 3, 2, 4}, {.stride = 2, .padding = 1}},
          {{1, 23, 19, 3}, {5, 11, 11, 3}, {.stride = 4, .padding = 2}},
          {{11, 7, 9, 8}, {128, 3, 3, 8}, {.padding = 1}},  // the large tiles
          {{0, 5, 5, 3}, {4, 3, 3, 3}, {.padding = 1}}};    // no images
}

template <class T>
struct Maxima {
  Tensor<T, Cpu> y;
  Tensor<std::int32_t, Cpu> positions;
};

/// What a search of every window finds: the last NaN, or else the first of the largest.
template <class T>
[[nodiscard]] Maxima<T> searched_maxima(const Tensor<T, Cpu>& images, bool after_relu) {
  const Shape x = images.shape(), shape = max_pool2d_output_shape(x, {});
  const auto values = in_double(images);
  Maxima<T> result{Tensor<T, Cpu>(shape), Tensor<std::int32_t, Cpu>(shape)};
  for_each_window(x, {x, 2, 2, 0}, shape, [&](Index n, Index c, Index out, const std::vector<Index>& pixels) {
    const auto at = [&](Index pixel) { return (n * x[1] * x[2] + pixel) * x[3] + c; };
    Index best = *std::max_element(pixels.begin(), pixels.end(),
                                   [&](Index a, Index b) { return values[at(a)] < values[at(b)]; });
    for (const Index pixel : pixels)
      if (std::isnan(values[at(pixel)])) best = pixel;
    result.y[out] = images[at(best)];
    result.positions[out] = after_relu && values[at(best)] <= 0 ? -1 : static_cast<std::int32_t>(best);
  });
  return result;
}

/// What `run(y, positions)` writes, and that y is the same without positions.
template <class T, class Run>
[[nodiscard]] Maxima<T> maxima_of(const Shape& shape, const Run& run) {
  Maxima<T> result;
  result.y = result_of<T>(shape, [&](View<T, TestDevice> y) { run(y, View<std::int32_t, TestDevice>()); });
  result.positions = result_of<std::int32_t>(shape, [&](View<std::int32_t, TestDevice> positions) {
    Tensor<T, TestDevice> y(shape);
    run(y.view(), positions);
    CHECK(same_bits(on_host(y), result.y));
  });
  return result;
}

/// -1, 0 and 1 at random. Sums of their products are exact in every scalar, and often equal.
template <class T>
[[nodiscard]] Tensor<T, Cpu> few_levels(const Shape& shape, Rng rng) {
  Tensor<double, Cpu> result(shape);
  for (double& value : result.span()) value = std::floor(rng.uniform(-1, 2));
  return in_scalar<T>(result);
}

/// Operands of a case, and the convolution's result in double.
template <class T>
struct ConvPoolOperands {
  ConvPoolOperands(const ConvPoolCase& c, bool with_few_levels)
      : x(with_few_levels ? few_levels<T>(c.x, Rng(1)) : random_elements<T>(c.x, Rng(1))),
        weight(with_few_levels ? few_levels<T>(c.weight, Rng(2)) : random_elements<T>(c.weight, Rng(2))),
        bias(with_few_levels ? few_levels<Master<T>>({c.weight[0]}, Rng(3))
                             : random_elements<Master<T>>({c.weight[0]}, Rng(3))) {}

  Tensor<T, Cpu> x, weight;
  Tensor<Master<T>, Cpu> bias;

  [[nodiscard]] Tensor<double, Cpu> between(const Conv2dOptions& options) const {
    const Tensor<double, Cpu> dy(conv2d_output_shape(x.shape(), weight.shape(), options));
    auto y = convolution_reference(in_double(x), in_double(weight), in_double(bias), dy, options).y;
    if (options.relu)
      for (double& value : y.span()) value = value <= 0 ? 0 : value;
    return y;
  }
  /// The operation's; after_relu as the options say.
  [[nodiscard]] Maxima<T> maxima(const Conv2dOptions& options) const {
    const Shape shape = max_pool2d_output_shape(conv2d_output_shape(x.shape(), weight.shape(), options), {});
    const auto x_there = on_device(x), weight_there = on_device(weight);
    const auto bias_there = on_device(bias);
    return maxima_of<T>(shape, [&](View<T, TestDevice> y, View<std::int32_t, TestDevice> positions) {
      conv2d_max_pool2d_forward<T, TestDevice>(x_there, weight_there, bias_there, options, options.relu, y, positions);
    });
  }
};

}  // namespace fusiform::test
