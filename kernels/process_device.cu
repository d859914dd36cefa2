#include <mutex>

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/error.hpp>

#include "arch/target.cuh"
#include "process_device.hpp"

namespace fusiform {
namespace kernels {

namespace {

std::mutex mutex;
int chosen = 0;
bool is_in_use = false;
thread_local bool has_entered = false;

/// Puts the calling thread on a GPU. Throws ConfigError with CUDA's reason if it cannot be used.
void enter(int device) {
#if defined(FUSIFORM_EMULATE_CUDA)
  const std::string problem = cuda_emulation::set_device(device);
#else
  const cudaError_t code = cudaSetDevice(device);
  std::string problem;
  if (code != cudaSuccess) {
    (void)cudaGetLastError();  // leaves no error for the next call
    problem = text(cudaGetErrorString(code), " (", cudaGetErrorName(code), ")");
  }
#endif
  if (!problem.empty())
    throw ConfigError(text("cuda: expected a GPU that this process can use, got GPU ", device, ": ", problem));
}

}  // namespace

int device_count() noexcept {
#if defined(FUSIFORM_EMULATE_CUDA)
  return cuda_emulation::device_count();
#else
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  (void)cudaGetLastError();  // leaves no error for the next call
  return 0;
#endif
}

int process_device() noexcept {
  const std::lock_guard lock(mutex);
  return chosen;
}

void enter_process_device() {
  if (has_entered) return;
  const std::lock_guard lock(mutex);
  is_in_use = true;
  enter(chosen);
  has_entered = true;
}

}  // namespace kernels

int device_count(Cuda) noexcept { return kernels::device_count(); }

void use_device(Cuda, int index) {
  const int count = kernels::device_count();
  if (index < 0 || index >= count)
    throw ConfigError(text("cuda: expected one of ", count, " GPUs, counted from 0, got GPU ", index));
  const std::lock_guard lock(kernels::mutex);
  if (kernels::is_in_use && kernels::chosen != index)
    throw ConfigError(text("cuda: expected the choice of GPU ", index, " before the first use of one, found GPU ",
                           kernels::chosen, " in use"));
  kernels::enter(index);
  kernels::chosen = index;
}

}  // namespace fusiform
