#pragma once
/// Where one image of a batch lies among the pixels of a data set, and how it is taken.

#include <cstdint>

namespace fusiform {

struct ImageCrop {
  std::int64_t start;          ///< byte of the crop's first pixel
  std::int32_t width;          ///< of the whole picture, pixels
  std::uint8_t flipped, gray;  ///< left for right; luma in all three channels
};

}  // namespace fusiform
