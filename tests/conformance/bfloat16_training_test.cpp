// Training in bf16 with float parameters.

#include <cmath>

#include <fusiform/core/cuda_graph.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/ops/convert.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/conformance/test_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr Index batch = 6, classes = 5;

/// A net of VGG's kind, one batch, and SGD.
template <Scalar T, Device D>
class Training {
 public:
  explicit Training(const char* tokens)
      : network_(build_network<T, D>(tokens, {.image = {8, 8, 3}, .heads = {{"", classes}}}, Rng(1))),
        head_(network_.heads().at(0)),
        parameters_(network_.learned_parameters()),
        images_(Shape{batch, 8, 8, 3}),
        logit_gradient_(Shape{batch, classes}),
        losses_(Shape{batch}) {
    convert(copied_to<D>(random_tensor<Master<T>>(images_.shape(), Rng(2))).view(), images_.view());
    Tensor<Index, Cpu> labels(Shape{batch});
    for (Index n = 0; n < batch; ++n) labels[n] = n % classes;
    labels_ = copied_to<D>(labels);
  }

  void step() {
    const View<const T, D> logits =
        network_.forward(images_, head_, activations_, {.mode = Mode::train, .rng = Rng(3)});
    softmax_cross_entropy<T, D>(logits, labels_, losses_.view());
    softmax_cross_entropy_gradient<T, D>(logits, labels_, logit_gradient_.view());
    network_.backward(head_, logit_gradient_, activations_);
    network_.update_statistics(head_, activations_);
    optimizer_.step(parameters_, 0.05);
  }

  [[nodiscard]] double loss() const { return mean_loss(std::span<const Master<T>>(copied_to<Cpu>(losses_).span())); }

  [[nodiscard]] std::vector<Master<T>> parameters() {
    std::vector<Master<T>> all;
    for (const NamedParameter<T, D>& named : network_.parameters()) {
      const auto values = copied_to<Cpu>(named.parameter->value);
      all.insert(all.end(), values.span().begin(), values.span().end());
    }
    return all;
  }

  [[nodiscard]] std::size_t bytes_held() const { return activations_.bytes(); }
  [[nodiscard]] std::size_t bytes_predicted() const { return network_.pass_bytes(head_, batch, {.mode = Mode::train}); }

 private:
  Network<T, D> network_;
  NodeId head_;
  std::vector<Parameter<T, D>*> parameters_;
  Sgd<T, D> optimizer_{{.momentum = 0.9, .weight_decay = 1e-3}};
  Activations<T, D> activations_;
  Tensor<T, D> images_;
  Tensor<Index, D> labels_;
  Tensor<T, D> logit_gradient_;
  Tensor<Master<T>, D> losses_;
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return std::sqrt(sum);
}

constexpr const char* vgg_like = "16 16B M 24 M fc40 D";

}  // namespace

TEST_CASE("bf16 training follows float training", "[train][bfloat16]") {
  Training<float, Cpu> exact(vgg_like);
  Training<bfloat16, TestDevice> rounded(vgg_like);
  const std::vector<float> start = exact.parameters();
  CHECK(start == rounded.parameters());  // float on both sides, and the same starting values
  for (int step = 0; step < 3; ++step) {
    exact.step();
    rounded.step();
    CAPTURE(step, exact.loss(), rounded.loss());
    // Five layers round by at most 2^-9 each, images and weights too.
    CHECK(std::abs(exact.loss() - rounded.loss()) < 0.02 * exact.loss());
  }
  // What rounding changes of the way that the parameters went.
  const std::vector<float> end = exact.parameters();
  CHECK(distance(end, rounded.parameters()) < 0.1 * distance(end, start));
}

TEST_CASE("bf16 training takes the memory that was predicted", "[train][bfloat16]") {
  Training<bfloat16, TestDevice> training(vgg_like);
  training.step();
  CHECK(training.bytes_held() == training.bytes_predicted());
}

TEST_CASE("a recorded training step does what the step does", "[train][bfloat16][graph]") {
  constexpr const char* tokens = "16 M fc24";
  Training<bfloat16, TestDevice> stepwise(tokens), recorded(tokens);
  for (int step = 0; step < 3; ++step) stepwise.step();
  recorded.step();  // now its memory is there
  CudaGraph graph;
  graph.record([&] { recorded.step(); });
  for (int step = 0; step < 2; ++step) graph.replay();
  CHECK(recorded.parameters() == stepwise.parameters());
  CHECK(recorded.loss() == stepwise.loss());
}
