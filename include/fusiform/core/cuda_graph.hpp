#pragma once
/// What a thread starts on a GPU, recorded once and started again as a whole: launching takes the CPU about three
/// microseconds a kernel, a recording as much for all of them. Defined in the compiled target fusiform::cuda.

#include <functional>
#include <memory>

#include <fusiform/core/device.hpp>

namespace fusiform {

/// A recording holds kernels and copies on the device with the arguments that they were given. Read anew in every
/// replay: the elements of tensors. Frozen: addresses and shapes of tensors, and every number that was passed by
/// value, such as an optimiser's learning rate, Adam's count of steps, and the random stream of dropout, whose masks
/// then repeat. Record again when one of them changes.
class CudaGraph {
 public:
  CudaGraph();
  ~CudaGraph();
  CudaGraph(CudaGraph&&) noexcept;
  CudaGraph& operator=(CudaGraph&&) noexcept;

  /// Records what `work` starts on this thread's stream, and does none of it. What was recorded before is gone. `work`
  /// must have run once before, so that all memory that it keeps is there, and must not wait or copy from or to the
  /// host: CudaError if it does. Tensors that it reads and writes must outlive the recording.
  void record(const std::function<void()>& work);

  /// Starts all that was recorded, in its order, on this thread's stream. Throws ConfigError if nothing was recorded.
  void replay();

 private:
  struct Recording;
  std::unique_ptr<Recording> recording_;
};

}  // namespace fusiform
