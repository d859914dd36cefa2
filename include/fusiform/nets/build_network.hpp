#pragma once
/// A net by the name of its architecture, or by layer tokens: what a study file says.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/nets/alexnet.hpp>
#include <fusiform/nets/resnet.hpp>
#include <fusiform/nets/token_net.hpp>
#include <fusiform/nets/vgg.hpp>

namespace fusiform {

/// The plan of a named architecture or of a token list (nets/token_net.hpp).
/// Throws ConfigError that lists the choices.
[[nodiscard]] inline NetworkPlan plan_network(const std::string& architecture, const NetOptions& options) {
  using Plan = std::function<NetworkPlan()>;
  const auto vgg = [&](int depth, bool batch_norm) {
    return [&, depth, batch_norm] { return vgg_plan(depth, options, batch_norm); };
  };
  const auto alex = [&](AlexNetNormalization normalization) {
    return [&, normalization] { return alexnet_plan(options, normalization); };
  };
  const std::vector<std::pair<std::string, Plan>> known = {
      {"vgg11", vgg(11, false)},
      {"vgg13", vgg(13, false)},
      {"vgg16", vgg(16, false)},
      {"vgg19", vgg(19, false)},
      {"vgg11_bn", vgg(11, true)},
      {"vgg13_bn", vgg(13, true)},
      {"vgg16_bn", vgg(16, true)},
      {"vgg19_bn", vgg(19, true)},
      {"alexnet", alex(AlexNetNormalization::none)},
      {"alexnet_bn", alex(AlexNetNormalization::batch_norm)},
      {"alexnet_lrn", alex(AlexNetNormalization::local_response)},
      {"resnet18",
       [&] {
         return resnet_plan(options, {2, 2, 2, 2}, false);
       }},
      {"resnet50",
       [&] {
         return resnet_plan(options, {3, 4, 6, 3}, true);
       }},
  };
  std::string names;
  for (const auto& [name, plan] : known) {
    if (name == architecture) return plan();
    names += " " + name;
  }
  const std::string first = architecture.substr(0, architecture.find(' '));
  const bool is_word = first.size() > 2 && first == architecture && !first.starts_with("fc") && first[0] > '9';
  if (architecture.find_first_not_of(' ') == std::string::npos || is_word)
    throw ConfigError(text("unknown architecture '", architecture, "'; expected one of:", names,
                           ", or layer tokens such as '32 32 M 64 64 M 128 128 M fc256'"));
  return token_net_plan(architecture, options);
}

/// Builds and initialises: `build_network<float, Cpu>("vgg16", {.image = {64, 64, 3}, .heads = {{"", 20}}}, rng)`.
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> build_network(const std::string& architecture, const NetOptions& options, Rng rng) {
  return build_initialized<T, D>(plan_network(architecture, options), rng);
}

}  // namespace fusiform
