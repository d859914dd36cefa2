#pragma once
/// Small nets of every structure, and images for them, for tests of the analyses.

#include <string>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/nets/description.hpp>
#include <fusiform/nets/network.hpp>

struct SmallNet {
  std::string name;
  std::string description;
  fusiform::Index classes = 4;

  /// Weights are drawn so large that units matter, biases and statistics so that batch norm is no identity.
  template <class T>
  [[nodiscard]] fusiform::Network<T, fusiform::Cpu> build() const {
    auto network = fusiform::parse_description<T, fusiform::Cpu>(description);
    fusiform::Rng rng(11);
    for (const auto& named : network.parameters()) {
      const bool is_variance = named.name.ends_with("running_var");
      const auto fan_in = static_cast<double>(named.parameter->value.size() / named.parameter->value.shape()[0]);
      for (T& value : named.parameter->value.span())
        value = static_cast<T>(is_variance ? rng.uniform(0.5, 2.0) : rng.normal() * 1.5 / std::sqrt(fan_in));
    }
    return network;
  }

  template <class T>
  [[nodiscard]] fusiform::LabelledImages<T> images(fusiform::Index count) const {
    fusiform::Rng rng(5);
    fusiform::Tensor<T, fusiform::Cpu> pixels({count, 9, 7, 3});
    for (T& value : pixels.span()) value = static_cast<T>(rng.normal());
    std::vector<fusiform::Index> labels;
    for (fusiform::Index i = 0; i < count; ++i) labels.push_back(rng.below(classes));
    return fusiform::labelled_images(std::move(pixels), std::move(labels));
  }
};

inline std::vector<SmallNet> small_nets() {
  return {{"chain", R"(input 9 7 3
conv1 = conv2d(; out=6 kernel_h=3 kernel_w=3 padding=1)
relu1 = relu()
pool1 = max_pool2d(; kernel=2 stride=2)
conv2 = conv2d(; out=8 kernel_h=3 kernel_w=3 padding=1)
relu2 = relu()
flat = flatten()
fc1 = linear(; out=10)
relu3 = relu()
drop = dropout(; probability=0.5)
fc2 = linear(; out=4)
)"},
          {"batch norm", R"(input 9 7 3
conv1 = conv2d(; out=5 kernel_h=3 kernel_w=3 padding=1)
bn1 = batch_norm()
relu1 = relu()
conv2 = conv2d(; out=6 kernel_h=3 kernel_w=3 stride=2)
bn2 = batch_norm()
relu2 = relu()
pool = global_avg_pool2d()
flat = flatten()
fc = linear(; out=4)
)"},
          {"residual", R"(input 9 7 3
conv1 = conv2d(; out=4 kernel_h=3 kernel_w=3 padding=1)
relu1 = relu()
block.conv1 = conv2d(; out=4 kernel_h=3 kernel_w=3 padding=1 bias=0)
block.bn1 = batch_norm()
block.relu1 = relu()
block.conv2 = conv2d(; out=4 kernel_h=3 kernel_w=3 padding=1 bias=0)
block.bn2 = batch_norm()
block.add = add(block.bn2, relu1)
block.relu2 = relu()
pool = global_avg_pool2d()
flat = flatten()
fc = linear(; out=4)
)"},
          {"branched", R"(input 9 7 3
conv1 = conv2d(; out=5 kernel_h=3 kernel_w=3 padding=1)
relu1 = relu()
left.pool = max_pool2d(relu1; kernel=3 stride=2)
left.flat = flatten()
left.fc = linear(; out=4)
right.conv = conv2d(relu1; out=6 kernel_h=1 kernel_w=1)
right.relu = relu()
right.pool = global_avg_pool2d()
right.flat = flatten()
right.fc = linear(; out=4)
)"}};
}

inline SmallNet small_net(const std::string& name) {
  for (const SmallNet& net : small_nets())
    if (net.name == name) return net;
  throw fusiform::ConfigError("no small net " + name);
}
