/// The kernels of the direct convolution, at sizes around their tiles (1 to 14 rows, 1 to 4 vectors), pieces (56 to 128
/// pixels of a row), bands (8 rows or 1,024 pixels) and chunks (2,048 pixels).

#include <cmath>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/conv2d_direct.hpp>
#include <fusiform/ops/relu.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

struct Case {
  Shape x;
  Shape weight;
  Conv2dOptions options;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.x << " * " << c.weight << " stride " << c.options.stride << " padding " << c.options.padding;
}

std::vector<Case> cases() {
  std::vector<Case> all{
      // The first one leaves numbers in the working memory that the others must not read.
      {{1, 9, 260, 3}, {20, 5, 7, 3}, {.stride = 2, .padding = 2}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{1, 3, 3, 1}, {1, 3, 3, 1}, {}},
      {{2, 5, 7, 3}, {4, 3, 3, 3}, {.padding = 1}},
      {{3, 7, 7, 5}, {4, 1, 1, 5}, {}},
      {{2, 9, 11, 5}, {37, 3, 2, 5}, {.stride = 2, .padding = 1}},
      {{2, 6, 9, 4}, {7, 2, 5, 4}, {.padding = 1}},
      {{1, 23, 19, 3}, {5, 11, 11, 3}, {.stride = 4, .padding = 2}},
      {{2, 10, 10, 8}, {8, 7, 7, 8}, {.stride = 2, .padding = 3}},
      {{2, 7, 7, 5}, {4, 1, 1, 5}, {.stride = 3}},  // stride > kernel: pixels that nobody sees
      {{2, 11, 10, 3}, {4, 2, 2, 3}, {.stride = 5, .padding = 1}},
      {{2, 4, 5, 6}, {3, 3, 3, 6}, {.padding = 2}},  // padding = kernel - 1
      {{1, 2, 2, 3}, {2, 5, 5, 3}, {.padding = 4}},  // kernel larger than the image
      {{1, 2, 2, 3}, {2, 5, 5, 3}, {.stride = 3, .padding = 4}},
      {{2, 3, 3, 2}, {3, 1, 1, 2}, {.padding = 2}},     // outputs that see nothing but padding
      {{1, 5, 6, 1}, {33, 7, 7, 1}, {.padding = 3}},    // more taps in a row than are unrolled
      {{1, 6, 7, 9}, {17, 3, 3, 9}, {.padding = 1}},    // pixels of three groups
      {{2, 40, 41, 3}, {96, 3, 3, 3}, {.padding = 1}},  // several bands; one panel and a half
      {{1, 3, 131, 3}, {70, 3, 3, 3}, {.padding = 1}},  // several pieces of a row
      {{3, 61, 59, 2}, {18, 3, 3, 2}, {.padding = 1}},  // several chunks
      {{1, 8, 9, 57}, {33, 3, 3, 57}, {.padding = 1}},  // many channels
      {{0, 5, 5, 3}, {4, 3, 3, 3}, {.padding = 1}},     // empty batch
  };
  // Every size of a tile of pixels, of channels and of outputs.
  for (Index size = 1; size <= 30; ++size) {
    all.push_back({{1, 2, size, 3}, {4 * size, 2, 1, 3}, {}});
    all.push_back({{1, 2, 4, size}, {5, 1, 1, size}, {}});
  }
  return all;
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
};

template <Scalar T>
void forward(const Problem<T>& p, bool with_bias, const Conv2dOptions& options, Tensor<T, Cpu>& y) {
  const View<const T, Cpu> bias = with_bias ? View<const T, Cpu>(p.bias) : View<const T, Cpu>();
  kernels::conv2d_forward_direct<T>(p.x, p.weight, bias, options, y.view());
}

template <Scalar T>
struct Results {
  explicit Results(const Problem<T>& p)
      : y(poisoned_tensor<T>(p.dy.shape())),
        dx(poisoned_tensor<T>(p.x.shape())),
        dw(poisoned_tensor<T>(p.weight.shape())) {
    forward(p, true, p.options, y);
    kernels::conv2d_backward_input_direct<T>(p.dy, p.weight, p.options, dx.view());
    kernels::conv2d_backward_weight_direct<T>(p.x, p.dy, p.options, dw.view());
  }

  Tensor<T, Cpu> y, dx, dw;
};

template <Scalar T>
ConvolutionReference reference_of(const Problem<T>& p) {
  return convolution_reference(converted<double>(p.x), converted<double>(p.weight), converted<double>(p.bias),
                               converted<double>(p.dy), p.options);
}

template <Scalar T>
bool all_same_bits(const Results<T>& a, const Results<T>& b) {
  return same_bits(a.y, b.y) && same_bits(a.dx, b.dx) && same_bits(a.dw, b.dw);
}

}  // namespace

TEST_CASE("direct convolution in double is the definition") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<double> problem(c);
    const Results<double> found(problem);
    const ConvolutionReference expected = reference_of(problem);
    // At most 11,000 terms of size 1 in another order: sqrt(11,000) * 1.1e-16 = 1.2e-14 if they were added one by one;
    // in blocks it is less.
    CHECK(normalised_error(expected.y, found.y) < 1e-14);
    CHECK(normalised_error(expected.dx, found.dx) < 1e-14);
    CHECK(normalised_error(expected.dw, found.dw) < 1e-14);
  }
}

TEST_CASE("direct convolution in float is the definition, up to rounding") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<float> problem(c);
    const Results<float> found(problem);
    const ConvolutionReference expected = reference_of(problem);
    // A sum of K terms with independent rounding errors of 6e-8 of the running sum, which grows like sqrt(k):
    // relative to the result 6e-8 * sqrt(K / 2). Three times that; a wrong or missing term is 1 / sqrt(K).
    const auto bound = [](Index terms) { return 2e-7 * std::sqrt(static_cast<double>(terms) + 1); };
    const Shape w = c.weight;
    CHECK(normalised_error(expected.y, found.y) < bound(w[1] * w[2] * w[3]));
    CHECK(normalised_error(expected.dx, found.dx) < bound(w[1] * w[2] * w[0]));
    CHECK(normalised_error(expected.dw, found.dw) < bound(problem.dy.size() / w[0]));
  }
}

TEST_CASE("direct convolution: without bias, and followed by ReLU") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    Problem<float> p(c);
    Tensor<float, Cpu> y = poisoned_tensor<float>(p.dy.shape());
    forward(p, true, p.options, y);
    Tensor<float, Cpu> expected(y.shape());
    relu_forward<float, Cpu>(y, expected.view());
    Conv2dOptions fused = p.options;
    fused.relu = true;
    Tensor<float, Cpu> found = poisoned_tensor<float>(y.shape());
    forward(p, true, fused, found);
    CHECK(same_bits(expected, found));

    forward(p, false, p.options, found);
    p.bias.fill(0);
    forward(p, true, p.options, expected);
    CHECK(same_bits(expected, found));
  }
}

TEST_CASE("direct convolution: the number of threads does not change a bit") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<float> problem(c);
    const auto with_threads = [&](int threads) {
      const ThreadCount guard(threads);
      return Results<float>(problem);
    };
    const Results<float> one = with_threads(1);
    CHECK(all_same_bits(one, with_threads(2)));
    CHECK(all_same_bits(one, with_threads(5)));
  }
}

TEST_CASE("direct convolution runs inside a parallel loop") {
  const Problem<float> problem({{1, 33, 33, 3}, {40, 3, 3, 3}, {.padding = 1}});
  const Results<float> alone(problem);
  std::vector<char> same(8, 0);
  parallel_for(
      8, [&](Index i) { same[static_cast<std::size_t>(i)] = all_same_bits(alone, Results<float>(problem)) ? 1 : 0; });
  CHECK(same == std::vector<char>(8, 1));
}

TEST_CASE("direct convolution: an image's output and input gradient do not depend on the rest of the batch") {
  for (const Case& c : {Case{{6, 45, 31, 3}, {35, 3, 3, 3}, {.padding = 1}},
                        Case{{6, 45, 31, 3}, {35, 7, 7, 3}, {.stride = 2, .padding = 3}}}) {
    const Problem<float> batch(c);
    const Results<float> all(batch);
    for (Index n = 0; n < 6; ++n) {
      Tensor<float, Cpu> y(batch.dy.shape().with_batch(1));
      Tensor<float, Cpu> dx(batch.x.shape().with_batch(1));
      kernels::conv2d_forward_direct<float>(batch.x.view().batch_range(n, 1), batch.weight, batch.bias, batch.options,
                                            y.view());
      kernels::conv2d_backward_input_direct<float>(batch.dy.view().batch_range(n, 1), batch.weight, batch.options,
                                                   dx.view());
      Tensor<float, Cpu> part(y.shape(), all.y.view().batch_range(n, 1).span());
      Tensor<float, Cpu> gradient_part(dx.shape(), all.dx.view().batch_range(n, 1).span());
      CHECK(same_bits(part, y));
      CHECK(same_bits(gradient_part, dx));
    }
  }
}
