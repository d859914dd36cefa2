#pragma once
/// The net of a study's training on a device, in the scalar that it is trained in and in single precision.

#include <functional>
#include <vector>

#include <fusiform/layers/conv2d.hpp>
#include <fusiform/layers/linear.hpp>
#include <fusiform/nets/copied_network.hpp>
#include <fusiform/study/study_device.hpp>

namespace fusiform::detail {

/// A copy that learns, and one in single precision, in which it is looked into.
template <Scalar T, Device D>
class LearningNet {
 public:
  explicit LearningNet(const StudyNetwork& network)
      : learning_(copied_network<T, D>(network)), exact_(copied_network<float, D>(network)) {}
  [[nodiscard]] Network<T, D>& learning() noexcept { return learning_; }
  [[nodiscard]] Network<float, D>& exact() noexcept { return exact_; }
  /// Brings what was learned to the exact copy.
  void update_exact() { copy_weights(learning_, exact_); }

 private:
  Network<T, D> learning_;
  Network<float, D> exact_;
};

template <Device D>
class LearningNet<float, D> {
 public:
  explicit LearningNet(const StudyNetwork& network) : network_(copied_network<float, D>(network)) {}
  [[nodiscard]] Network<float, D>& learning() noexcept { return network_; }
  [[nodiscard]] Network<float, D>& exact() noexcept { return network_; }
  void update_exact() noexcept {}

 private:
  Network<float, D> network_;
};

/// On the CPU the study's net itself.
template <>
class LearningNet<float, Cpu> {
 public:
  explicit LearningNet(StudyNetwork& network) : network_(network) {}
  [[nodiscard]] StudyNetwork& learning() noexcept { return network_; }
  [[nodiscard]] StudyNetwork& exact() noexcept { return network_; }
  void update_exact() noexcept {}

 private:
  StudyNetwork& network_;
};

/// As long as it lives a net's convolutions and linear layers are ConvAlgorithm::bf16x2, afterwards what they were: a
/// study's net is looked into exactly between two epochs.
template <Scalar T, Device D>
class Bf16x2Passes {
 public:
  explicit Bf16x2Passes(Network<T, D>& network) {
    for (NodeId id = 1; id < network.size(); ++id) {
      change<Conv2d<T, D>>(network.layer(id));
      change<Linear<T, D>>(network.layer(id));
    }
  }
  Bf16x2Passes(const Bf16x2Passes&) = delete;
  Bf16x2Passes& operator=(const Bf16x2Passes&) = delete;
  ~Bf16x2Passes() {
    for (const auto& restore : restore_) restore();
  }

 private:
  template <class Kind>
  void change(Layer<T, D>& layer) {
    auto* const changed = dynamic_cast<Kind*>(&layer);
    if (changed == nullptr) return;
    restore_.emplace_back([changed, before = changed->config().algorithm] { changed->set_algorithm(before); });
    changed->set_algorithm(ConvAlgorithm::bf16x2);
  }

  std::vector<std::function<void()>> restore_;
};

}  // namespace fusiform::detail
