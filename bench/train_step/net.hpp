#pragma once
/// The nets that are trained, and one training step or forward pass of fusiform.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/ops/convert.hpp>
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

/// A net with a batch of random images on device D, a loss, and SGD with momentum: what Trainer does with a batch.
template <Scalar T, Device D>
class NetRun {
 public:
  explicit NetRun(const NetCase& net)
      : network_(build_network<T, D>(net.architecture, {.image = {net.size, net.size, 3}, .heads = {{"", net.classes}}},
                                     Rng(1))),
        head_(network_.heads().at(0)),
        parameters_(network_.learned_parameters()),
        images_(Shape{net.batch, net.size, net.size, 3}),
        logit_gradient_(Shape{net.batch, net.classes}),
        losses_(Shape{net.batch}) {
    Tensor<Master<T>, Cpu> images(images_.shape());
    Rng rng = Rng(1).stream("images");
    for (Master<T>& element : images.span()) element = static_cast<Master<T>>(rng.normal());
    convert(copied_to<D>(images).view(), images_.view());
    Tensor<Index, Cpu> labels(Shape{net.batch});
    for (Index n = 0; n < net.batch; ++n) labels[n] = (7 * n) % net.classes;
    labels_ = copied_to<D>(labels);
  }

  void forward() { network_.forward(images_, head_, activations_); }

  void train_step() {
    const Rng rng = Rng(2).stream(static_cast<std::uint64_t>(optimizer_.steps()));
    const View<const T, D> logits = network_.forward(images_, head_, activations_, {.mode = Mode::train, .rng = rng});
    softmax_cross_entropy<T, D>(logits, labels_, losses_.view());
    softmax_cross_entropy_gradient<T, D>(logits, labels_, logit_gradient_.view());
    network_.backward(head_, logit_gradient_, activations_);
    network_.update_statistics(head_, activations_);
    optimizer_.step(parameters_, 1e-3);
  }

  /// Of the last step. Waits for it.
  [[nodiscard]] double loss() const { return mean_loss(std::span<const Master<T>>(copied_to<Cpu>(losses_).span())); }

 private:
  Network<T, D> network_;
  NodeId head_;
  std::vector<Parameter<T, D>*> parameters_;
  Sgd<T, D> optimizer_{{.momentum = 0.9}};
  Activations<T, D> activations_;
  Tensor<T, D> images_;  ///< (N, H, W, 3)
  Tensor<Index, D> labels_;
  Tensor<T, D> logit_gradient_;  ///< (N, classes)
  Tensor<Master<T>, D> losses_;  ///< (N)
};

}  // namespace fusiform::bench
