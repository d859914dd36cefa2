#pragma once
/// A trained net with what its rankings ask for: which images, which lesions, on this process.

#include <cstdint>
#include <string>
#include <vector>

#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/data/checksum.hpp>
#include <fusiform/study/lesion_settings.hpp>
#include <fusiform/study/racing.hpp>
#include <fusiform/study/weights_checksum.hpp>

namespace fusiform {

/// One trained net with all that its lesions need.
struct LesionedNet {
  const StudyNet& net;
  const StudyNetwork& network;
  const ImagePack& pack;

  [[nodiscard]] const LesionConfig& lesion() const noexcept { return net.settings->lesion; }
};

namespace detail {

[[nodiscard]] inline LesionEvaluatorOptions evaluator_options(const LesionConfig& lesion) {
  return {.memory = static_cast<std::size_t>(lesion.memory_mib) << 20U};
}

[[nodiscard]] inline IncrementalOptions incremental_options(const LesionConfig& lesion) {
  return {.manner = lesion_manner(lesion), .memory = evaluator_options(lesion).memory};
}

/// For kinds mean and resample: other images of the same list, whose partners are drawn once per net and task.
[[nodiscard]] inline LesionReference<float> lesion_reference(const LesionedNet& lesioned, const NetTask& task) {
  return {.rng = Rng(lesioned.net.seed).stream("resampled partners").stream(task.task)};
}

/// The lesions that one ranking asks for, on this process.
class RankedLesions {
 public:
  RankedLesions(const LesionedNet& lesioned, const NetTask& task, const std::string& layer)
      : items_(in_order_of_ranking(ranking_images(lesioned.lesion(), lesioned.pack, task, lesioned.net.seed),
                                   lesioned.pack, lesioned.net)),
        images_(task_input(lesioned.net.settings->net, lesioned.pack, task, items_)),
        lesions_(lesioned.network, lesion_site(lesioned.network, layer, lesion_kind(lesioned.lesion())),
                 task_head(lesioned.network, task), images_, incremental_options(lesioned.lesion()),
                 lesion_reference(lesioned, task)) {
    const LesionConfig& lesion = lesioned.lesion();
    identity_ =
        text("layer ", layer, " of ", lesioned.net.title(), " with weights ", weights_checksum(lesioned.network),
             ", task ", task.task, ", images ",
             mix(checksum_of(std::as_bytes(std::span(items_))), checksum_of(std::as_bytes(std::span(images_.labels)))),
             ", lesions of kind ", lesion.kind, " ", lesion.scale);
  }

  [[nodiscard]] IncrementalLesions<float>& lesions() noexcept { return lesions_; }
  [[nodiscard]] const std::vector<Index>& items() const noexcept { return items_; }
  [[nodiscard]] const LabelledImages<float>& images() const noexcept { return images_; }

  /// What the outcomes depend on, the same on every process that can take part.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

 private:
  std::vector<Index> items_;
  LabelledImages<float> images_;
  IncrementalLesions<float> lesions_;
  std::string identity_;
};

}  // namespace detail

}  // namespace fusiform
