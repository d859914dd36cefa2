#pragma once
/// The nets that are trained, and one training step or forward pass of fusiform.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/sgd.hpp>

namespace fusiform::bench {

/// bench/train_step_torch.py has the same list.
struct NetCase {
  std::string_view name;
  const char* architecture;  ///< for build_network
  Index batch, size, classes;
};

inline constexpr std::array<NetCase, 2> net_cases{
    {{"vgg16", "vgg16", 8, 224, 1000}, {"small", "32 32 M 64 64 M 128 128 M fc256", 64, 32, 10}}};

/// A net with a batch of random images, a loss, and SGD with momentum: what Trainer does with a batch.
class NetRun {
 public:
  explicit NetRun(const NetCase& net)
      : network_(build_network<float, Cpu>(net.architecture,
                                           {.image = {net.size, net.size, 3}, .heads = {{"", net.classes}}}, Rng(1))),
        head_(network_.heads().at(0)),
        parameters_(network_.learned_parameters()),
        images_(Shape{net.batch, net.size, net.size, 3}),
        logit_gradient_(Shape{net.batch, net.classes}),
        losses_(Shape{net.batch}) {
    Rng rng = Rng(1).stream("images");
    for (float& element : images_.span()) element = static_cast<float>(rng.normal());
    for (Index n = 0; n < net.batch; ++n) labels_.push_back((7 * n) % net.classes);
  }

  void forward() { network_.forward(images_, head_, activations_); }

  void train_step() {
    const Rng rng = Rng(2).stream(static_cast<std::uint64_t>(optimizer_.steps()));
    const View<const float, Cpu> logits =
        network_.forward(images_, head_, activations_, {.mode = Mode::train, .rng = rng});
    const std::span<const Index> labels(labels_);
    softmax_cross_entropy<float>(logits, labels, losses_.view());
    softmax_cross_entropy_gradient<float>(logits, labels, logit_gradient_.view());
    network_.backward(head_, logit_gradient_, activations_);
    network_.update_statistics(head_, activations_);
    optimizer_.step(parameters_, 1e-3);
  }

 private:
  Network<float, Cpu> network_;
  NodeId head_;
  std::vector<Parameter<float, Cpu>*> parameters_;
  Sgd<float, Cpu> optimizer_{{.momentum = 0.9}};
  Activations<float, Cpu> activations_;
  Tensor<float, Cpu> images_;  ///< (N, H, W, 3)
  std::vector<Index> labels_;
  Tensor<float, Cpu> logit_gradient_;  ///< (N, classes)
  Tensor<float, Cpu> losses_;          ///< (N)
};

}  // namespace fusiform::bench
