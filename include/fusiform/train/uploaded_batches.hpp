#pragma once
/// Batches that the CPU prepares for a net on a GPU. For programs that link fusiform::cuda.

#include <array>

#include <fusiform/core/pinned_tensor.hpp>
#include <fusiform/data/batch_source.hpp>
#include <fusiform/ops/convert.hpp>

namespace fusiform {

/// Images are sent in the scalar of the net. While a batch is used the next is on its way, beside what the GPU
/// computes. The source must outlive this object.
template <Scalar T>
class UploadedBatches final : public BatchSource<T, Cuda> {
 public:
  explicit UploadedBatches(BatchSource<Master<T>, Cpu>& source) : source_(source) {}

  [[nodiscard]] Index image_count() const noexcept override { return source_.image_count(); }

  void start_epoch(Index epoch) override {
    source_.start_epoch(epoch);
    started_ = true;
    slots_[0].is_full = slots_[1].is_full = false;
    current_ = 1;
    send_next(slots_[0]);
  }

  [[nodiscard]] const Batch<T, Cuda>* next() override {
    if (!started_) throw ConfigError("uploaded batches: expected start_epoch() before next()");
    Slot& last = slots_[current_];
    Slot& slot = slots_[1 - current_];
    if (!slot.is_full) return nullptr;
    current_ = 1 - current_;
    slot.is_full = false;
    send_next(last);
    slot.arrived.hold_back();
    return &slot.batch;
  }

 private:
  struct Slot {
    Batch<T, Cuda> batch;
    PinnedTensor<T> pixels;
    CudaEvent arrived;
    bool is_full = false;
  };

  /// Lets the source's next batch go on its way. What uses the slot's last one has been started.
  void send_next(Slot& slot) {
    const Batch<Master<T>>* batch = source_.next();
    if (batch == nullptr) return;
    slot.arrived.wait();
    slot.pixels.resize(batch->images.shape());
    convert(batch->images.view(), slot.pixels.view());
    slot.batch.images.resize(batch->images.shape());
    slot.batch.labels = batch->labels;
    slot.batch.items = batch->items;
    free_.record();  // here, since memory comes from the thread's own stream
    const SideStream::Scope scope(side_);
    free_.hold_back();
    start_copy(slot.pixels, slot.batch.images.view());
    slot.arrived.record();
    slot.is_full = true;
  }

  BatchSource<Master<T>, Cpu>& source_;
  std::array<Slot, 2> slots_;
  std::size_t current_ = 0;  // the slot of the batch that was handed out last
  bool started_ = false;
  CudaEvent free_;  // behind all that uses the slot that is to be filled
  SideStream side_;
};

}  // namespace fusiform
