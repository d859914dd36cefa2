#pragma once
/// AlexNet in three forms: as used by Dobs et al. (2022) with and without batch norm, and the original with local
/// response normalisation (Krizhevsky, Sutskever & Hinton, NIPS 2012).

#include <array>
#include <string>

#include <fusiform/nets/net_options.hpp>

namespace fusiform {

enum class AlexNetNormalization {
  none,            ///< 64-192-384-256-256, pools behind conv2 and conv5 only: 13x13x256 from 224
  batch_norm,      ///< the same with batch norm behind each convolution
  local_response,  ///< 96-256-384-384-256, unpadded conv1, pools behind conv1, conv2 and conv5: 5x5x256 from 224
};

/// Layers are numbered as in PyTorch's Sequential: features.0, ..., classifier.6.
/// Aliases: conv1 to conv5, fc6, fc7, fc8. Throws ShapeError, when built, for images too small: below 31, or 67 with
/// local response.
[[nodiscard]] inline NetworkPlan alexnet_plan(const NetOptions& options, AlexNetNormalization normalization) {
  const bool original = normalization == AlexNetNormalization::local_response;
  const std::array<Index, 5> widths = original ? std::array<Index, 5>{96, 256, 384, 384, 256}  //
                                               : std::array<Index, 5>{64, 192, 384, 256, 256};
  NetworkPlan plan{options.image, {}};
  SequentialNames features("features");
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const Index kernel = i == 0 ? 11 : i == 1 ? 5 : 3;
    const Index padding = i > 0 ? kernel / 2 : original ? 0 : 2;
    plan.add(features.next(), "conv2d",
             convolution_options(
                 {.out = widths[i], .kernel = kernel, .stride = i == 0 ? Index{4} : Index{1}, .padding = padding}))
        .alias = text("conv", i + 1);
    if (normalization == AlexNetNormalization::batch_norm) plan.add(features.next(), "batch_norm");
    plan.add(features.next(), "relu");
    if (original && i < 2)
      plan.add(features.next(), "local_response_norm", {{"size", 5}, {"alpha", 1e-4}, {"beta", 0.75}, {"k", 2}});
    if (i == 1 || i == 4 || (original && i == 0)) plan.add(features.next(), "max_pool2d", pooling_options(3, 2));
  }
  plan.add("flatten", "flatten");
  SequentialNames classifier("classifier");
  for (const char* alias : {"fc6", "fc7"}) {
    plan.add(classifier.next(), "dropout", {{"probability", options.dropout}});
    plan.add(classifier.next(), "linear", {{"out", static_cast<double>(options.hidden_features)}}).alias = alias;
    plan.add(classifier.next(), "relu");
  }
  plan.add(classifier.next(), "linear").alias = "fc8";
  return with_heads(std::move(plan), options);
}

template <Scalar T, Device D>
[[nodiscard]] Network<T, D> alexnet(const NetOptions& options, Rng rng,
                                    AlexNetNormalization normalization = AlexNetNormalization::none) {
  return build_initialized<T, D>(alexnet_plan(options, normalization), rng);
}

}  // namespace fusiform
