#pragma once
/// Launches of kernels, on the device or under the emulator.

#include <string>
#include <utility>

#include <fusiform/core/error.hpp>

#include "arch/target.cuh"
#include "launch_observer.cuh"
#if !defined(FUSIFORM_EMULATE_CUDA)
#include <cstdlib>
#include <cxxabi.h>

#include "cuda_error.cuh"
#endif

namespace fusiform {

#if defined(FUSIFORM_EMULATE_CUDA)
using CudaStream = void*;
#else
using CudaStream = cudaStream_t;
#endif

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  ///< dynamic shared memory, at most 227 KiB on Hopper
  CudaStream stream = nullptr;
  std::string what;  ///< what is computed, with its shapes, for the error's text
};

namespace kernels {

inline std::string describe_launch(const LaunchShape& shape) {
  const auto extents = [](const dim3& d) { return text("(", d.x, ", ", d.y, ", ", d.z, ")"); };
  return text(shape.what, shape.what.empty() ? "" : ": ", "grid ", extents(shape.grid), ", block ",
              extents(shape.block), ", ", shape.shared_bytes, " bytes of shared memory");
}

/// Limits that all devices share, so that the emulator refuses what a device would.
inline void check_launch_shape(const LaunchShape& shape) {
  const dim3 &grid = shape.grid, &block = shape.block;
  const auto volume = [](const dim3& d) { return std::uint64_t(d.x) * d.y * d.z; };
  const bool fits = volume(grid) > 0 && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535 &&
                    volume(block) > 0 && volume(block) <= 1024 && block.z <= 64 && shape.shared_bytes <= 227 << 10;
  if (!fits) throw ConfigError(text("kernel launch: out of the device's limits: ", describe_launch(shape)));
}

#if !defined(FUSIFORM_EMULATE_CUDA)
inline std::string kernel_name(const void* kernel) {
  const char* mangled = nullptr;
  if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || mangled == nullptr) return "kernel";
  int status = 0;
  char* readable = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name = status == 0 ? readable : mangled;
  std::free(readable);
  return name;
}

inline void check_launch(cudaError_t code, const void* kernel, const LaunchShape& shape) {
  if (code != cudaSuccess) check_cuda(code, text(kernel_name(kernel), ": ", describe_launch(shape)));
}
#endif

}  // namespace kernels

/// Starts `kernel` on the stream, with the shared memory it asks for. Throws ConfigError for shapes that no device
/// takes, CudaError with the kernel's name and the shapes when the device refuses. Errors inside the kernel come with
/// a later call; under the emulator at once, as EmulationError.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, Arguments&&... arguments) {
  kernels::check_launch_shape(shape);
  const kernels::ObservedLaunch observed(shape.what);
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::start([kernel, shape, ... arguments = arguments] {
    cuda_emulation::run_grid(shape.grid, shape.block, shape.shared_bytes, [&] { kernel(arguments...); });
  });
#else
  const auto* address = reinterpret_cast<const void*>(kernel);
  if (shape.shared_bytes > 48u << 10)
    kernels::check_launch(
        cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared_bytes)), address,
        shape);
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = shape.stream;
  kernels::check_launch(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), address, shape);
#endif
}

}  // namespace fusiform
