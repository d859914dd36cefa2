#pragma once
/// ResNet-18 and ResNet-50 (He et al., CVPR 2016), with torchvision's names and order of parameters; in ResNet-50 the
/// 3x3 convolution has the stride ("v1.5").

#include <array>
#include <string>

#include <fusiform/nets/net_options.hpp>

namespace fusiform {

struct ResNetBlock {
  std::string name;  ///< "layer1.0"
  Index in = 0;
  Index width = 0;  ///< of the 3x3 convolutions
  Index stride = 1;
  bool bottleneck = false;

  [[nodiscard]] Index out() const noexcept { return bottleneck ? 4 * width : width; }
};

/// Adds a residual block behind the last layer of the plan. ReLUs and the sum, which are no modules or shared ones in
/// PyTorch, are called relu1, relu2, add and relu.
inline void add_resnet_block(NetworkPlan& plan, const ResNetBlock& block) {
  const std::string source = plan.layers.back().name;
  const auto named = [&](const std::string& suffix) { return block.name + "." + suffix; };
  const auto convolution = [&](int i, Index kernel, Index stride, Index out) {
    plan.add(
        named(text("conv", i)), "conv2d",
        convolution_options({.out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = false}));
    plan.add(named(text("bn", i)), "batch_norm");
  };
  if (block.bottleneck) {
    convolution(1, 1, 1, block.width);
    plan.add(named("relu1"), "relu");
    convolution(2, 3, block.stride, block.width);
    plan.add(named("relu2"), "relu");
    convolution(3, 1, 1, block.out());
  } else {
    convolution(1, 3, block.stride, block.width);
    plan.add(named("relu1"), "relu");
    convolution(2, 3, 1, block.width);
  }
  const std::string residual = plan.layers.back().name;
  std::string shortcut = source;
  if (block.stride != 1 || block.in != block.out()) {
    shortcut = named("downsample.1");
    plan.add(named("downsample.0"), "conv2d",
             convolution_options({.out = block.out(), .kernel = 1, .stride = block.stride, .bias = false}))
        .inputs = {source};
    plan.add(shortcut, "batch_norm");
  }
  plan.add(named("add"), "add").inputs = {residual, shortcut};
  plan.add(named("relu"), "relu");
}

/// Blocks in each of the four stages; 64 to 512 channels wide. A lesion site in the residual stream is a block's
/// "relu" ("layer3.1.relu"); the last one of each stage has the stage's name as alias ("layer3").
[[nodiscard]] inline NetworkPlan resnet_plan(const NetOptions& options, const std::array<int, 4>& blocks,
                                             bool bottleneck) {
  NetworkPlan plan{options.image, {}};
  plan.add("conv1", "conv2d", convolution_options({.out = 64, .kernel = 7, .stride = 2, .padding = 3, .bias = false}));
  plan.add("bn1", "batch_norm");
  plan.add("relu", "relu");
  plan.add("maxpool", "max_pool2d", pooling_options(3, 2, 1));
  Index channels = 64;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int i = 0; i < blocks[stage]; ++i) {
      const ResNetBlock block{.name = text("layer", stage + 1, ".", i),
                              .in = channels,
                              .width = Index{64} << stage,
                              .stride = stage > 0 && i == 0 ? 2 : 1,
                              .bottleneck = bottleneck};
      add_resnet_block(plan, block);
      channels = block.out();
    }
    plan.layers.back().alias = text("layer", stage + 1);
  }
  plan.add("avgpool", "global_avg_pool2d");
  plan.add("flatten", "flatten");
  plan.add("fc", "linear");
  return with_heads(std::move(plan), options);
}

template <Scalar T, Device D>
[[nodiscard]] Network<T, D> resnet18(const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(resnet_plan(options, {2, 2, 2, 2}, false), rng);
}
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> resnet50(const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(resnet_plan(options, {3, 4, 6, 3}, true), rng);
}

}  // namespace fusiform
