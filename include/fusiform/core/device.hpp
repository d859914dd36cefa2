#pragma once
/// Where a tensor lives. A device is a type: a CPU tensor cannot reach a CUDA operation by mistake.

#include <concepts>

namespace fusiform {

struct Cpu {
  static constexpr const char* name = "cpu";
};

/// Operations on this device are declared here and defined in the compiled target fusiform::cuda.
struct Cuda {
  static constexpr const char* name = "cuda";
};

template <class D>
concept Device = std::same_as<D, Cpu> || std::same_as<D, Cuda>;

}  // namespace fusiform
