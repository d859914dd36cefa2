#include "../devices.hpp"

#include <fusiform/core/cuda.hpp>
#include <fusiform/study/study_device_on.hpp>

#include "cmake/own_study/study.hpp"

const fusiform::StudyDevice& choose_device(const std::string& name, const fusiform::Communicator& team) {
  if (name == fusiform::Cpu::name) return fusiform::own::cpu_device();
  fusiform::share_devices(fusiform::Cuda{}, team);
  fusiform::require_device(fusiform::Cuda{});
  static const fusiform::StudyDeviceOn<fusiform::Cuda> gpu;
  return gpu;
}

std::vector<std::string> describe_all_devices() {
  std::vector<std::string> lines{"cpu"};
  for (const std::string& gpu : fusiform::describe_devices(fusiform::Cuda{})) lines.push_back("cuda: " + gpu);
  return lines;
}

std::string describe_gpu_of(const fusiform::Communicator& team) {
  if (fusiform::device_count(fusiform::Cuda{}) == 0) return {};
  fusiform::share_devices(fusiform::Cuda{}, team);
  return fusiform::describe_used_device(fusiform::Cuda{});
}
