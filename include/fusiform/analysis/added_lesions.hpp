#pragma once
/// What greedy rankings, effects of single units and pairs of units ask for: many lesions that each add a few units to
/// one base, image by image. Who answers may compute, split the work between processes, or remember.

#include <span>
#include <vector>

#include <fusiform/analysis/image_range.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// One layer, one head, one list of images, one manner of lesion.
template <Scalar T>
class AddedLesions {
 public:
  AddedLesions() = default;
  AddedLesions(const AddedLesions&) = delete;
  AddedLesions& operator=(const AddedLesions&) = delete;
  virtual ~AddedLesions() = default;

  [[nodiscard]] virtual Index units() const = 0;        ///< of the layer
  [[nodiscard]] virtual Index image_count() const = 0;  ///< of the list
  [[nodiscard]] virtual Index block() const = 0;        ///< images that are computed together; ranges are whole blocks

  /// For each entry of `added` what the units of `base` and of the entry together do, lesioned, to each image of
  /// `images`; an empty entry: the base alone. What an image yields depends on its block and the lesion only: not on
  /// the other entries, on the range, on threads or on memory.
  /// Throws ConfigError for units that are not there or named twice, and for a range that does not begin with a block,
  /// or ends neither with one nor with the list.
  [[nodiscard]] virtual std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                          std::span<const std::vector<Index>> added,
                                                          ImageRange images) = 0;
};

}  // namespace fusiform
