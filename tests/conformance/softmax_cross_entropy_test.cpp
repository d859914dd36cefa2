#include <cmath>
#include <numeric>

#include <fusiform/ops/softmax_cross_entropy.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"
#include "tests/support/golden.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

using Labels = Tensor<Index, Cpu>;

Labels random_labels(Index count, Index classes, Rng rng) {
  Labels labels(Shape{count});
  for (Index& label : labels.span()) label = rng.below(classes);
  return labels;
}

template <class T>
Tensor<Master<T>, Cpu> losses_of(const Tensor<T, Cpu>& logits, const Labels& labels) {
  const auto logits_on_device = on_device(logits);
  const auto labels_on_device = on_device(labels);
  return result_of<Master<T>>(Shape{logits.shape()[0]}, [&](View<Master<T>, TestDevice> losses) {
    softmax_cross_entropy(logits_on_device, labels_on_device.view(), losses);
  });
}

/// The mean loss's without `weight`.
template <class T, class... Weight>
Tensor<T, Cpu> gradient_of(const Tensor<T, Cpu>& logits, const Labels& labels, Weight... weight) {
  const auto logits_on_device = on_device(logits);
  const auto labels_on_device = on_device(labels);
  return result_of<T>(logits.shape(), [&](View<T, TestDevice> dlogits) {
    softmax_cross_entropy_gradient(logits_on_device, labels_on_device.view(), weight..., dlogits);
  });
}

}  // namespace

TEST_CASE("cross-entropy agrees with PyTorch", "[ops][softmax_cross_entropy]") {
  const Goldens goldens;
  const std::string name = "softmax_cross_entropy.0.";
  const auto logits = goldens.tensor<float>(name + "x");
  const auto numbers = goldens.file().read<Index>(name + "labels");
  const Labels labels(Shape{logits.shape()[0]}, numbers);
  // Roundings of float.
  CHECK(difference(losses_of(logits, labels), goldens.tensor<float>(name + "loss_per_image")).normalized < 1e-6);
  CHECK(difference(gradient_of(logits, labels), goldens.tensor<float>(name + "dx")).normalized < 1e-6);
}

TEMPLATE_LIST_TEST_CASE("cross-entropy agrees with its definition", "[ops][softmax_cross_entropy]", AllScalars) {
  using T = TestType;
  using M = Master<T>;
  for (const Shape& shape : logit_shapes()) {
    CAPTURE(shape);
    const auto rounded_logits = random_elements<T>(shape, Rng(1));
    const auto logits = in_double(rounded_logits);
    const Labels labels = random_labels(shape[0], shape[1], Rng(2));
    Tensor<double, Cpu> expected(Shape{shape[0]}), expected_gradient(shape);
    for (Index n = 0; n < shape[0]; ++n) {
      double sum = 0;
      for (Index k = 0; k < shape[1]; ++k) sum += std::exp(logits[n * shape[1] + k]);
      expected[n] = -std::log(std::exp(logits[n * shape[1] + labels[n]]) / sum);
      for (Index k = 0; k < shape[1]; ++k)
        expected_gradient[n * shape[1] + k] =
            (std::exp(logits[n * shape[1] + k]) / sum - (k == labels[n] ? 1.0 : 0.0)) / static_cast<double>(shape[0]);
    }
    const auto losses = in_double(losses_of(rounded_logits, labels));
    // Up to 2137 terms in double; losses up to about 10, rounded to 24 bits.
    CHECK(difference(losses, expected).absolute < tolerance<M>(1e-13, 1e-6));
    const auto gradient = in_double(gradient_of(rounded_logits, labels));
    if constexpr (std::same_as<T, bfloat16>)
      CHECK(difference(gradient, expected_gradient).normalized < tolerance<T>(0, 0));
    else
      CHECK(difference(gradient, expected_gradient).absolute < tolerance<T>(1e-14, 1e-6));
    const double sum = mean_loss<double>(losses.span()) * static_cast<double>(shape[0]);
    CHECK(sum == Approx(std::accumulate(expected.span().begin(), expected.span().end(), 0.0)).epsilon(1e-6));
  }
}

TEST_CASE("cross-entropy neither overflows nor rounds small losses away", "[ops][softmax_cross_entropy]") {
  const std::vector<float> values{1e4F, -1e4F, 20, 0, -1e30F, 1e30F};
  const Tensor<float, Cpu> logits(Shape{3, 2}, values);
  const Labels labels(Shape{3}, std::vector<Index>{1, 0, 1});
  const auto losses = losses_of(logits, labels), gradient = gradient_of(logits, labels);
  CHECK(losses[0] == 2e4F);
  CHECK(losses[1] == Approx(std::log1p(std::exp(-20.0))).epsilon(1e-6));
  CHECK(losses[2] == 0);
  CHECK(gradient[2] == Approx(-std::exp(-20.0) / 3).epsilon(1e-6));
  CHECK(gradient[2] == Approx(-gradient[3]).epsilon(1e-6));  // the two are rounded one by one
}

TEMPLATE_LIST_TEST_CASE("cross-entropy weighs the gradient as told", "[ops][softmax_cross_entropy]", TestScalars) {
  using T = TestType;
  const auto logits = random_elements<T>({4, 5}, Rng(1));
  const Labels labels(Shape{4}, std::vector<Index>{0, 4, 2, 2});
  const auto mean = gradient_of(logits, labels), sum = gradient_of(logits, labels, 1.0);
  for (Index i = 0; i < mean.size(); ++i) CHECK(sum[i] == Approx(4 * mean[i]).epsilon(tolerance<T>(1e-14, 1e-6)));
}

TEST_CASE("cross-entropy refuses labels that do not fit", "[ops][softmax_cross_entropy]") {
  const Tensor<float, Cpu> logits(Shape{2, 3});
  CHECK_THROWS_AS(losses_of(logits, Labels(Shape{1})), ShapeError);
  for (const Index label : {-1, 3}) {
    const Labels labels(Shape{2}, std::vector<Index>{0, label});
    if constexpr (std::same_as<TestDevice, Cpu>) {
      CHECK_THROWS_AS(losses_of(logits, labels), ConfigError);
      CHECK_THROWS_AS(gradient_of(logits, labels), ConfigError);
    } else {  // nobody waits for a GPU to look at them
      const auto losses = losses_of(logits, labels), gradient = gradient_of(logits, labels);
      CHECK(std::isnan(losses[1]));
      CHECK(std::isnan(gradient[5]));
      CHECK(losses[0] == Approx(std::log(3.0)));
      CHECK(gradient[1] == Approx(1 / 6.0));
    }
  }
}

TEST_CASE("a logit that is not a number makes the loss not a number", "[ops][softmax_cross_entropy]") {
  for (Index at = 0; at < 3; ++at) {
    Tensor<float, Cpu> logits(Shape{1, 3});
    logits[at] = std::nanf("");
    CHECK(std::isnan(losses_of(logits, Labels(Shape{1}, std::vector<Index>{1}))[0]));
  }
}
