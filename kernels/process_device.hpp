#pragma once
/// Which GPU this process uses. CUDA's own choice holds for one thread, and a thread that has not chosen is on GPU 0:
/// here every thread is on the GPU of the process, also one that begins later. Defined in fusiform::cuda.

namespace fusiform::kernels {

/// As fusiform::device_count.
[[nodiscard]] int device_count() noexcept;

/// Chosen by fusiform::use_device, else 0. It stays the same once a thread has entered it.
[[nodiscard]] int process_device() noexcept;

/// Puts the calling thread on the GPU of the process: what every call of CUDA that depends on the GPU comes behind, as
/// all do that ask for `current_stream()`. Costs nothing from the second time on. Throws ConfigError if the GPU cannot
/// be used.
void enter_process_device();

}  // namespace fusiform::kernels
