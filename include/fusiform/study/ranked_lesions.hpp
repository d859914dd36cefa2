#pragma once
/// A trained net with what its rankings ask for: which images, which lesions, on this process.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/data/checksum.hpp>
#include <fusiform/study/lesion_settings.hpp>
#include <fusiform/study/racing.hpp>
#include <fusiform/study/weights_checksum.hpp>

namespace fusiform {

/// One trained net with all that its lesions need.
struct LesionedNet {
  const StudyNet& net;
  const StudyNetwork& network;
  const PlacedNet& placed;  ///< the same where it is computed with
  const ImagePack& pack;

  [[nodiscard]] const LesionConfig& lesion() const noexcept { return net.settings->lesion; }
};

namespace detail {

/// Bytes that lesions may keep.
[[nodiscard]] inline std::size_t lesion_memory(const LesionConfig& lesion) {
  return static_cast<std::size_t>(lesion.memory_mib) << 20U;
}

/// For kinds mean and resample: other images of the same list, whose partners are drawn once per net and task.
[[nodiscard]] inline LesionReference<float> lesion_reference(const LesionedNet& lesioned, const NetTask& task) {
  return {.rng = Rng(lesioned.net.seed).stream("resampled partners").stream(task.task)};
}

/// Lesions of a layer in the study's manner, judged by one task.
[[nodiscard]] inline PlacedLesions placed_lesions(const LesionedNet& lesioned, const NetTask& task,
                                                  const std::string& layer) {
  return {lesion_site(lesioned.network, layer, lesion_kind(lesioned.lesion())), task_head(lesioned.network, task),
          lesion_reference(lesioned, task)};
}

/// The lesions that one ranking asks for, on this process.
class RankedLesions {
 public:
  RankedLesions(const LesionedNet& lesioned, const NetTask& task, const std::string& layer)
      : items_(in_order_of_ranking(ranking_images(lesioned.lesion(), lesioned.pack, task, lesioned.net.seed),
                                   lesioned.pack, lesioned.net)),
        images_(task_input(lesioned.net.settings->net, lesioned.pack, task, items_)),
        lesions_(lesioned.placed.added_lesions(placed_lesions(lesioned, task, layer), images_,
                                               lesion_manner(lesioned.lesion()), lesion_memory(lesioned.lesion()))) {
    const LesionConfig& lesion = lesioned.lesion();
    identity_ =
        text("layer ", layer, " of ", lesioned.net.title(), " with weights ", weights_checksum(lesioned.network),
             ", task ", task.task, ", images ",
             mix(checksum_of(std::as_bytes(std::span(items_))), checksum_of(std::as_bytes(std::span(images_.labels)))),
             ", lesions of kind ", lesion.kind, " ", lesion.scale);
  }

  [[nodiscard]] AddedLesions<float>& lesions() noexcept { return *lesions_; }
  [[nodiscard]] const std::vector<Index>& items() const noexcept { return items_; }
  [[nodiscard]] const LabelledImages<float>& images() const noexcept { return images_; }

  /// What the outcomes depend on, the same on every process that can take part.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

 private:
  std::vector<Index> items_;
  LabelledImages<float> images_;
  std::unique_ptr<AddedLesions<float>> lesions_;
  std::string identity_;
};

}  // namespace detail

}  // namespace fusiform
