#pragma once
/// Which of the compiled kernels the current GPU can run. Defined in fusiform::cuda.

#include <string>
#include <vector>

namespace fusiform::kernels {

/// The kernels a device runs: none without a usable GPU, else those written for any GPU, for compute capability 8.0 and
/// later (mma.sync, cp.async), or for exactly 9.0 (wgmma, TMA).
enum class DeviceCode { none, any, ampere, hopper };

/// Asks the driver which of the program's compiled variants it loads on the current device: the compute capability
/// alone does not say whether the program contains code for sm_90a. Never throws: no driver is DeviceCode::none.
[[nodiscard]] DeviceCode device_code() noexcept;

/// One line a GPU: name, compute capability, multiprocessors, memory. Without one, a single line that says why.
[[nodiscard]] std::vector<std::string> describe_devices();

/// The line of one GPU.
[[nodiscard]] std::string describe_device(int device);

}  // namespace fusiform::kernels
