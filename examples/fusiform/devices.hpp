#pragma once
/// What can compute. One of two files says which: with_cuda/ or without_cuda/.

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/study/study_device.hpp>

/// `--device`.
inline void add_device_option(CLI::App& command, std::string& device) {
  command
      .add_option("--device", device, "What computes: cpu, or cuda for an NVIDIA GPU; see `fusiform inspect --devices`")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "cuda"}));
}

/// The device of this name. The processes of a team take the GPUs of their machine in turn. Throws ConfigError if this
/// build or this machine does not have it.
[[nodiscard]] const fusiform::StudyDevice& choose_device(const std::string& name,
                                                         const fusiform::Communicator& team = fusiform::this_process());

/// One line each.
[[nodiscard]] std::vector<std::string> describe_all_devices();

/// The GPU that this process of the team would use; "" without one. Throws ConfigError if it cannot be used.
[[nodiscard]] std::string describe_gpu_of(const fusiform::Communicator& team);
