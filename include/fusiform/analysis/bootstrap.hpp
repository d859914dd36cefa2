#pragma once
/// Hierarchical bootstrap: classes are drawn with replacement, then images within each drawn class. Images of a class
/// are alike, so that drawing images alone would make the intervals too narrow (Saravanan, Berman & Sober 2020).
/// The classes are the sample. On made data the 95 % intervals of accuracies, drops and indices covered the truth in
/// 96-98 % of cases with 25 or 50 classes, 92-94 % with 10, 85-91 % with 5, percentile and BCa alike.

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/resampled.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// How often an image was drawn.
using ImageWeight = std::int32_t;

/// The resamples of one image set. Replicate r is a pure function of the labels, the stream and r.
class HierarchicalBootstrap {
 public:
  /// `labels` is the class of each image, any integers. Replicate r draws from stream r of `rng`.
  /// Throws ConfigError if there are no images.
  HierarchicalBootstrap(std::span<const Index> labels, Rng rng) : rng_(rng) {
    require_setting(!labels.empty(), "bootstrap", "at least 1 image", labels.size());
    std::map<Index, std::vector<std::size_t>> members;
    for (std::size_t image = 0; image < labels.size(); ++image) members[labels[image]].push_back(image);
    for (const auto& [label, images] : members) {
      class_begin_.push_back(images_.size());
      images_.insert(images_.end(), images.begin(), images.end());
    }
    class_begin_.push_back(images_.size());
  }

  [[nodiscard]] Index image_count() const noexcept { return static_cast<Index>(images_.size()); }
  [[nodiscard]] Index class_count() const noexcept { return static_cast<Index>(class_begin_.size()) - 1; }

  /// The mean of per-image values with each class left out in turn, classes ascending by label: what the acceleration
  /// of BCa intervals is computed from. Undefined if there is only one class. Throws ShapeError unless there is one
  /// value per image.
  template <class T>
  [[nodiscard]] std::vector<double> means_without_each_class(std::span<const T> values) const {
    require_equal("bootstrap", "values, one per image,", images_.size(), values.size());
    std::vector<double> sums(static_cast<std::size_t>(class_count()));
    double total = 0;
    for (std::size_t c = 0; c < sums.size(); ++c) {
      for (std::size_t i = class_begin_[c]; i < class_begin_[c + 1]; ++i)
        sums[c] += static_cast<double>(values[images_[i]]);
      total += sums[c];
    }
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const std::size_t left = images_.size() - (class_begin_[c + 1] - class_begin_[c]);
      sums[c] = left > 0 ? (total - sums[c]) / static_cast<double>(left) : undefined;
    }
    return sums;
  }

  /// How often each image occurs in a replicate; in the order of the labels. `weights` has one place per image.
  void draw(Index replicate, std::span<ImageWeight> weights) const {
    require_equal("bootstrap", "weights, one per image,", images_.size(), weights.size());
    std::fill(weights.begin(), weights.end(), ImageWeight{0});
    WordStream words(rng_.stream(static_cast<std::uint64_t>(replicate)));
    const auto classes = static_cast<std::uint32_t>(class_count());
    for (std::uint32_t draw = 0; draw < classes; ++draw) {
      const std::uint32_t drawn = words.below(classes);
      const std::size_t begin = class_begin_[drawn];
      const auto size = static_cast<std::uint32_t>(class_begin_[drawn + 1] - begin);
      for (std::uint32_t i = 0; i < size; ++i) ++weights[images_[begin + words.below(size)]];
    }
  }

 private:
  // All four words of each Philox block, and one word per number: a quarter of the work of Rng::below.
  class WordStream {
   public:
    explicit WordStream(const Rng& rng) : rng_(rng) {}

    // Lemire 2019: multiply and shift, with rejection, so without bias.
    std::uint32_t below(std::uint32_t bound) {
      std::uint64_t product = std::uint64_t{word()} * bound;
      if (static_cast<std::uint32_t>(product) < bound) {
        const std::uint32_t threshold = (0U - bound) % bound;
        while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{word()} * bound;
      }
      return static_cast<std::uint32_t>(product >> 32U);
    }

   private:
    std::uint32_t word() {
      if (place_ == 4) {
        block_ = rng_.block(next_++);
        place_ = 0;
      }
      return block_[place_++];
    }

    Rng rng_;
    std::uint64_t next_ = 0;
    std::array<std::uint32_t, 4> block_{};
    std::size_t place_ = 4;
  };

  Rng rng_;
  std::vector<std::size_t> images_;       // class by class
  std::vector<std::size_t> class_begin_;  // into images_, with the end behind the last class
};

/// Calls body(replicate, weights) for all replicates, on all threads. Bodies must not depend on each other.
template <class Body>
void for_each_replicate(const HierarchicalBootstrap& bootstrap, Index replicates, const Body& body) {
  constexpr Index grain = 64;
  parallel_ranges(replicates, grain, [&](Index begin, Index end) {
    std::vector<ImageWeight> weights(static_cast<std::size_t>(bootstrap.image_count()));
    for (Index replicate = begin; replicate < end; ++replicate) {
      bootstrap.draw(replicate, weights);
      body(replicate, std::span<const ImageWeight>(weights));
    }
  });
}

/// The mean of per-image values under a resample. Sums in double and in the order of the images.
[[nodiscard]] inline double weighted_mean(std::span<const double> values, std::span<const ImageWeight> weights) {
  double sum = 0;
  double total = 0;
  for (std::size_t image = 0; image < values.size(); ++image) {
    sum += weights[image] * values[image];
    total += weights[image];
  }
  return total > 0 ? sum / total : undefined;
}

/// The share of images with flag 1 under a resample.
[[nodiscard]] inline double weighted_share(std::span<const std::uint8_t> flags, std::span<const ImageWeight> weights) {
  ImageWeight sum = 0;
  ImageWeight total = 0;
  for (std::size_t image = 0; image < flags.size(); ++image) {
    sum += flags[image] * weights[image];
    total += weights[image];
  }
  return total > 0 ? static_cast<double>(sum) / total : undefined;
}

/// The mean of per-image values (losses, accuracies) on all resamples; `sample` is the number of the image set.
/// Throws ShapeError if the lengths differ, ConfigError for options that cannot be.
[[nodiscard]] inline Resampled resample_mean(const HierarchicalBootstrap& bootstrap, std::span<const double> values,
                                             const BootstrapOptions& options = {}, Index sample = 0) {
  check_options(options);
  Resampled result{.estimate = mean(values),
                   .replicates = std::vector<double>(static_cast<std::size_t>(options.replicates)),
                   .left_out = {{sample, bootstrap.means_without_each_class(values)}}};
  for_each_replicate(bootstrap, options.replicates, [&](Index replicate, std::span<const ImageWeight> weights) {
    result.replicates[static_cast<std::size_t>(replicate)] = weighted_mean(values, weights);
  });
  return result;
}

/// The mean of per-image values with its interval. Throws as `resample_mean`.
[[nodiscard]] inline Interval bootstrap_mean(const HierarchicalBootstrap& bootstrap, std::span<const double> values,
                                             const BootstrapOptions& options = {}) {
  return confidence_interval(resample_mean(bootstrap, values, options), options);
}

}  // namespace fusiform
