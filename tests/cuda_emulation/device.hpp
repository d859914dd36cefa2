#pragma once
/// The GPUs that are there, which are all alike, and which of them a thread's calls of CUDA go to.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>

#include "config.hpp"

namespace fusiform::cuda_emulation {

/// One, or as many as FUSIFORM_EMULATED_GPUS says.
inline int device_count() noexcept {
  const char* count = std::getenv("FUSIFORM_EMULATED_GPUS");
  return count == nullptr ? 1 : std::max(1, std::atoi(count));
}

/// One that another process has for itself; -1: none.
inline std::atomic<int> busy_device = -1;

/// Where the calling thread's work goes.
inline thread_local int device_of_thread = 0;

/// Where all work belongs: on the GPU that was chosen last, by whatever thread.
inline std::atomic<int> expected_device = 0;

/// As cudaSetDevice; returns what is wrong.
inline std::string set_device(int device) {
  if (device == busy_device) return "another process has it for itself";
  device_of_thread = device;
  expected_device = device;
  return {};
}

/// Throws EmulationError if the calling thread's work would go to another GPU.
inline void check_device() {
  if (device_of_thread != expected_device)
    throw EmulationError(
        text("cuda: expected work on GPU ", expected_device.load(), ", found a thread on GPU ", device_of_thread));
}

}  // namespace fusiform::cuda_emulation
