#include <cmath>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/relu.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/differences.hpp"
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
  return out << c.x << " * " << c.weight << " stride " << c.options.stride << " padding " << c.options.padding
             << " algorithm " << static_cast<int>(c.options.algorithm);
}

/// Sizes around the tile (14 or 6 rows, 32/16/8 columns), the blocks (256 or 128 columns of patches, 224 or 96 pixels)
/// and the chunks (1024 pixels), and every odd geometry.
std::vector<Case> shapes() {
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
      {{2, 7, 7, 5}, {4, 1, 1, 5}, {.stride = 3}},                     // stride > kernel: pixels that nobody sees
      {{2, 11, 10, 3}, {4, 2, 2, 3}, {.stride = 5, .padding = 1}},     //
      {{2, 4, 5, 6}, {3, 3, 3, 6}, {.padding = 2}},                    // padding = kernel - 1
      {{1, 2, 2, 3}, {2, 5, 5, 3}, {.padding = 4}},                    // kernel larger than the image
      {{1, 2, 2, 3}, {2, 5, 5, 3}, {.stride = 3, .padding = 4}},       //
      {{2, 3, 3, 2}, {3, 1, 1, 2}, {.padding = 2}},                    // outputs that see nothing but padding
      {{1, 8, 8, 32}, {64, 3, 3, 32}, {.padding = 1}},                 // 288 columns: two blocks
      {{1, 8, 9, 57}, {33, 3, 3, 57}, {.padding = 1}},                 // 513 columns, odd runs
      {{3, 29, 31, 3}, {17, 3, 3, 3}, {.padding = 1}},                 // 2,697 pixels: several chunks and blocks
      {{2, 24, 25, 16}, {15, 3, 3, 16}, {.stride = 2, .padding = 1}},  //
      {{1, 4, 4, 8}, {530, 1, 1, 8}, {}},                              // many outputs, few pixels
      {{0, 5, 5, 3}, {4, 3, 3, 3}, {.padding = 1}},                    // empty batch
      {{2, 14, 13, 40}, {70, 3, 3, 40}, {.padding = 1}},               // tiles that stick out, several panels
      {{1, 7, 6, 270}, {19, 3, 3, 270}, {.padding = 1}},               // more channels than one slice
      {{1, 6, 5, 19}, {270, 3, 3, 19}, {.padding = 0}},                // more outputs than one group
      {{5, 61, 59, 17}, {18, 3, 3, 17}, {.padding = 1}},               // several chunks of tiles
      {{1, 5, 6, 1}, {33, 7, 7, 1}, {.padding = 3}},    // more taps in a row than the direct algorithm unrolls
      {{1, 6, 7, 9}, {17, 3, 3, 9}, {.padding = 1}},    // pixels of three of its groups
      {{2, 40, 41, 3}, {96, 3, 3, 3}, {.padding = 1}},  // several of its bands; one panel and a half
      {{1, 3, 131, 3}, {70, 3, 3, 3}, {.padding = 1}},  // several of its pieces of a row
      {{3, 61, 59, 2}, {18, 3, 3, 2}, {.padding = 1}},  // several of its chunks
      {{2, 3, 5, 600}, {70, 1, 1, 600}, {}},            // slices of pixels; rows that are joined
      {{2, 9, 7, 20}, {66, 1, 1, 20}, {.stride = 2}},   // pixels with gaps between them
      {{1, 6, 5, 70}, {34, 3, 3, 70}, {.stride = 2, .padding = 1}},  // slices of two kernel rows and of one
      {{1, 2, 2, 270}, {5, 5, 5, 270}, {.padding = 4}},              // slices that are outside of the image
      {{2, 70, 30, 20}, {12, 5, 5, 20}, {.padding = 2}},             // several of its bands and of their groups
  };
  // Every size of a direct tile of pixels, of channels and of outputs.
  for (Index size = 1; size <= 30; ++size) {
    all.push_back({{1, 2, size, 3}, {4 * size, 2, 1, 3}, {}});
    all.push_back({{1, 2, 4, size}, {5, 1, 1, size}, {}});
  }
  return all;
}

/// The algorithms that apply to a convolution, `automatic` among them.
std::vector<ConvAlgorithm> algorithms_for(const Shape& weight, const Conv2dOptions& options) {
  std::vector<ConvAlgorithm> result{ConvAlgorithm::automatic, ConvAlgorithm::implicit_gemm, ConvAlgorithm::direct};
  if (winograd_applies(weight, options)) {
    result.push_back(ConvAlgorithm::winograd_2x2);
    result.push_back(ConvAlgorithm::winograd_4x4);
  }
  return result;
}

/// Every shape with every algorithm that applies.
std::vector<Case> cases() {
  std::vector<Case> result;
  for (Case c : shapes()) {
    for (const ConvAlgorithm algorithm : algorithms_for(c.weight, c.options)) {
      c.options.algorithm = algorithm;
      result.push_back(c);
    }
  }
  return result;
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
struct Results {
  explicit Results(const Problem<T>& p)
      : y(poisoned_tensor<T>(p.dy.shape())),
        dx(poisoned_tensor<T>(p.x.shape())),
        dw(poisoned_tensor<T>(p.weight.shape())),
        db(poisoned_tensor<T>(p.bias.shape())) {
    conv2d_forward<T, Cpu>(p.x, p.weight, p.bias, p.options, y.view());
    conv2d_backward_input<T, Cpu>(p.dy, p.weight, p.options, dx.view());
    conv2d_backward_weight<T, Cpu>(p.x, p.dy, p.options, dw.view());
    conv2d_backward_bias<T, Cpu>(p.dy, db.view());
  }

  Tensor<T, Cpu> y, dx, dw, db;
};

template <Scalar T>
ConvolutionReference reference_of(const Problem<T>& p) {
  return convolution_reference(converted<double>(p.x), converted<double>(p.weight), converted<double>(p.bias),
                               converted<double>(p.dy), p.options);
}

template <Scalar T>
bool all_same_bits(const Results<T>& a, const Results<T>& b) {
  return same_bits(a.y, b.y) && same_bits(a.dx, b.dx) && same_bits(a.dw, b.dw) && same_bits(a.db, b.db);
}

}  // namespace

TEST_CASE("conv2d in double is the definition") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<double> problem(c);
    const Results<double> found(problem);
    const ConvolutionReference expected = reference_of(problem);
    // At most 18,000 terms of size 1 in another order: sqrt(18,000) * 1.1e-16 = 1.5e-14 if they were added one by one;
    // in blocks it is less.
    CHECK(normalised_error(expected.y, found.y) < 1e-14);
    CHECK(normalised_error(expected.dx, found.dx) < 1e-14);
    CHECK(normalised_error(expected.dw, found.dw) < 1e-14);
    CHECK(normalised_error(expected.db, found.db) < 1e-14);
  }
}

TEST_CASE("conv2d in float is the definition, up to rounding") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<float> problem(c);
    const Results<float> found(problem);
    const ConvolutionReference expected = reference_of(problem);
    // A sum of K terms with independent rounding errors of 6e-8 of the running sum, which grows like sqrt(k):
    // relative to the result 6e-8 * sqrt(K / 2). Three times that; a wrong or missing term is 1 / sqrt(K).
    // Winograd's transforms pass through numbers some ten times larger than the result: ten more rounding errors.
    const double transforms = c.options.algorithm != ConvAlgorithm::implicit_gemm ? 1e-6 : 0;
    const auto bound = [&](Index terms) { return 2e-7 * std::sqrt(static_cast<double>(terms) + 1) + transforms; };
    const Shape w = c.weight;
    CHECK(normalised_error(expected.y, found.y) < bound(w[1] * w[2] * w[3]));
    CHECK(normalised_error(expected.dx, found.dx) < bound(w[1] * w[2] * w[0]));
    CHECK(normalised_error(expected.dw, found.dw) < bound(problem.dy.size() / w[0]));
    CHECK(normalised_error(expected.db, found.db) < bound(problem.dy.size() / w[0]));
  }
}

TEST_CASE("conv2d: the gradients are the adjoints of the forward pass") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<double> p(c);
    const Results<double> r(p);
    Tensor<double, Cpu> y(p.dy.shape());
    conv2d_forward<double, Cpu>(p.x, p.weight, View<const double, Cpu>(), p.options, y.view());
    // Both are sums of the same products; 1e-12 of the product of the norms leaves room for their rounding only.
    const double scale = std::sqrt(dot(y, y) * dot(p.dy, p.dy)) + 1e-300;
    CHECK(std::abs(dot(y, p.dy) - dot(p.x, r.dx)) <= 1e-12 * scale);
    CHECK(std::abs(dot(y, p.dy) - dot(p.weight, r.dw)) <= 1e-12 * scale);
  }
}

TEST_CASE("conv2d: the gradients are finite differences of the forward pass") {
  Problem<double> p({{2, 5, 6, 3}, {4, 3, 2, 3}, {.stride = 2, .padding = 1}});
  const Results<double> r(p);
  const auto loss = [&] {
    Tensor<double, Cpu> y(p.dy.shape());
    conv2d_forward<double, Cpu>(p.x, p.weight, p.bias, p.options, y.view());
    return dot(y, p.dy);
  };
  check_gradient_of_linear(loss, p.x, r.dx);
  check_gradient_of_linear(loss, p.weight, r.dw);
  check_gradient_of_linear(loss, p.bias, r.db);
}

TEST_CASE("conv2d: the number of threads does not change a bit") {
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

TEST_CASE("conv2d runs inside a parallel loop") {
  for (const Case& c :
       {Case{{1, 13, 13, 20}, {40, 3, 3, 20}, {.padding = 1}}, Case{{1, 13, 13, 20}, {40, 5, 5, 20}, {.padding = 1}},
        Case{{1, 33, 33, 3}, {40, 3, 3, 3}, {.padding = 1}}}) {
    const Problem<float> problem(c);
    const Results<float> alone(problem);
    std::vector<char> same(8, 0);
    parallel_for(
        8, [&](Index i) { same[static_cast<std::size_t>(i)] = all_same_bits(alone, Results<float>(problem)) ? 1 : 0; });
    CHECK(same == std::vector<char>(8, 1));
  }
}

TEST_CASE("conv2d: an image's output and input gradient do not depend on the rest of the batch") {
  for (Case c : cases()) {
    CAPTURE(c);
    c.x = c.x.with_batch(6);
    const Problem<float> batch(c);
    const Results<float> all(batch);
    for (const Index n : {0, 2, 5}) {
      Tensor<float, Cpu> y(batch.dy.shape().with_batch(1));
      Tensor<float, Cpu> dx(batch.x.shape().with_batch(1));
      conv2d_forward<float, Cpu>(batch.x.view().batch_range(n, 1), batch.weight, batch.bias, batch.options, y.view());
      conv2d_backward_input<float, Cpu>(batch.dy.view().batch_range(n, 1), batch.weight, batch.options, dx.view());
      Tensor<float, Cpu> part(y.shape(), all.y.view().batch_range(n, 1).span());
      Tensor<float, Cpu> gradient_part(dx.shape(), all.dx.view().batch_range(n, 1).span());
      CHECK(same_bits(part, y));
      CHECK(same_bits(gradient_part, dx));
    }
  }
}

TEST_CASE("conv2d without a bias is conv2d with a bias of 0, to the bit") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    Problem<float> p(c);
    p.bias.fill(0);
    const Results<float> r(p);
    Tensor<float, Cpu> y = poisoned_tensor<float>(p.dy.shape());
    conv2d_forward<float, Cpu>(p.x, p.weight, View<const float, Cpu>(), p.options, y.view());
    CHECK(same_bits(r.y, y));
  }
}

TEST_CASE("conv2d with ReLU is conv2d, then ReLU, to the bit") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    const Problem<float> p(c);
    const Results<float> r(p);
    Tensor<float, Cpu> expected(p.dy.shape());
    relu_forward<float, Cpu>(r.y, expected.view());
    Tensor<float, Cpu> y = poisoned_tensor<float>(p.dy.shape());
    Conv2dOptions options = c.options;
    options.relu = true;
    conv2d_forward<float, Cpu>(p.x, p.weight, p.bias, options, y.view());
    CHECK(same_bits(expected, y));
  }
}

TEST_CASE("conv2d: kept filters give the same bits, and are made anew when a weight changes") {
  for (const Case& c : cases()) {
    CAPTURE(c);
    Problem<float> p(c);
    FilterCache<float, Cpu> cache;
    for (int step = 0; step < 3; ++step) {
      if (step == 2) p.weight[p.weight.size() - 1] += 1;
      const Results<float> r(p);
      Tensor<float, Cpu> y = poisoned_tensor<float>(p.dy.shape());
      conv2d_forward<float, Cpu>(p.x, p.weight, p.bias, p.options, y.view(), &cache);
      CHECK(same_bits(r.y, y));
    }
  }
}

TEST_CASE("conv2d: the automatic choice does not depend on the batch, and is overridden by name") {
  const auto choice = [](const Shape& weight, const Conv2dOptions& options, Index size) {
    return kernels::conv2d_algorithm(weight, options, size, size);
  };
  CHECK(choice({64, 3, 3, 3}, {.padding = 1}, 224) == ConvAlgorithm::direct);
  CHECK(choice({64, 3, 3, 64}, {.padding = 1}, 224) == ConvAlgorithm::winograd_4x4);
  CHECK(choice({512, 3, 3, 512}, {.padding = 1}, 2) == ConvAlgorithm::winograd_2x2);
  CHECK(choice({512, 3, 3, 512}, {.padding = 1}, 1) == ConvAlgorithm::implicit_gemm);
  CHECK(choice({64, 3, 3, 64}, {.stride = 2, .padding = 1}, 56) == ConvAlgorithm::direct);
  CHECK(choice({64, 3, 3, 64}, {.stride = 2, .padding = 1}, 4) == ConvAlgorithm::implicit_gemm);
  CHECK(choice({2048, 1, 1, 512}, {}, 1) == ConvAlgorithm::direct);
  CHECK(choice({2048, 1, 1, 512}, {.stride = 2}, 4) == ConvAlgorithm::implicit_gemm);
  CHECK(choice({4096, 7, 7, 512}, {}, 7) == ConvAlgorithm::implicit_gemm);
  const auto gradient_choice = [](const Shape& weight, const Conv2dOptions& options) {
    return kernels::conv2d_weight_gradient_algorithm(weight, options, 14, 14);
  };
  CHECK(gradient_choice({64, 3, 3, 64}, {.stride = 2, .padding = 1}) == ConvAlgorithm::direct);
  CHECK(gradient_choice({256, 1, 1, 1024}, {}) == ConvAlgorithm::implicit_gemm);
  CHECK(gradient_choice({256, 1, 1, 1024}, {.algorithm = ConvAlgorithm::direct}) == ConvAlgorithm::direct);
  CHECK(gradient_choice({512, 1, 1, 3}, {}) == ConvAlgorithm::direct);
  CHECK(choice({64, 3, 3, 64}, {.padding = 1, .algorithm = ConvAlgorithm::implicit_gemm}, 56) ==
        ConvAlgorithm::implicit_gemm);
}
