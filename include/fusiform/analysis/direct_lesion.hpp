#pragma once
/// A lesion by its definition: the whole net on each image, the units changed where they stand. Slow, and simple enough
/// to hold everything faster against.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/apply_lesion.hpp>
#include <fusiform/analysis/lesion_reference.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// The network and all images must outlive this object.
template <Scalar T>
class DirectLesion {
 public:
  /// `reference` is for lesions of kinds mean and resample.
  DirectLesion(const Network<T, Cpu>& network, const LesionSite& site, NodeId head, const LabelledImages<T>& images,
               LesionReference<T> reference = {})
      : network_(network), site_(site), head_(head), images_(images), reference_(std::move(reference)) {}

  /// Outcomes for some images of the list, in the order of `chosen`. Throws as lesioned_channels, mean_value and
  /// resample_partners.
  [[nodiscard]] Outcomes<T> evaluate(const Lesion& lesion, std::span<const Index> chosen) {
    const std::vector<Index> channels = lesioned_channels(site_, lesion);
    const auto count = static_cast<Index>(chosen.size());
    Outcomes<T> outcomes(count);
    if (count == 0) return outcomes;
    Tensor<T, Cpu> lesioned;
    {
      const View<const T, Cpu> intact = site_value(images_, chosen);
      lesioned.resize(intact.shape());
      copy(intact, lesioned.view());
    }
    Tensor<T, Cpu> partners;
    apply_lesion<T>(lesion, channels, sources(lesion.kind, chosen, partners), lesioned.view());
    read(images_, chosen);
    Activations<T, Cpu> pass;
    pass.borrow(0, pixels_);
    pass.borrow(site_.node, lesioned);
    std::vector<Index> labels;
    for (const Index image : chosen) labels.push_back(images_.labels[static_cast<std::size_t>(image)]);
    record_outcomes<T>(network_.compute(head_, pass), labels, 0, outcomes);
    return outcomes;
  }

 private:
  void read(const LabelledImages<T>& images, std::span<const Index> chosen) {
    pixels_.resize(images.image.batched(static_cast<Index>(chosen.size())));
    for (std::size_t i = 0; i < chosen.size(); ++i)
      images.read(chosen[i], pixels_.view().batch_range(static_cast<Index>(i), 1));
  }

  View<const T, Cpu> site_value(const LabelledImages<T>& images, std::span<const Index> chosen) {
    read(images, chosen);
    return network_.forward(pixels_, site_.node, pass_);
  }

  LesionSources<T> sources(LesionKind kind, std::span<const Index> chosen, Tensor<T, Cpu>& partners) {
    const LabelledImages<T>& references = reference_.images == nullptr ? images_ : *reference_.images;
    if (kind == LesionKind::mean && mean_.empty())
      mean_ = mean_value(network_, site_.node, references, 1, reference_.per_position);
    if (kind == LesionKind::resample) {
      const std::vector<Index> all = reference_.images == nullptr
                                         ? resample_partners(images_.count(), reference_.rng)
                                         : resample_partners(images_.count(), references.count(), reference_.rng);
      std::vector<Index> others;
      for (const Index image : chosen) others.push_back(all[static_cast<std::size_t>(image)]);
      const View<const T, Cpu> value = site_value(references, others);
      partners.resize(value.shape());
      copy(value, partners.view());
    }
    return {.mean = mean_, .partners = partners};
  }

  const Network<T, Cpu>& network_;
  LesionSite site_;
  NodeId head_;
  const LabelledImages<T>& images_;
  LesionReference<T> reference_;
  Tensor<T, Cpu> mean_;  // of one image's site value; empty until a lesion asks for it
  Tensor<T, Cpu> pixels_;
  Activations<T, Cpu> pass_;
};

}  // namespace fusiform
