#pragma once
/// Random projection of very long feature vectors to fewer numbers.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// The sparse Johnson-Lindenstrauss transform of Kane & Nelson (Journal of the ACM 61, 2014): the outputs are cut into
/// four blocks, and each feature is added, times +1/2 or -1/2, to one random output of each block. Inner products keep
/// their expectation; their standard deviation is at most about sqrt(2 / outputs) times the product of the lengths.
/// Costs four additions per feature and image, where a dense projection would cost one multiplication per output.
class SparseProjection {
 public:
  /// A function of the sizes and the stream. Throws ConfigError for fewer than 4 outputs.
  SparseProjection(Index features, Index outputs, const Rng& rng) : outputs_(outputs) {
    require_setting(outputs >= blocks, "projection", text("at least ", blocks, " outputs"), outputs);
    places_.resize(static_cast<std::size_t>(features * blocks));
    constexpr Index grain = Index{1} << 14U;
    parallel_ranges(features, grain, [&](Index begin, Index end) {
      for (Index feature = begin; feature < end; ++feature) {
        const auto words = rng.block(static_cast<std::uint64_t>(feature));
        for (Index block = 0; block < blocks; ++block)
          places_[static_cast<std::size_t>(feature * blocks + block)] =
              place(words[static_cast<std::size_t>(block)], outputs * block / blocks, outputs * (block + 1) / blocks);
      }
    });
  }

  [[nodiscard]] Index feature_count() const noexcept { return static_cast<Index>(places_.size()) / blocks; }
  [[nodiscard]] Index output_count() const noexcept { return outputs_; }

  /// Sums in double, in the order of the features. Throws ShapeError if the lengths differ from those given.
  template <class T>
  void apply(std::span<const T> features, std::span<float> outputs) const {
    require_equal("projection", "features", feature_count(), static_cast<Index>(features.size()));
    require_equal("projection", "outputs", outputs_, static_cast<Index>(outputs.size()));
    std::vector<double> sums(outputs.size());
    const Place* to = places_.data();
    for (const T feature : features) {
      const double half = 0.5 * static_cast<double>(feature);
      for (Index block = 0; block < blocks; ++block, ++to) sums[*to >> 1U] += (*to & 1U) != 0 ? -half : half;
    }
    std::transform(sums.begin(), sums.end(), outputs.begin(), [](double sum) { return static_cast<float>(sum); });
  }

 private:
  static constexpr Index blocks = 4;  // whose root is the 2 in +1/2
  using Place = std::uint32_t;        // 2 · output + (1 for a minus)

  // 31 bits choose the output, with a bias of at most outputs / 2^31; one bit the sign.
  [[nodiscard]] static Place place(std::uint32_t word, Index begin, Index end) noexcept {
    const auto size = static_cast<std::uint64_t>(end - begin);
    const std::uint64_t output = static_cast<std::uint64_t>(begin) + ((std::uint64_t{word >> 1U} * size) >> 31U);
    return static_cast<Place>(2 * output) | (word & 1U);
  }

  Index outputs_;
  std::vector<Place> places_;  // `blocks` of each feature
};

}  // namespace fusiform
