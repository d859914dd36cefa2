#pragma once
/// The GPUs of this machine. Defined in the compiled target fusiform::cuda.
///
/// A process uses one GPU. Every thread has a stream of its own there: what it starts runs in the order in which it was
/// started, while the thread goes on. Copies to the CPU wait.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/core/device.hpp>

namespace fusiform {

/// Waits for everything that this thread has started. Throws CudaError if a kernel has failed since the last wait.
void synchronize(Cuda);

/// One line a GPU: name, compute capability, multiprocessors, memory, and which of the compiled kernels it runs.
/// Without a usable one, a single line that says why. Never throws.
[[nodiscard]] std::vector<std::string> describe_devices(Cuda);

/// How many there are: all that CUDA shows this process, which CUDA_VISIBLE_DEVICES can narrow down.
[[nodiscard]] int device_count(Cuda) noexcept;

/// Makes a GPU, counted as in `describe_devices`, that of this process: of all its threads, also of those that begin
/// later. To be called before a GPU is used, which else is GPU 0. Throws ConfigError if there is no such GPU, if it
/// cannot be used, or if another one is in use already.
void use_device(Cuda, int index);

/// Gives the processes of each machine its GPUs in turn: the team's process r there uses GPU r modulo their number.
/// Does nothing without a GPU. Throws as use_device.
inline void share_devices(Cuda, const Communicator& team) {
  if (const int count = device_count(Cuda{}); count > 0) use_device(Cuda{}, team.local_rank() % count);
}

/// What `describe_devices` says of this process's GPU. Never throws.
[[nodiscard]] std::string describe_used_device(Cuda);

/// Throws ConfigError with what `describe_used_device` says unless this process's GPU runs the compiled kernels.
void require_device(Cuda);

/// Bytes of the GPU's memory that are free, with those that its pool keeps for the next allocations. Throws CudaError.
[[nodiscard]] std::size_t free_device_bytes(Cuda);

/// Pinned memory of the CPU: a GPU copies to and from it while the thread goes on. Throws CudaError.
[[nodiscard]] void* allocate_pinned_bytes(Cuda, std::size_t bytes);
void deallocate_pinned_bytes(Cuda, void* memory) noexcept;

/// As copy_bytes_to and copy_bytes_from (core/storage.hpp), between pinned memory and the GPU's, but the thread goes
/// on: until a CudaEvent that was recorded behind the copy has been waited for, `from` must stay as it is and `to` must
/// not be read on the CPU.
void start_copy_bytes_to(Cuda, void* to, const void* from, std::size_t bytes);
void start_copy_bytes_from(Cuda, void* to, const void* from, std::size_t bytes);

/// A point in what a stream does.
class CudaEvent {
 public:
  CudaEvent();
  ~CudaEvent();
  CudaEvent(CudaEvent&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  CudaEvent& operator=(CudaEvent&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }

  /// The point behind all that the calling thread has started in its stream.
  void record();
  /// Waits until the last recorded point is reached; not at all if there is none. Throws CudaError as synchronize.
  void wait() const;
  /// What the calling thread starts from here on begins when the last recorded point is reached.
  void hold_back() const;

 private:
  void* event_;
};

/// One more stream, for copies beside what the thread's own stream computes.
class SideStream {
 public:
  SideStream();
  ~SideStream();  ///< waits for what was started in it
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

  /// Makes the stream the calling thread's as long as it lives.
  class Scope {
   public:
    explicit Scope(const SideStream& side) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    void* before_;
  };

 private:
  void* stream_;
};

}  // namespace fusiform
