#pragma once
/// A study's net on a device that the compiler knows.

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/attribution.hpp>
#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/study/study_device.hpp>

namespace fusiform {

template <Device D>
class PlacedNetOn final : public PlacedNet {
 public:
  /// Of a network that must outlive this object.
  explicit PlacedNetOn(const Network<float, D>& network) : network_(network) {}
  /// Of a network of its own.
  explicit PlacedNetOn(Network<float, D>&& network) : own_(std::move(network)), network_(*own_) {}

  [[nodiscard]] Outcomes<float> evaluate(NodeId head, const LabelledImages<float>& images) const override {
    return fusiform::evaluate(network_, head, images);
  }

  [[nodiscard]] std::unique_ptr<AddedLesions<float>> added_lesions(const PlacedLesions& lesions,
                                                                   const LabelledImages<float>& images,
                                                                   const LesionManner& manner,
                                                                   std::size_t memory) const override {
    const auto& [site, head, reference] = lesions;
    return std::make_unique<IncrementalLesions<float, D>>(
        network_, site, head, images, IncrementalOptions{.manner = manner, .memory = memory}, reference);
  }

  [[nodiscard]] std::unique_ptr<DefinedLesions<float>> defined_lesions(
      const PlacedLesions& lesions, const LabelledImages<float>& images) const override {
    return std::make_unique<DirectLesion<float, D>>(network_, lesions.site, lesions.head, images, lesions.reference);
  }

  [[nodiscard]] std::vector<TaskEffects<float>> lesion_effects(const LesionSite& site,
                                                               const std::vector<PlannedLesion>& planned,
                                                               const std::vector<TaskImages<float>>& tasks,
                                                               std::size_t memory,
                                                               const std::function<void(Index, Index)>& progress,
                                                               const LesionManner& manner) const override {
    LesionEvaluatorOptions options{.memory = memory};
    if constexpr (!std::same_as<D, Cpu>) options.batch = 256;  // enough to keep a GPU at work
    return fusiform::lesion_effects(network_, site, planned, tasks, options, progress, manner);
  }

  [[nodiscard]] std::vector<FeatureTable> extract_features(const std::vector<NodeId>& nodes,
                                                           const LabelledImages<float>& images,
                                                           const FeatureOptions& options) const override {
    return fusiform::extract_features(network_, nodes, images, options);
  }

  [[nodiscard]] UnitTable taylor_attribution(const LesionSite& site, NodeId head,
                                             const LabelledImages<float>& images) const override {
    return fusiform::taylor_attribution(network_, site, head, images);
  }

  [[nodiscard]] Conductance layer_conductance(const LesionSite& site, NodeId head, const LabelledImages<float>& images,
                                              Index steps) const override {
    return fusiform::layer_conductance(network_, site, head, images, {.steps = steps});
  }

 private:
  std::optional<Network<float, D>> own_;
  const Network<float, D>& network_;
};

}  // namespace fusiform
