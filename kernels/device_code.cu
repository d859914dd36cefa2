#include <fusiform/core/error.hpp>

#include "arch/target.cuh"
#include "device_code.hpp"

namespace fusiform::kernels {

#if defined(FUSIFORM_EMULATE_CUDA)

DeviceCode device_code() noexcept {
  const int capability = cuda_emulation::config.compute_capability;
  return capability == 90 ? DeviceCode::hopper : capability >= 80 ? DeviceCode::ampere : DeviceCode::any;
}

std::string describe_device(int device) { return text("GPU ", device, ": an emulated GPU"); }

std::vector<std::string> describe_devices() {
  std::vector<std::string> lines;
  for (int device = 0; device < cuda_emulation::device_count(); ++device) lines.push_back(describe_device(device));
  return lines;
}

#else

namespace {

#if FUSIFORM_HAS_SM90A
#define FUSIFORM_VARIANT DeviceCode::hopper
#elif FUSIFORM_HAS_SM80
#define FUSIFORM_VARIANT DeviceCode::ampere
#else
#define FUSIFORM_VARIANT DeviceCode::any
#endif
/// The bound that the loaded variant was compiled with tells which one it is.
__global__ void __launch_bounds__(32 * int(FUSIFORM_VARIANT)) marker() {}
#undef FUSIFORM_VARIANT

}  // namespace

std::string describe_device(int device) {
  cudaDeviceProp p{};
  if (const cudaError_t code = cudaGetDeviceProperties(&p, device); code != cudaSuccess)
    return text("GPU ", device, ": ", cudaGetErrorString(code));
  return text("GPU ", device, ": ", p.name, ", compute capability ", p.major, ".", p.minor, ", ", p.multiProcessorCount,
              " multiprocessors, ", p.totalGlobalMem >> 30, " GiB");
}

DeviceCode device_code() noexcept {
  cudaFuncAttributes attributes{};
  if (cudaFuncGetAttributes(&attributes, marker) != cudaSuccess) {
    (void)cudaGetLastError();  // leaves no error for the next call
    return DeviceCode::none;
  }
  return static_cast<DeviceCode>(attributes.maxThreadsPerBlock / 32);
}

std::vector<std::string> describe_devices() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code != cudaSuccess) {
    (void)cudaGetLastError();
    return {text("no GPU: ", cudaGetErrorString(code))};
  }
  if (count == 0) return {"no GPU"};
  std::vector<std::string> lines;
  for (int device = 0; device < count; ++device) lines.push_back(describe_device(device));
  return lines;
}

#endif

}  // namespace fusiform::kernels
