#pragma once
/// Batches for training, prepared on background threads while the net computes.

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <fusiform/data/batch_source.hpp>
#include <fusiform/data/epoch_order.hpp>
#include <fusiform/data/pack.hpp>
#include <fusiform/data/transform.hpp>

namespace fusiform {

/// Goes through `items` of a pack, once per epoch. What a batch holds depends only on (rng, epoch, position in the
/// epoch), see EpochOrder. The pack must outlive the loader. To be used from one thread.
template <Scalar T>
class Loader final : public BatchSource<T, Cpu> {
 public:
  /// Throws ConfigError for an option out of range.
  Loader(const ImagePack& pack, std::vector<Index> items, const LoaderOptions& options)
      : pack_(pack), order_(std::move(items), options), transform_(options.transform) {
    require_setting(options.workers >= 0 && options.workers <= 64, "loader: workers", "0..64", options.workers);
    for (const Index item : order_.items())
      require_setting(item >= 0 && item < pack.count(), "loader: item", text("0..", pack.count() - 1), item);
    ring_ = std::vector<Slot>(static_cast<std::size_t>(options.workers == 0 ? 1 : options.workers + 2));
    claimed_ = batch_count();
    try {
      for (Index worker = 0; worker < options.workers; ++worker) workers_.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  Loader(Loader&&) = delete;
  Loader& operator=(Loader&&) = delete;
  ~Loader() override { stop(); }

  [[nodiscard]] Index image_count() const noexcept override { return order_.image_count(); }
  [[nodiscard]] Index batch_count() const noexcept { return order_.batch_count(); }

  void start_epoch(Index epoch) override {
    std::unique_lock lock(mutex_);
    claimed_ = batch_count();  // nothing more to claim
    changed_.wait(lock, [this] { return active_ == 0; });
    order_.start_epoch(epoch);
    for (Slot& slot : ring_) slot.ready = false;
    released_ = 0;
    handed_out_ = false;
    claimed_ = 0;
    started_ = true;
    changed_.notify_all();
  }

  [[nodiscard]] const Batch<T>* next() override {
    std::unique_lock lock(mutex_);
    if (!started_) throw ConfigError("loader: expected start_epoch() before next()");
    if (std::exchange(handed_out_, false)) {
      slot_of(released_++).ready = false;
      changed_.notify_all();
    }
    if (released_ == batch_count()) return nullptr;
    Slot& slot = slot_of(released_);
    if (workers_.empty()) {
      fill(slot, released_);
    } else {
      changed_.wait(lock, [&slot] { return slot.ready; });
    }
    handed_out_ = true;
    if (slot.failure) std::rethrow_exception(std::exchange(slot.failure, nullptr));
    return &slot.batch;
  }

 private:
  struct Slot {
    Batch<T> batch;
    std::exception_ptr failure;
    bool ready = false;
  };

  Slot& slot_of(Index batch) noexcept { return ring_[static_cast<std::size_t>(batch) % ring_.size()]; }

  // A worker owns the slot of the batch it claimed until it says `ready`; the user owns it until it is released.
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] {
        return stopping_ || (claimed_ < batch_count() && claimed_ < released_ + static_cast<Index>(ring_.size()));
      });
      if (stopping_) return;
      const Index batch = claimed_++;
      Slot& slot = slot_of(batch);
      ++active_;
      lock.unlock();
      fill(slot, batch);
      lock.lock();
      slot.ready = true;
      --active_;
      changed_.notify_all();
    }
  }

  void fill(Slot& slot, Index number) noexcept {
    try {
      slot.failure = nullptr;
      const auto [first, count] = order_.batch(number);
      const Index crop = transform_.options().crop;
      slot.batch.images.resize({count, crop, crop, 3});
      slot.batch.labels.clear();
      slot.batch.items.clear();
      for (Index i = 0; i < count; ++i) {
        const Index item = order_.item(first + i);
        Rng rng = order_.rng(first + i);
        transform_(pack_.image(item), rng, slot.batch.images.view().batch_range(i, 1));
        slot.batch.labels.push_back(pack_.label(item));
        slot.batch.items.push_back(item);
      }
    } catch (...) {
      slot.failure = std::current_exception();
    }
  }

  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  const ImagePack& pack_;
  EpochOrder order_;
  Transform<T> transform_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> ring_;
  Index claimed_ = 0;   // batches that workers have taken on
  Index released_ = 0;  // batches the user is done with
  Index active_ = 0;    // workers at work
  bool handed_out_ = false;
  bool started_ = false;
  bool stopping_ = false;
  std::vector<std::thread> workers_;  // last: they use everything above
};

}  // namespace fusiform
