#pragma once
/// Small nets from a list of layer tokens: "32 32 M 64 64 M 128 128 M fc256".

#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include <fusiform/io/format.hpp>
#include <fusiform/nets/net_options.hpp>

namespace fusiform {

/// Tokens, separated by spaces:
///   32     3x3 convolution with 32 filters, padding 1, and ReLU      M  2x2 max pool
///   32B    the same with batch norm before the ReLU ("32 B" too)     A  2x2 average pool
///   fc256  linear layer with 256 outputs, and ReLU                   G  average over the whole image
///   D      dropout
/// Convolutions and pools come before linear layers; the classifier is appended. Layers are called features.0,
/// features.1, ..., flatten, classifier.0, ...; aliases are conv1, conv2, ..., fc1, fc2, ..., and fc_out for the
/// classifier. Throws ConfigError that names the token.
[[nodiscard]] inline NetworkPlan token_net_plan(const std::string& tokens, const NetOptions& options) {
  NetworkPlan plan{options.image, {}};
  SequentialNames features("features");
  SequentialNames classifier("classifier");
  int convolutions = 0;
  int linears = 0;
  bool may_take_batch_norm = false;
  const auto size_in = [](std::string_view digits) -> std::optional<Index> {
    const std::optional<Index> size = parse_number<Index>(digits);
    return size && *size >= 1 && *size <= 65536 ? size : std::nullopt;
  };
  const auto next_name = [&] { return linears == 0 ? features.next() : classifier.next(); };
  std::istringstream words(tokens);
  for (std::string token; words >> token;) {
    const auto expect = [&](bool condition, std::string_view expectation) {
      require_setting(condition, "layer tokens", expectation, "'" + token + "'");
    };
    const std::string digits = token.ends_with('B') ? token.substr(0, token.size() - 1) : token;
    const bool is_feature = token == "M" || token == "A" || token == "G" || size_in(digits);
    if (is_feature) expect(linears == 0, "convolutions and pools before linear layers");
    if (token == "M") {
      plan.add(features.next(), "max_pool2d", pooling_options(2, 2));
    } else if (token == "A") {
      plan.add(features.next(), "avg_pool2d", pooling_options(2, 2));
    } else if (token == "G") {
      plan.add(features.next(), "global_avg_pool2d");
    } else if (token == "D") {
      plan.add(next_name(), "dropout", {{"probability", options.dropout}});
    } else if (is_feature) {
      plan.add(features.next(), "conv2d", convolution_options({.out = *size_in(digits), .kernel = 3, .padding = 1}))
          .alias = text("conv", ++convolutions);
      if (digits != token) plan.add(features.next(), "batch_norm");
      plan.add(features.next(), "relu");
    } else if (token == "B") {
      expect(may_take_batch_norm, "a convolution such as 32 before");
      plan.layers.back().kind = "batch_norm";
      plan.add(features.next(), "relu");
    } else if (token.starts_with("fc") && size_in(std::string_view(token).substr(2))) {
      if (linears == 0) plan.add("flatten", "flatten");
      ++linears;
      plan.add(classifier.next(), "linear", {{"out", static_cast<double>(*size_in(std::string_view(token).substr(2)))}})
          .alias = text("fc", linears);
      plan.add(classifier.next(), "relu");
    } else {
      expect(false, "a number of filters such as 32 or 32B, or one of M A G D fc256");
    }
    may_take_batch_norm = is_feature && size_in(token).has_value();
  }
  if (linears == 0) plan.add("flatten", "flatten");
  plan.add(classifier.next(), "linear").alias = "fc_out";
  return with_heads(std::move(plan), options);
}

template <Scalar T, Device D>
[[nodiscard]] Network<T, D> token_net(const std::string& tokens, const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(token_net_plan(tokens, options), rng);
}

}  // namespace fusiform
