/// Checks which compiled variant the driver loads against the device's compute capability. The program is compiled for
/// sm_75, sm_80, sm_90a, sm_100 and sm_120. Exit status 77 without a GPU.

#include <cstdio>
#include <cuda_runtime.h>

#include "kernels/device_code.hpp"

int main() {
  using fusiform::kernels::DeviceCode;
  for (const std::string& line : fusiform::kernels::describe_devices()) std::puts(line.c_str());
  const DeviceCode code = fusiform::kernels::device_code();
  int device = 0, major = 0, minor = 0;
  if (cudaGetDevice(&device) != cudaSuccess || code == DeviceCode::none) {
    std::puts("skipped");
    return code == DeviceCode::none ? 77 : 1;
  }
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  const bool is_hopper = major == 9 && minor == 0;
  const DeviceCode expected = is_hopper ? DeviceCode::hopper : major >= 8 ? DeviceCode::ampere : DeviceCode::any;
  std::printf("variant %d, expected %d\n", int(code), int(expected));
  return code == expected ? 0 : 1;
}
