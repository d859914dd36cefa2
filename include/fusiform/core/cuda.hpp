#pragma once
/// The GPUs of this machine. Defined in the compiled target fusiform::cuda.
///
/// Every thread has a stream of its own on the current GPU: what it starts runs in the order in which it was started,
/// while the thread goes on. Copies to the CPU wait.

#include <string>
#include <vector>

#include <fusiform/core/device.hpp>

namespace fusiform {

/// Waits for everything that this thread has started. Throws CudaError if a kernel has failed since the last wait.
void synchronize(Cuda);

/// One line a GPU: name, compute capability, multiprocessors, memory, and which of the compiled kernels it runs.
/// Without a usable one, a single line that says why. Never throws.
[[nodiscard]] std::vector<std::string> describe_devices(Cuda);

/// Throws ConfigError with what `describe_devices` says unless there is a GPU that runs the compiled kernels.
void require_device(Cuda);

}  // namespace fusiform
