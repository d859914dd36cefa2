#pragma once
/// Tensor maps as the driver encodes them. The driver's functions are looked up at run time, so that programs start
/// without a driver.

#include <cuda.h>
#include <cuda_runtime.h>

#include "../cuda_error.cuh"
#include "tensor_map_checks.hpp"

namespace fusiform::arch {

/// The driver's function `name`, as of CUDA 12.0.
template <class Function>
[[nodiscard]] Function driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  check_cuda(cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found), name);
  if (found != cudaDriverEntryPointSuccess || function == nullptr)
    throw CudaError(cudaErrorSymbolNotFound, text(name, ": the driver does not have this function"));
  return reinterpret_cast<Function>(function);
}

inline CUtensorMapDataType driver_scalar(MapScalar scalar) {
  return scalar == MapScalar::bfloat ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
}

inline CUtensorMapSwizzle driver_swizzle(Swizzle swizzle) {
  constexpr CUtensorMapSwizzle values[] = {CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_SWIZZLE_32B,
                                           CU_TENSOR_MAP_SWIZZLE_64B, CU_TENSOR_MAP_SWIZZLE_128B};
  return values[static_cast<int>(swizzle)];
}

inline void check_driver(CUresult result, const char* function) {
  if (result != CUDA_SUCCESS)
    throw CudaError(cudaErrorInvalidValue, text(function, ": the driver refuses with error ", int(result)));
}

inline CUtensorMap encode_tensor_map(const TiledMap& tiled) {
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  CUtensorMap map;
  const std::vector<std::uint64_t> strides = strides_of(tiled);
  const std::vector<cuuint64_t> extent(tiled.extent.begin(), tiled.extent.end());
  const std::vector<cuuint64_t> stride(strides.begin(), strides.end());
  const std::vector<cuuint32_t> steps(tiled.extent.size(), 1);
  check_driver(
      encode(&map, driver_scalar(tiled.scalar), cuuint32_t(extent.size()), const_cast<void*>(tiled.data), extent.data(),
             stride.data(), tiled.box.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
             driver_swizzle(tiled.swizzle), CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
      "cuTensorMapEncodeTiled");
  return map;
}

inline CUtensorMap encode_tensor_map(const Im2colMap& im2col) {
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  CUtensorMap map;
  const cuuint64_t extent[] = {cuuint64_t(im2col.channels), cuuint64_t(im2col.width), cuuint64_t(im2col.height),
                               cuuint64_t(im2col.images)};
  const cuuint64_t pixel = extent[0] * bytes_of(im2col.scalar), row = pixel * extent[1], image = row * extent[2];
  const cuuint64_t stride[] = {pixel, row, image};
  const int lower[] = {im2col.lower_column, im2col.lower_row}, upper[] = {im2col.upper_column, im2col.upper_row};
  const cuuint32_t steps[] = {1, cuuint32_t(im2col.column_step), cuuint32_t(im2col.row_step), 1};
  check_driver(
      encode(&map, driver_scalar(im2col.scalar), 4, const_cast<void*>(im2col.data), extent, stride, lower, upper,
             im2col.box_channels, im2col.box_pixels, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             driver_swizzle(im2col.swizzle), CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
      "cuTensorMapEncodeIm2col");
  return map;
}

}  // namespace fusiform::arch
