#pragma once
/// VGG (Simonyan & Zisserman, ICLR 2015; configurations A, B, D, E), named as in torchvision.

#include <string>
#include <vector>

#include <fusiform/nets/net_options.hpp>

namespace fusiform {

/// `depth` is 11, 13, 16 or 19; ConfigError for others. `batch_norm` puts one behind each convolution.
/// No adaptive pooling: fc6 reads what five 2x2 max pools leave of the image (7x7x512 from 224, 2x2x512 from 64), so
/// that images need not be 224 wide and features are never averaged or repeated. At 224 this is torchvision's net.
/// Aliases: conv1_1 to conv5_3, pool1 to pool5, fc6, fc7, fc8.
[[nodiscard]] inline NetworkPlan vgg_plan(int depth, const NetOptions& options, bool batch_norm = false) {
  require_setting(depth == 11 || depth == 13 || depth == 16 || depth == 19, "vgg", "depth 11, 13, 16 or 19", depth);
  const int late = depth == 19 ? 4 : depth == 16 ? 3 : 2;  // convolutions in each of blocks 3 to 5
  const int early = depth == 11 ? 1 : 2;                   // and in blocks 1 and 2
  const std::vector<Index> widths = {64, 128, 256, 512, 512};

  NetworkPlan plan{options.image, {}};
  SequentialNames features("features");
  for (int block = 1; block <= 5; ++block) {
    for (int i = 1; i <= (block <= 2 ? early : late); ++i) {
      const Index width = widths[static_cast<std::size_t>(block - 1)];
      plan.add(features.next(), "conv2d", convolution_options({.out = width, .kernel = 3, .padding = 1})).alias =
          text("conv", block, "_", i);
      if (batch_norm) plan.add(features.next(), "batch_norm");
      plan.add(features.next(), "relu");
    }
    plan.add(features.next(), "max_pool2d", pooling_options(2, 2)).alias = text("pool", block);
  }
  plan.add("flatten", "flatten");
  SequentialNames classifier("classifier");
  for (const char* alias : {"fc6", "fc7"}) {
    plan.add(classifier.next(), "linear", {{"out", static_cast<double>(options.hidden_features)}}).alias = alias;
    plan.add(classifier.next(), "relu");
    plan.add(classifier.next(), "dropout", {{"probability", options.dropout}});
  }
  plan.add(classifier.next(), "linear").alias = "fc8";
  return with_heads(std::move(plan), options);
}

template <Scalar T, Device D>
[[nodiscard]] Network<T, D> vgg11(const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(vgg_plan(11, options), rng);
}
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> vgg13(const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(vgg_plan(13, options), rng);
}
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> vgg16(const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(vgg_plan(16, options), rng);
}
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> vgg19(const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(vgg_plan(19, options), rng);
}

}  // namespace fusiform
