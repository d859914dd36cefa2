#include "../devices.hpp"

#include <fusiform/core/error.hpp>

#include "cmake/own_study/study.hpp"

const fusiform::StudyDevice& choose_device(const std::string& name, const fusiform::Communicator& /*team*/) {
  if (name != fusiform::Cpu::name)
    throw fusiform::ConfigError(
        fusiform::text("this program was built without CUDA and computes on the CPU, but device '", name,
                       "' was asked for; install CUDA 13 and build it again"));
  return fusiform::own::cpu_device();
}

std::vector<std::string> describe_all_devices() { return {"cpu", "cuda: this program was built without CUDA"}; }

std::string describe_gpu_of(const fusiform::Communicator& /*team*/) { return {}; }
