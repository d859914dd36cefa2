#pragma once
/// Performance-matched evaluation: two tasks or nets of different base accuracy are compared on images on which the
/// intact net is equally good (spec: A.7.5, `get_match_samples`).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// The accuracy that all tasks can be brought to with the fewest images lost: a / (1 - b + a) for the lowest accuracy a
/// and the highest b. A task of accuracy b keeps the share (1 - b) / (1 - target) of its images, one of accuracy a the
/// share a / target; here both are 1 - (b - a), and tasks between keep more. Nothing if the lowest is 0: such a
/// task has nothing to lose. Throws ConfigError unless there is a task and all are from 0 to 1.
[[nodiscard]] inline std::optional<double> matched_accuracy(std::span<const double> accuracies) {
  require_setting(!accuracies.empty(), "matched accuracy", "at least 1 task", accuracies.size());
  const auto [least, most] = std::minmax_element(accuracies.begin(), accuracies.end());
  require_setting(*least >= 0 && *most <= 1, "matched accuracy", "accuracies from 0 to 1",
                  *least >= 0 ? *most : *least);
  if (*least == 0) return std::nullopt;
  return *least / (1 - *most + *least);
}

/// The images that are kept, ascending, so that the share of `correct` flags among them is `target`, to the nearest
/// image. With n images and accuracy a, round(n (target - a) / target) errors are taken away at random if the target is
/// higher, round(n (target - a) / (target - 1)) correct ones if it is lower (half to even).
/// Throws ConfigError if there are no images, the target is not from 0 to 1, or nothing would be left: no correct image
/// for a target above 0, or only correct ones for a target of 0.
[[nodiscard]] inline std::vector<Index> matched_images(std::span<const std::uint8_t> correct, double target, Rng rng) {
  require_setting(!correct.empty(), "matched images", "at least 1 image", correct.size());
  require_setting(target >= 0 && target <= 1, "matched images", "a target accuracy from 0 to 1", target);
  const auto images = static_cast<double>(correct.size());
  double right = 0;
  for (const std::uint8_t flag : correct) right += flag != 0 ? 1 : 0;
  const double accuracy = right / images;
  const bool remove_errors = target > accuracy;
  double removed = 0;
  if (target != accuracy) removed = images * (target - accuracy) / (remove_errors ? target : target - 1);
  const auto count = static_cast<std::size_t>(std::nearbyint(removed));

  std::vector<Index> kept;
  std::vector<Index> candidates;
  for (std::size_t image = 0; image < correct.size(); ++image)
    ((correct[image] == 0) == remove_errors ? candidates : kept).push_back(static_cast<Index>(image));
  if (count >= correct.size())
    throw ConfigError(text("matched images: expected a target accuracy that leaves images, got ", target, " with ",
                           right, " of ", correct.size(), " correct"));
  rng.shuffle(std::span(candidates));
  kept.insert(kept.end(), candidates.begin() + static_cast<std::ptrdiff_t>(std::min(count, candidates.size())),
              candidates.end());
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace fusiform
