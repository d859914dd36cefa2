#pragma once
/// What launchers ask of the CUDA runtime, and what the emulator answers instead.

#include <algorithm>

#include <fusiform/core/scalar.hpp>

#include "device_code.hpp"
#include "launch.cuh"
#include "process_device.hpp"

namespace fusiform::kernels {

/// The calling thread's stream, on the GPU of the process; see StreamScope. Throws as enter_process_device.
[[nodiscard]] CudaStream current_stream();

/// Makes `stream` the calling thread's for a scope.
class StreamScope {
 public:
  explicit StreamScope(CudaStream stream) noexcept;
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  CudaStream before_;
};

/// Multiprocessors of the GPU; asked once.
[[nodiscard]] int multiprocessor_count();

/// Which kernels the GPU runs; asked once. Throws ConfigError if none.
[[nodiscard]] DeviceCode usable_device_code();

/// Blocks of 256 threads for `count` independent elements, `each` for a thread; kernels stride over the grid, since
/// more blocks than fit on the device at once would only take turns.
[[nodiscard]] inline LaunchShape over_elements(Index count, std::string what, Index each = 4) {
  constexpr Index threads = 256;
  const Index wanted = (count + threads * each - 1) / (threads * each);
  const Index most = Index{8} * multiprocessor_count();
  return {.grid = {static_cast<unsigned>(std::clamp<Index>(wanted, 1, most)), 1, 1},
          .block = {static_cast<unsigned>(threads), 1, 1},
          .shared_bytes = 0,
          .stream = current_stream(),
          .what = std::move(what)};
}

/// The calling thread's place among all threads of a one-dimensional grid, and their number.
__device__ inline Index grid_thread() { return Index(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline Index grid_threads() { return Index(gridDim.x) * blockDim.x; }

}  // namespace fusiform::kernels
