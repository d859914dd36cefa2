#pragma once
/// The nets whose layers are ranked, and one evaluation of a candidate lesion by each implementation.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/analysis/selection.hpp>
#include <fusiform/nets/build_network.hpp>

namespace fusiform::bench {

/// bench/rank_torch.py has the same nets.
struct RankedNet {
  std::string_view name;
  const char* architecture;  ///< for build_network
  Index size, classes;
  Index images;        ///< that candidates are evaluated on
  Index whole_batch;   ///< images per pass through the whole net: the fastest of 32, 64 and 128 here
  Index whole_images;  ///< of these, timed for the published loop; its time is in proportion
  std::vector<const char*> layers;
};

inline const std::vector<RankedNet>& ranked_nets() {
  static const std::vector<RankedNet> nets{
      {"small",
       "32 32 M 64 64 M 128 128 M fc256",
       32,
       10,
       512,
       32,
       512,
       {"conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "fc1"}},
      {"vgg16", "vgg16", 224, 1000, 256, 16, 32, {"conv5_1", "conv5_2", "conv5_3", "fc6", "fc7"}}};
  return nets;
}

/// The published schedule: a fifth of the units, 1.6 percent at a time.
[[nodiscard]] inline SelectionCost ranking_cost(Index units) {
  return selection_cost(units, selection_schedule(units, 0.2, 0.016));
}

class RankingRun {
 public:
  RankingRun(const RankedNet& net, const std::string& layer)
      : network_(build_network<float, Cpu>(net.architecture,
                                           {.image = {net.size, net.size, 3}, .heads = {{"", net.classes}}}, Rng(1))),
        head_(network_.heads().at(0)),
        site_(lesion_site(network_, layer)),
        images_(random_images(net, net.images)),
        whole_images_(random_images(net, net.whole_images)),
        whole_batch_(net.whole_batch) {}

  [[nodiscard]] Index units() const { return site_.units; }

  /// The published loop: the unit's weights and bias set to zero, everything computed, the weights put back.
  void authors() {
    auto parameters = network_.layer(site_.layer).parameters();
    std::vector<Tensor<float, Cpu>> saved;
    for (Parameter<float, Cpu>& parameter : parameters) {
      const Index row = parameter.value.size() / site_.units;
      Tensor<float, Cpu>& copy = saved.emplace_back(Shape{row});
      std::copy_n(parameter.value.data(), row, copy.data());
      std::fill_n(parameter.value.data(), row, 0.0F);
    }
    static_cast<void>(evaluate(network_, head_, whole_images_, whole_batch_).mean_loss());
    for (std::size_t i = 0; i < saved.size(); ++i)
      std::copy_n(saved[i].data(), saved[i].size(), parameters[i].value.data());
  }

  /// One candidate, everything behind the layer computed again; the first call computes what lies before it.
  void suffix() {
    if (!evaluator_) evaluator_ = std::make_unique<LesionEvaluator<float>>(network_, site_, head_, images_);
    static_cast<void>(evaluator_->evaluate_one(std::vector<Index>{1}).mean_loss());
  }

  /// What an iteration begins with, for a base that was not the last one.
  void incremental_base() {
    base_ = {base_.empty() || base_[0] == 0 ? Index{1} : Index{0}};
    incremental(0);
  }

  /// So many candidates on the base of the last call.
  void incremental(Index candidates) {
    if (!lesions_) lesions_ = std::make_unique<IncrementalLesions<float>>(network_, site_, head_, images_);
    std::vector<std::vector<Index>> added;
    for (Index i = 0; i < candidates; ++i) added.push_back({2 + i});
    static_cast<void>(lesions_->evaluate(base_, added));
  }

  /// Multiply-adds of one image in a pass through the whole net, and in one that begins behind the site with a term
  /// for one channel.
  [[nodiscard]] double whole_operations() const {
    return operations([](NodeId) { return true; });
  }
  [[nodiscard]] double incremental_operations() const {
    const ChannelRegion region = channel_region(network_, site_.node, head_);
    const auto is_sum = [&](NodeId id) { return std::count(region.sums.begin(), region.sums.end(), id) != 0; };
    double terms = 0;
    for (const NodeId sum : region.sums) terms += operations([&](NodeId id) { return id == sum; });
    return operations([&](NodeId id) { return id > site_.node && !is_sum(id); }) + terms / static_cast<double>(units());
  }

 private:
  template <class Predicate>
  [[nodiscard]] double operations(const Predicate& counts) const {
    double sum = 0;
    for (NodeId id = 1; id < network_.size(); ++id) {
      const auto& node = network_.node(id);
      if (!counts(id) || !node.layer->channel_terms()) continue;
      const double positions = static_cast<double>(node.shape.size()) / static_cast<double>(node.shape.channels());
      sum += positions * static_cast<double>(node.layer->channel_terms()->filters.size());
    }
    return sum;
  }

  [[nodiscard]] static LabelledImages<float> random_images(const RankedNet& net, Index count) {
    Tensor<float, Cpu> pixels(Shape{count, net.size, net.size, 3});
    Rng rng = Rng(1).stream("images");
    for (float& element : pixels.span()) element = static_cast<float>(rng.normal());
    std::vector<Index> labels;
    for (Index n = 0; n < count; ++n) labels.push_back((7 * n) % net.classes);
    return labelled_images(std::move(pixels), std::move(labels));
  }

  Network<float, Cpu> network_;
  NodeId head_;
  LesionSite site_;
  LabelledImages<float> images_, whole_images_;
  Index whole_batch_;
  std::vector<Index> base_;
  std::unique_ptr<LesionEvaluator<float>> evaluator_;
  std::unique_ptr<IncrementalLesions<float>> lesions_;
};

}  // namespace fusiform::bench
