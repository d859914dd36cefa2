#pragma once
/// What one iteration of a ranking by racing took, and how far it can be trusted.

#include <limits>
#include <vector>

#include <fusiform/core/scalar.hpp>

namespace fusiform {

struct RaceRecord {
  std::vector<Index> images;  ///< for each candidate, the images of the list it was evaluated on
  Index list = 0;             ///< images of the list
  /// Standard error of the gap at the cut if the list is a sample of all images; NaN if no candidate was rejected.
  /// A gap that is not several times as large was decided by which images are on the list, however exactly it is known.
  double cut_noise = std::numeric_limits<double>::quiet_NaN();
  Index audited = 0;  ///< eliminated candidates that were evaluated to the end all the same, drawn at random
  Index missed = 0;   ///< those of them that belonged to the selection (where they were then put)

  /// (candidate, image) pairs that were evaluated.
  [[nodiscard]] Index evaluations() const noexcept {
    Index sum = 0;
    for (const Index count : images) sum += count;
    return sum;
  }
  /// Pairs that the exact ranking would have evaluated beside them.
  [[nodiscard]] Index saved() const noexcept { return static_cast<Index>(images.size()) * list - evaluations(); }

  friend bool operator==(const RaceRecord& a, const RaceRecord& b) {
    const bool same_noise = a.cut_noise == b.cut_noise || (a.cut_noise != a.cut_noise && b.cut_noise != b.cut_noise);
    return same_noise && a.images == b.images && a.list == b.list && a.audited == b.audited && a.missed == b.missed;
  }
};

}  // namespace fusiform
