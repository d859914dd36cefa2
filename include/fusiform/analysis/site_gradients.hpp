#pragma once
/// The gradient of one number per image with respect to the value of an inner node: what attributions are made of.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/lesion.hpp>
#include <fusiform/core/transfer.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/layers/initializer.hpp>
#include <fusiform/nets/suffix.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>

namespace fusiform {

/// The number F of an image that is attributed to units. Larger is better for both, so that a positive attribution
/// says: the unit helps, its lesion hurts.
enum class AttributedOutput {
  log_probability,  ///< of the image's class: minus its cross-entropy, nats
  logit,            ///< of the image's class
};

/// One batch at a time, through a net that stays as it is: the part before the site without a backward pass, the part
/// behind it with one. In evaluation mode. To be used by one thread at a time; the network must outlive it. Values stay
/// on the device of the net.
template <Scalar T, Device D = Cpu>
class SiteGradients {
 public:
  /// Throws ConfigError if the head does not depend on the site, or is the site.
  SiteGradients(const Network<T, D>& network, const LesionSite& site, NodeId head, AttributedOutput output)
      : network_(network), site_(site.node), head_(head), output_(output) {
    if (head == site.node)
      throw ConfigError(text("attribution: expected a layer before the head, got '", network.node(head).name, "'"));
    kept_.keep = suffix_frontier(network, site_, head);
    kept_.keep.push_back(site_);
  }

  /// Runs images (N, H, W, C) up to the site and returns its value, which stays until the next `forward`.
  View<const T, D> forward(In<T, D> images) {
    const NodeId last = *std::max_element(kept_.keep.begin(), kept_.keep.end());
    network_.forward(images, last, before_, kept_);
    return before_.value(site_);
  }

  /// F of each image of the last `forward`.
  [[nodiscard]] std::vector<double> outputs(std::span<const Index> labels) { return outputs_of(compute({}), labels); }

  /// dF / d value of the site for the images of the last `forward`, each image's own; it stays until the next call.
  View<const T, D> gradient(std::span<const Index> labels) {
    const View<const T, D> logits = compute({.backward = true, .keep = {site_}});
    const View<const Index, Cpu> classes(labels.data(), Shape{static_cast<Index>(labels.size())});
    require_labels<T, Cpu>(View<const T, Cpu>(nullptr, logits.shape()), classes);
    output_gradient_.resize(logits.shape());
    if (output_ == AttributedOutput::log_probability)
      log_probability_gradient(logits, classes);
    else
      logit_gradient(classes);
    network_.backward_to_kept(head_, output_gradient_, behind_);
    return behind_.gradient(site_);
  }

 private:
  View<const T, D> compute(const PassOptions& options) {
    for (const NodeId node : kept_.keep) behind_.borrow(node, before_.value(node));
    return network_.compute(head_, behind_, options);
  }

  void log_probability_gradient(View<const T, D> logits, View<const Index, Cpu> classes) {
    copy(classes, labels_.write(classes.shape()));
    softmax_cross_entropy_gradient<T, D>(logits, labels_.send(), -1.0, output_gradient_.view());
  }

  void logit_gradient(View<const Index, Cpu> classes) {
    fill_on_cpu(output_gradient_, [&](Tensor<T, Cpu>& ones) {
      ones.fill(T{0});
      for (Index n = 0; n < classes.size(); ++n) ones[n * ones.shape()[1] + classes[n]] = T{1};
    });
  }

  [[nodiscard]] std::vector<double> outputs_of(View<const T, D> values, std::span<const Index> labels) {
    const View<const T, Cpu> logits = on_cpu(values, logits_);
    std::vector<double> outputs(labels.size());
    if (output_ == AttributedOutput::log_probability) {
      Tensor<T, Cpu> losses(Shape{static_cast<Index>(labels.size())});
      softmax_cross_entropy(logits, labels, losses.view());
      for (std::size_t n = 0; n < outputs.size(); ++n) outputs[n] = -static_cast<double>(losses[static_cast<Index>(n)]);
    } else {
      require_labels<T, Cpu>(logits, {labels.data(), Shape{static_cast<Index>(labels.size())}});
      for (std::size_t n = 0; n < outputs.size(); ++n)
        outputs[n] = static_cast<double>(logits[static_cast<Index>(n) * logits.shape()[1] + labels[n]]);
    }
    return outputs;
  }

  const Network<T, D>& network_;
  NodeId site_;
  NodeId head_;
  AttributedOutput output_;
  PassOptions kept_;  // the frontier, then the site
  Activations<T, D> before_;
  Activations<T, D> behind_;
  Tensor<T, D> output_gradient_;
  ToDevice<Index, D> labels_;
  Tensor<T, Cpu> logits_;
};

}  // namespace fusiform
