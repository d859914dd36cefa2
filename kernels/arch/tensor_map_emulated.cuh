#pragma once
/// Tensor maps as the emulator keeps them.

#include <array>
#include <cstddef>

#include "tensor_map_checks.hpp"

namespace fusiform::cuda_emulation {

/// Indices begin with the contiguous one; unused ones have extent 1. An im2col map's are channel, column, row, image.
struct alignas(64) TensorMap {
  std::byte* data;
  unsigned element_bytes;
  int rank;
  bool im2col;
  std::array<std::int64_t, 5> extent, stride;  ///< stride in bytes
  std::array<int, 5> box;                      ///< of an im2col map: channels and pixels
  std::array<int, 2> lower, upper, step;       ///< of an im2col map: column, row
  arch::Swizzle swizzle;

  [[nodiscard]] int row_bytes() const { return box[0] * int(element_bytes); }
  [[nodiscard]] int rows() const { return box[1] * box[2] * box[3] * box[4]; }
  [[nodiscard]] int bytes() const { return row_bytes() * rows(); }
};

inline TensorMap empty_tensor_map(const void* data, arch::MapScalar scalar, arch::Swizzle swizzle) {
  TensorMap map{};
  map.data = static_cast<std::byte*>(const_cast<void*>(data));  // stores write through it
  map.element_bytes = arch::bytes_of(scalar);
  map.swizzle = swizzle;
  map.extent.fill(1);
  map.box.fill(1);
  map.stride[0] = map.element_bytes;
  return map;
}

inline TensorMap make_tensor_map(const arch::TiledMap& tiled) {
  TensorMap map = empty_tensor_map(tiled.data, tiled.scalar, tiled.swizzle);
  map.rank = int(tiled.extent.size());
  const std::vector<std::uint64_t> strides = strides_of(tiled);
  for (std::size_t i = 0; i < tiled.extent.size(); ++i) {
    map.extent[i] = std::int64_t(tiled.extent[i]);
    map.box[i] = int(tiled.box[i]);
    if (i > 0) map.stride[i] = std::int64_t(strides[i - 1]);
  }
  return map;
}

inline TensorMap make_tensor_map(const arch::Im2colMap& im2col) {
  TensorMap map = empty_tensor_map(im2col.data, im2col.scalar, im2col.swizzle);
  map.rank = 4;
  map.im2col = true;
  map.extent = {im2col.channels, im2col.width, im2col.height, im2col.images, 1};
  for (std::size_t i = 1; i < 4; ++i) map.stride[i] = map.stride[i - 1] * map.extent[i - 1];
  map.box = {int(im2col.box_channels), int(im2col.box_pixels), 1, 1, 1};
  map.lower = {im2col.lower_column, im2col.lower_row};
  map.upper = {im2col.upper_column, im2col.upper_row};
  map.step = {im2col.column_step, im2col.row_step};
  return map;
}

}  // namespace fusiform::cuda_emulation
