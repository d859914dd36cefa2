#pragma once
/// What all builders of nets take, and how a net gets its heads.

#include <string>
#include <utility>
#include <vector>

#include <fusiform/nets/plan.hpp>

namespace fusiform {

/// A classifier. With one head its name is not used.
struct Head {
  std::string name = {};  ///< of the task
  Index classes = 0;
};

struct NetOptions {
  Shape image{64, 64, 3};         ///< (H, W, C)
  std::vector<Head> heads = {};   ///< one: a shared classifier over all classes; several: a branch for each
  std::string branch_after = {};  ///< name or alias of the last shared layer, "input" for none; only with several heads
  double dropout = 0.5;           ///< rate of every dropout layer
  Index hidden_features = 4096;   ///< width of fc6 and fc7 in VGG and AlexNet
};

/// Gives a plan its heads; its last layer is the linear classifier (its option `out` is set here).
/// With several heads, the layers listed after `branch_after` are copied once per head, named "<head>.<layer>", and
/// read the copies in their own branch or the shared layers (Kell et al. 2018). The last shared layer may be any:
/// "input" gives separate nets, the layer before the classifier shares all but that.
/// Throws ConfigError.
[[nodiscard]] inline NetworkPlan with_heads(NetworkPlan plan, const NetOptions& options) {
  require_setting(!options.heads.empty(), "net", "at least one head", options.heads.size());
  for (const Head& head : options.heads)
    require_setting(head.classes >= 1, text("head '", head.name, "'"), "at least one class", head.classes);
  const auto set_classes = [](PlannedLayer& classifier, Index classes) {
    std::erase_if(classifier.options, [](const auto& option) { return option.first == "out"; });
    classifier.options.emplace_back("out", static_cast<double>(classes));
  };
  if (options.heads.size() == 1) {
    require_setting(options.branch_after.empty(), "net", "several heads with branch_after", "one head");
    set_classes(plan.layers.back(), options.heads.front().classes);
    return plan;
  }
  require_setting(!options.branch_after.empty(), "net with several heads",
                  "branch_after = the last shared layer (or 'input')", "''");

  // Explicit readers first: in a copy, "the layer before" would be another one.
  std::size_t shared = options.branch_after == "input" ? 0 : plan.layers.size();
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    PlannedLayer& layer = plan.layers[i];
    if (layer.inputs.empty()) layer.inputs.push_back(i == 0 ? "input" : plan.layers[i - 1].name);
    if (layer.name == options.branch_after || layer.alias == options.branch_after) shared = i + 1;
  }
  if (shared == plan.layers.size()) {
    std::string known = " input";
    for (std::size_t i = 0; i + 1 < plan.layers.size(); ++i)
      known += " " + plan.layers[i].name + (plan.layers[i].alias.empty() ? "" : "=" + plan.layers[i].alias);
    throw ConfigError(text("net: no layer '", options.branch_after, "' to branch after; expected one of:", known));
  }
  NetworkPlan branched{plan.image, {plan.layers.begin(), plan.layers.begin() + static_cast<std::ptrdiff_t>(shared)}};
  for (const Head& head : options.heads) {
    require_setting(is_layer_name(head.name), "head of a branched net", "a name without spaces and ( ) = , ; #",
                    "'" + head.name + "'");
    for (std::size_t i = shared; i < plan.layers.size(); ++i) {
      PlannedLayer layer = plan.layers[i];
      layer.name = head.name + "." + layer.name;
      if (!layer.alias.empty()) layer.alias = head.name + "." + layer.alias;
      for (std::string& input : layer.inputs)
        for (std::size_t own = shared; own < i; ++own)
          if (input == plan.layers[own].name || input == plan.layers[own].alias) {
            input = head.name + "." + plan.layers[own].name;
            break;
          }
      branched.layers.push_back(std::move(layer));
    }
    set_classes(branched.layers.back(), head.classes);
  }
  return branched;
}

/// Makes and initialises the net of a plan.
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> build_initialized(const NetworkPlan& plan, Rng rng) {
  Network<T, D> network = build<T, D>(plan);
  network.initialize(rng);
  return network;
}

/// Options of a square convolution. Without a bias only where a batch norm follows and brings its own.
struct PlannedConvolution {
  Index out = 0;
  Index kernel = 3;
  Index stride = 1;
  Index padding = 0;
  bool bias = true;
};

[[nodiscard]] inline LayerOptions convolution_options(const PlannedConvolution& convolution) {
  return {{"out", static_cast<double>(convolution.out)},         {"kernel_h", static_cast<double>(convolution.kernel)},
          {"kernel_w", static_cast<double>(convolution.kernel)}, {"stride", static_cast<double>(convolution.stride)},
          {"padding", static_cast<double>(convolution.padding)}, {"bias", convolution.bias ? 1.0 : 0.0}};
}

[[nodiscard]] inline LayerOptions pooling_options(Index kernel, Index stride, Index padding = 0) {
  return {{"kernel", static_cast<double>(kernel)},
          {"stride", static_cast<double>(stride)},
          {"padding", static_cast<double>(padding)}};
}

/// Names layers "features.0", "features.1", ... as PyTorch's Sequential does.
class SequentialNames {
 public:
  explicit SequentialNames(std::string prefix) : prefix_(std::move(prefix)) {}
  [[nodiscard]] std::string next() { return prefix_ + "." + std::to_string(count_++); }

 private:
  std::string prefix_;
  Index count_ = 0;
};

}  // namespace fusiform
