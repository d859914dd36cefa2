#include "../devices.hpp"

#include <fusiform/core/cuda.hpp>
#include <fusiform/study/study_device_on.hpp>

#include "cmake/own_study/study.hpp"

const fusiform::StudyDevice& choose_device(const std::string& name) {
  if (name == fusiform::Cpu::name) return fusiform::own::cpu_device();
  fusiform::require_device(fusiform::Cuda{});
  static const fusiform::StudyDeviceOn<fusiform::Cuda> gpu;
  return gpu;
}

std::vector<std::string> describe_all_devices() {
  std::vector<std::string> lines{"cpu"};
  for (const std::string& gpu : fusiform::describe_devices(fusiform::Cuda{})) lines.push_back("cuda: " + gpu);
  return lines;
}
