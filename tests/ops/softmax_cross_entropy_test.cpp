#include <cmath>
#include <numeric>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

std::vector<Index> random_labels(Index count, Index classes, Rng rng) {
  std::vector<Index> labels;
  for (Index i = 0; i < count; ++i) labels.push_back(rng.below(classes));
  return labels;
}

}  // namespace

TEST_CASE("cross-entropy agrees with PyTorch", "[ops][softmax_cross_entropy]") {
  const Goldens goldens;
  const std::string name = "softmax_cross_entropy.0.";
  const auto logits = goldens.tensor<float>(name + "x");
  const auto labels = goldens.file().read<Index>(name + "labels");
  Tensor<float, Cpu> losses(Shape{logits.shape()[0]}), gradient(logits.shape());
  softmax_cross_entropy(logits, labels, losses.view());
  softmax_cross_entropy_gradient(logits, labels, gradient.view());
  CHECK(difference(losses, goldens.tensor<float>(name + "loss_per_image")).normalized < 1e-6);  // roundings of float
  CHECK(difference(gradient, goldens.tensor<float>(name + "dx")).normalized < 1e-6);
}

TEST_CASE("cross-entropy agrees with its definition", "[ops][softmax_cross_entropy]") {
  for (const Shape& shape : logit_shapes()) {
    CAPTURE(shape);
    const auto logits = random_tensor<double>(shape, Rng(1));
    const std::vector<Index> labels = random_labels(shape[0], shape[1], Rng(2));
    Tensor<double, Cpu> expected(Shape{shape[0]}), expected_gradient(shape);
    for (Index n = 0; n < shape[0]; ++n) {
      double sum = 0;
      for (Index k = 0; k < shape[1]; ++k) sum += std::exp(logits[n * shape[1] + k]);
      const Index label = labels[static_cast<std::size_t>(n)];
      expected[n] = -std::log(std::exp(logits[n * shape[1] + label]) / sum);
      for (Index k = 0; k < shape[1]; ++k)
        expected_gradient[n * shape[1] + k] =
            (std::exp(logits[n * shape[1] + k]) / sum - (k == label ? 1.0 : 0.0)) / static_cast<double>(shape[0]);
    }
    Tensor<double, Cpu> losses(expected.shape()), gradient(shape);
    softmax_cross_entropy(logits, labels, losses.view());
    softmax_cross_entropy_gradient(logits, labels, gradient.view());
    CHECK(difference(losses, expected).absolute < 1e-13);  // up to 2137 terms in double
    CHECK(difference(gradient, expected_gradient).absolute < 1e-14);
    Tensor<float, Cpu> single(expected.shape()), single_gradient(shape);
    softmax_cross_entropy(converted<float>(logits), labels, single.view());
    softmax_cross_entropy_gradient(converted<float>(logits), labels, single_gradient.view());
    CHECK(difference(single, expected).absolute < 1e-6);  // logits and losses up to about 10, rounded to 24 bits
    CHECK(difference(single_gradient, expected_gradient).absolute < 1e-6);
    const double sum = mean_loss<double>(losses.span()) * static_cast<double>(shape[0]);
    CHECK(sum == Approx(std::accumulate(expected.span().begin(), expected.span().end(), 0.0)).epsilon(1e-13));
  }
}

TEST_CASE("cross-entropy neither overflows nor rounds small losses away", "[ops][softmax_cross_entropy]") {
  const std::vector<float> values{1e4F, -1e4F, 20, 0, -1e30F, 1e30F};
  const Tensor<float, Cpu> logits(Shape{3, 2}, values);
  const std::vector<Index> labels{1, 0, 1};
  Tensor<float, Cpu> losses(Shape{3}), gradient(logits.shape());
  softmax_cross_entropy(logits, labels, losses.view());
  softmax_cross_entropy_gradient(logits, labels, gradient.view());
  CHECK(losses[0] == 2e4F);
  CHECK(losses[1] == Approx(std::log1p(std::exp(-20.0))).epsilon(1e-6));
  CHECK(losses[2] == 0);
  CHECK(gradient[2] == Approx(-std::exp(-20.0) / 3).epsilon(1e-6));
  CHECK(gradient[2] == -gradient[3]);
}

TEST_CASE("cross-entropy weighs the gradient as told", "[ops][softmax_cross_entropy]") {
  const auto logits = random_tensor<double>({4, 5}, Rng(1));
  const std::vector<Index> labels{0, 4, 2, 2};
  const View<const Index, Cpu> view(labels.data(), Shape{4});
  Tensor<double, Cpu> mean(logits.shape()), sum(logits.shape());
  softmax_cross_entropy_gradient(logits, view, mean.view());
  softmax_cross_entropy_gradient(logits, view, 1.0, sum.view());
  for (Index i = 0; i < mean.size(); ++i) CHECK(sum[i] == Approx(4 * mean[i]).epsilon(1e-14));
}

TEST_CASE("cross-entropy refuses labels that do not fit", "[ops][softmax_cross_entropy]") {
  const Tensor<float, Cpu> logits(Shape{2, 3});
  Tensor<float, Cpu> losses(Shape{2});
  CHECK_THROWS_AS(softmax_cross_entropy(logits, std::vector<Index>{0, 3}, losses.view()), ConfigError);
  CHECK_THROWS_AS(softmax_cross_entropy(logits, std::vector<Index>{-1, 0}, losses.view()), ConfigError);
  CHECK_THROWS_AS(softmax_cross_entropy(logits, std::vector<Index>{0}, losses.view()), ShapeError);
}

TEST_CASE("a logit that is not a number makes the loss not a number", "[ops][softmax_cross_entropy]") {
  for (Index at = 0; at < 3; ++at) {
    Tensor<float, Cpu> logits(Shape{1, 3});
    logits[at] = std::nanf("");
    Tensor<float, Cpu> losses(Shape{1});
    softmax_cross_entropy(logits, std::vector<Index>{1}, losses.view());
    CHECK(std::isnan(losses[0]));
  }
}
