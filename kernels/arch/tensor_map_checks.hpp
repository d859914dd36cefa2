#pragma once
/// Descriptions of tensor maps, and the limits of the hardware.

#include <cstdint>
#include <string_view>
#include <vector>

#include <fusiform/core/error.hpp>

namespace fusiform::arch {

enum class MapScalar { bfloat, f32 };

/// How the 16-byte pieces of a tile are permuted in shared memory, so that columns of it can be read without bank
/// conflicts: the piece's number is combined by xor with that of the row of 128 bytes, over this many bytes.
enum class Swizzle { none, bytes_32, bytes_64, bytes_128 };

[[nodiscard]] constexpr unsigned bytes_of(MapScalar scalar) { return scalar == MapScalar::bfloat ? 2 : 4; }
/// 0 for none.
[[nodiscard]] constexpr unsigned bytes_of(Swizzle swizzle) {
  return swizzle == Swizzle::none ? 0 : 16u << static_cast<unsigned>(swizzle);
}

/// Boxes of a tensor of rank 1 to 5. Lists begin with the index that is contiguous in memory.
struct TiledMap {
  const void* data = nullptr;  ///< a multiple of 16 bytes
  MapScalar scalar = MapScalar::bfloat;
  std::vector<std::uint64_t> extent;  ///< in elements
  std::vector<std::uint64_t> stride;  ///< in bytes, of all indices but the first, multiples of 16; empty: no gaps
  std::vector<std::uint32_t> box;     ///< in elements, 1 to 256; its first row a multiple of 16 bytes
  Swizzle swizzle = Swizzle::none;    ///< if not none, the box's first row is exactly this long
};

/// Columns of pixels of an (images, height, width, channels) tensor. A column starts at any pixel and walks a bounding
/// box, width first, then height, then images: rows from `lower_row` to height - 1 + `upper_row`, in steps of
/// `row_step`, and likewise for width. For a convolution: lower = -padding, upper = padding - (kernel - 1), step =
/// stride; every load adds its filter tap to where it reads. What lies outside the image is read as zero.
struct Im2colMap {
  const void* data = nullptr;  ///< a multiple of 16 bytes
  MapScalar scalar = MapScalar::bfloat;
  int images = 0, height = 0, width = 0, channels = 0;  ///< a pixel's channels a multiple of 16 bytes
  int lower_row = 0, lower_column = 0;                  ///< -128 to 127
  int upper_row = 0, upper_column = 0;                  ///< -128 to 127
  int row_step = 1, column_step = 1;                    ///< 1 to 8
  unsigned box_channels = 64;                           ///< 1 to 256; with a swizzle exactly as many bytes
  unsigned box_pixels = 128;                            ///< 1 to 1024
  Swizzle swizzle = Swizzle::bytes_128;
};

/// The strides in bytes that a map without gaps has.
[[nodiscard]] inline std::vector<std::uint64_t> strides_of(const TiledMap& map) {
  if (!map.stride.empty()) return map.stride;
  std::vector<std::uint64_t> strides;
  std::uint64_t bytes = bytes_of(map.scalar);
  for (std::size_t i = 0; i + 1 < map.extent.size(); ++i) strides.push_back(bytes *= map.extent[i]);
  return strides;
}

inline void check_map_row(std::string_view where, const void* data, std::uint64_t row_bytes, Swizzle swizzle) {
  require_setting(data != nullptr && reinterpret_cast<std::uintptr_t>(data) % 16 == 0, where,
                  "data at a multiple of 16 bytes", data);
  require_setting(row_bytes % 16 == 0, where, "a box whose row is a multiple of 16 bytes", row_bytes);
  // A shorter row is allowed by the driver, but then the rows do not follow each other without gaps.
  require_setting(swizzle == Swizzle::none || row_bytes == bytes_of(swizzle), where,
                  text("a box whose row has the ", bytes_of(swizzle), " bytes of its swizzle"), row_bytes);
}

inline void check_tensor_map(const TiledMap& map) {
  const std::string_view where = "tiled tensor map";
  const std::size_t rank = map.extent.size();
  require_setting(rank >= 1 && rank <= 5, where, "rank 1 to 5", rank);
  require_setting(map.box.size() == rank, where, text(rank, " box extents"), map.box.size());
  const std::vector<std::uint64_t> strides = strides_of(map);
  require_setting(strides.size() == rank - 1, where, text(rank - 1, " strides"), strides.size());
  for (const std::uint64_t extent : map.extent)
    require_setting(extent >= 1 && extent <= std::uint64_t(1) << 32, where, "extents of 1 to 2^32", extent);
  for (const std::uint64_t stride : strides)
    require_setting(stride % 16 == 0 && stride < std::uint64_t(1) << 40, where,
                    "strides that are multiples of 16 bytes below 2^40", stride);
  for (const std::uint32_t box : map.box)
    require_setting(box >= 1 && box <= 256, where, "box extents of 1 to 256", box);
  check_map_row(where, map.data, std::uint64_t(map.box[0]) * bytes_of(map.scalar), map.swizzle);
}

inline void check_tensor_map(const Im2colMap& map) {
  const std::string_view where = "im2col tensor map";
  for (const int extent : {map.images, map.height, map.width, map.channels})
    require_setting(extent >= 1, where, "extents of at least 1", extent);
  require_setting(unsigned(map.channels) * bytes_of(map.scalar) % 16 == 0, where,
                  "a multiple of 16 bytes of channels in a pixel", map.channels);
  for (const int corner : {map.lower_row, map.lower_column, map.upper_row, map.upper_column})
    require_setting(corner >= -128 && corner <= 127, where, "corners from -128 to 127", corner);
  require_setting(map.lower_row <= map.height - 1 + map.upper_row, where, "a bounding box with at least one row",
                  map.height + map.upper_row - map.lower_row);
  require_setting(map.lower_column <= map.width - 1 + map.upper_column, where,
                  "a bounding box with at least one column", map.width + map.upper_column - map.lower_column);
  for (const int step : {map.row_step, map.column_step})
    require_setting(step >= 1 && step <= 8, where, "steps of 1 to 8", step);
  require_setting(map.box_channels >= 1 && map.box_channels <= 256, where, "1 to 256 channels in a box",
                  map.box_channels);
  require_setting(map.box_pixels >= 1 && map.box_pixels <= 1024, where, "1 to 1024 pixels in a box", map.box_pixels);
  check_map_row(where, map.data, std::uint64_t(map.box_channels) * bytes_of(map.scalar), map.swizzle);
}

}  // namespace fusiform::arch
