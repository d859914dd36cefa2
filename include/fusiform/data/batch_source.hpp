#pragma once
/// Where the batches of a training come from.

#include <vector>

#include <fusiform/core/tensor.hpp>

namespace fusiform {

template <Scalar T, Device D = Cpu>
struct Batch {
  Tensor<T, D> images;        ///< (N, H, W, 3)
  std::vector<Index> labels;  ///< N
  std::vector<Index> items;   ///< N, positions in the pack
};

/// The same batches in every epoch of the same number, on the device of the net.
template <Scalar T, Device D>
class BatchSource {
 public:
  BatchSource() = default;
  BatchSource(const BatchSource&) = delete;
  BatchSource& operator=(const BatchSource&) = delete;
  virtual ~BatchSource() = default;

  /// Images in one epoch.
  [[nodiscard]] virtual Index image_count() const noexcept = 0;

  /// Starts an epoch, also in the middle of another one. Batches handed out before become invalid.
  virtual void start_epoch(Index epoch) = 0;

  /// The next batch; nullptr after the last one. Valid until the next call of `next` or `start_epoch`, which may be
  /// made as soon as everything that uses the batch has been started in the calling thread's stream.
  /// Rethrows what went wrong while it was prepared. Throws ConfigError before the first `start_epoch`.
  [[nodiscard]] virtual const Batch<T, D>* next() = 0;
};

}  // namespace fusiform
