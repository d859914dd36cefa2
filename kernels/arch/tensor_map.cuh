#pragma once
/// Tensor maps: what the copy engine (TMA) has to know about a tensor in global memory and about the boxes that it
/// copies from it. Made on the host, passed to kernels by value as `const __grid_constant__ TensorMap`
/// (CUDA driver API, "Tensor Map Object Management"; PTX ISA 9, "Tensors").

#include <vector>

#include "target.cuh"
#include "tensor_map_checks.hpp"
#if defined(FUSIFORM_EMULATE_CUDA)
#include "tensor_map_emulated.cuh"
#else
#include "tensor_map_driver.cuh"
#endif

namespace fusiform::arch {

#if defined(FUSIFORM_EMULATE_CUDA)
using TensorMap = cuda_emulation::TensorMap;
#else
using TensorMap = CUtensorMap;
#endif

/// Throws ConfigError for what the hardware does not allow (its limits: TiledMap), CudaError when the driver refuses.
[[nodiscard]] inline TensorMap make_tensor_map(const TiledMap& tiled) {
  check_tensor_map(tiled);
#if defined(FUSIFORM_EMULATE_CUDA)
  return cuda_emulation::make_tensor_map(tiled);
#else
  return encode_tensor_map(tiled);
#endif
}

/// Throws ConfigError for what the hardware does not allow (its limits: Im2colMap), CudaError when the driver refuses.
[[nodiscard]] inline TensorMap make_tensor_map(const Im2colMap& im2col) {
  check_tensor_map(im2col);
#if defined(FUSIFORM_EMULATE_CUDA)
  return cuda_emulation::make_tensor_map(im2col);
#else
  return encode_tensor_map(im2col);
#endif
}

}  // namespace fusiform::arch
