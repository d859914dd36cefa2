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
#include <fusiform/train/image_input.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// Whoever computes lesions by the definition, of one layer, head and list of images.
template <Scalar T>
class DefinedLesions {
 public:
  DefinedLesions() = default;
  DefinedLesions(const DefinedLesions&) = delete;
  DefinedLesions& operator=(const DefinedLesions&) = delete;
  virtual ~DefinedLesions() = default;

  /// Outcomes for some images of the list, in the order of `chosen`.
  [[nodiscard]] virtual Outcomes<T> evaluate(const Lesion& lesion, std::span<const Index> chosen) = 0;
};

/// On the device of the network, which must outlive this object, as must all images.
template <Scalar T, Device D = Cpu>
class DirectLesion final : public DefinedLesions<Master<T>> {
 public:
  /// `reference` is for lesions of kinds mean and resample.
  DirectLesion(const Network<T, D>& network, const LesionSite& site, NodeId head,
               const LabelledImages<Master<T>>& images, LesionReference<Master<T>> reference = {})
      : network_(network), site_(site), head_(head), images_(images), reference_(std::move(reference)) {}

  /// Throws as lesioned_channels, mean_value and resample_partners.
  [[nodiscard]] Outcomes<Master<T>> evaluate(const Lesion& lesion, std::span<const Index> chosen) override {
    const std::vector<Index> channels = lesioned_channels(site_, lesion);
    const auto count = static_cast<Index>(chosen.size());
    Outcomes<Master<T>> outcomes(count);
    if (count == 0) return outcomes;
    Tensor<T, D> lesioned;
    {
      const View<const T, D> intact = site_value(images_, chosen);
      lesioned.resize(intact.shape());
      copy(intact, lesioned.view());
    }
    Tensor<T, D> partners;
    apply_lesion<T, D>(lesion, channels, sources(lesion.kind, chosen, partners), lesioned.view());
    Activations<T, D> pass;
    pass.borrow(0, input_.chosen(images_, chosen));
    pass.borrow(site_.node, lesioned);
    std::vector<Index> labels;
    for (const Index image : chosen) labels.push_back(images_.labels[static_cast<std::size_t>(image)]);
    Tensor<T, Cpu> logits;
    record_outcomes<T>(on_cpu(network_.compute(head_, pass), logits), labels, 0, outcomes);
    return outcomes;
  }

 private:
  View<const T, D> site_value(const LabelledImages<Master<T>>& images, std::span<const Index> chosen) {
    return network_.forward(input_.chosen(images, chosen), site_.node, pass_);
  }

  LesionSources<T, D> sources(LesionKind kind, std::span<const Index> chosen, Tensor<T, D>& partners) {
    const LabelledImages<Master<T>>& references = reference_.images == nullptr ? images_ : *reference_.images;
    if (kind == LesionKind::mean && mean_.empty())
      mean_ = on_device<D>(mean_value(network_, site_.node, references, 1, reference_.per_position));
    if (kind == LesionKind::resample) {
      const std::vector<Index> all = reference_.images == nullptr
                                         ? resample_partners(images_.count(), reference_.rng)
                                         : resample_partners(images_.count(), references.count(), reference_.rng);
      std::vector<Index> others;
      for (const Index image : chosen) others.push_back(all[static_cast<std::size_t>(image)]);
      const View<const T, D> value = site_value(references, others);
      partners.resize(value.shape());
      copy(value, partners.view());
    }
    return {.mean = mean_, .partners = partners};
  }

  const Network<T, D>& network_;
  LesionSite site_;
  NodeId head_;
  const LabelledImages<Master<T>>& images_;
  LesionReference<Master<T>> reference_;
  Tensor<T, D> mean_;  // of one image's site value; empty until a lesion asks for it
  ImageInput<T, D> input_;
  Activations<T, D> pass_;
};

}  // namespace fusiform
