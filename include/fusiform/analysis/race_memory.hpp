#pragma once
/// What earlier iterations of a ranking tell the next one about its candidates, image by image.

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Loss under one candidate's lesion minus loss of the base, for the first images of the list.
template <Scalar T>
struct RememberedEffect {
  std::vector<T> values;
  double mean = 0;

  [[nodiscard]] Index images() const noexcept { return static_cast<Index>(values.size()); }
};

/// A few units more or less in the base change the effect of a candidate little: on real nets the values of one
/// iteration correlate with those of the one before by 0.95 to 0.99. So the mean of an iteration is known better from
/// the changes over few images and the earlier effect over many.
template <Scalar T>
class RaceMemory {
 public:
  /// Null if nothing is known of the unit.
  [[nodiscard]] const RememberedEffect<T>* find(Index unit) const {
    const auto found = effects_.find(unit);
    return found == effects_.end() ? nullptr : &found->second;
  }

  /// Keeps what covers more images, of equal ones the later.
  void remember(Index unit, std::vector<T> values) {
    const RememberedEffect<T>* const known = find(unit);
    if (values.empty() || (known != nullptr && values.size() < known->values.size())) return;
    double sum = 0;
    for (const T value : values) sum += static_cast<double>(value);
    const double mean = sum / static_cast<double>(values.size());
    effects_[unit] = {std::move(values), mean};
  }

  void forget(Index unit) { effects_.erase(unit); }

  [[nodiscard]] const std::map<Index, RememberedEffect<T>>& effects() const noexcept { return effects_; }

 private:
  std::map<Index, RememberedEffect<T>> effects_;
};

}  // namespace fusiform
