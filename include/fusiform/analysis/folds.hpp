#pragma once
/// Cuts labelled images into folds for cross-validation.

#include <algorithm>
#include <span>
#include <vector>

#include <fusiform/analysis/feature_table.hpp>
#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// Each image is tested in one fold and trained on in all others.
struct Folds {
  std::vector<Index> of_image;
  Index count = 0;

  /// Images of the fold if `tested`, else all others; ascending.
  [[nodiscard]] std::vector<Index> images(Index fold, bool tested) const {
    std::vector<Index> result;
    for (std::size_t image = 0; image < of_image.size(); ++image)
      if ((of_image[image] == fold) == tested) result.push_back(static_cast<Index>(image));
    return result;
  }
};

/// Fold i tests image i.
[[nodiscard]] inline Folds leave_one_out(Index images) {
  Folds folds{{}, images};
  for (Index image = 0; image < images; ++image) folds.of_image.push_back(image);
  return folds;
}

/// Every class is shuffled and dealt out in turn, the next class going on where the last one stopped: in each fold the
/// images of a class, and all images, number the same up to one. Throws ConfigError unless there are two or more folds
/// and no more than images.
[[nodiscard]] inline Folds stratified_folds(std::span<const Index> labels, Index count, const Rng& rng) {
  require_setting(count >= 2 && count <= static_cast<Index>(labels.size()), "folds",
                  text("2 to ", labels.size(), ", the number of images,"), count);
  Folds folds{std::vector<Index>(labels.size()), count};
  ClassTable classes = class_table(labels);
  Index next = 0;
  for (std::size_t c = 0; c < classes.members.size(); ++c) {
    rng.stream(static_cast<std::uint64_t>(classes.labels[c])).shuffle(std::span(classes.members[c]));
    for (const Index image : classes.members[c]) folds.of_image[static_cast<std::size_t>(image)] = next++ % count;
  }
  return folds;
}

}  // namespace fusiform
