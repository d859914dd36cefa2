#pragma once
/// Which images the batches of an epoch show: alike for all that make batches, on whatever device.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/data/transform.hpp>

namespace fusiform {

struct LoaderOptions {
  Index batch = 128;
  bool shuffle = false;
  bool drop_last = false;  ///< leave out the last batch if it is smaller than the others
  TransformOptions transform{};
  Rng rng{0};
  Index workers = 1;  ///< background threads; 0 = prepare each batch when it is asked for
};

/// A value. The order is drawn from rng.stream(epoch), the augmentation of the image at position p from
/// rng.stream(epoch).stream(p).
class EpochOrder {
 public:
  /// The images of one batch: positions first to first + count - 1.
  struct Range {
    Index first, count;
  };

  /// Throws ConfigError for an empty batch.
  EpochOrder(std::vector<Index> items, const LoaderOptions& options)
      : items_(std::move(items)),
        batch_(options.batch),
        shuffle_(options.shuffle),
        drop_last_(options.drop_last),
        rng_(options.rng) {
    require_setting(options.batch >= 1, "loader: batch", "at least 1", options.batch);
  }

  [[nodiscard]] const std::vector<Index>& items() const noexcept { return items_; }
  [[nodiscard]] Index image_count() const noexcept {
    const auto count = static_cast<Index>(items_.size());
    return drop_last_ ? count / batch_ * batch_ : count;
  }
  [[nodiscard]] Index batch_count() const noexcept { return (image_count() + batch_ - 1) / batch_; }
  [[nodiscard]] Range batch(Index number) const noexcept {
    const Index first = number * batch_;
    return {first, std::min(batch_, image_count() - first)};
  }

  void start_epoch(Index epoch) {
    epoch_rng_ = rng_.stream(static_cast<std::uint64_t>(epoch));
    order_ = items_;
    if (shuffle_) Rng(epoch_rng_).shuffle(std::span(order_));
  }

  /// Of the epoch that was started last.
  [[nodiscard]] Index item(Index position) const { return order_[static_cast<std::size_t>(position)]; }
  [[nodiscard]] Rng rng(Index position) const { return epoch_rng_.stream(static_cast<std::uint64_t>(position)); }

 private:
  std::vector<Index> items_;
  Index batch_;
  bool shuffle_, drop_last_;
  Rng rng_;
  Rng epoch_rng_{0};
  std::vector<Index> order_;
};

}  // namespace fusiform
