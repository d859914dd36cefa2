#pragma once
/// Crop, flip, grey and normalise eight-bit pictures on a GPU; see fusiform/data/device_images.hpp.

#include <fusiform/data/image_crop.hpp>
#include <fusiform/data/resize.hpp>

#include "divider.cuh"
#include "numbers.cuh"

namespace fusiform::kernels {

inline constexpr int transform_threads = 256;

/// Crops that travel with the launch: whoever started it may change the list at once.
struct ImageCropList {
  static constexpr int most = 240;  ///< with everything else less than the 4 KiB that parameters may have
  ImageCrop at[most];
};

/// Groups of N elements of a row; blocks lie along a picture in x and along the list in y.
template <int N, class T>
__global__ void __launch_bounds__(transform_threads)
    transform_images_kernel(const std::uint8_t* pixels, const __grid_constant__ ImageCropList crops,
                            const Master<T>* table, int crop, Divider by_row_groups, T* output) {
  auto* levels = static_cast<Master<T>*>(arch::dynamic_shared_memory());  // (3, 256)
  for (int i = int(threadIdx.x); i < 3 * 256; i += transform_threads) levels[i] = table[i];
  __syncthreads();
  const ImageCrop image = crops.at[blockIdx.y];
  const std::uint32_t groups = std::uint32_t(crop) * std::uint32_t(crop) * 3 / N;
  for (std::uint32_t group = blockIdx.x * transform_threads + threadIdx.x; group < groups;
       group += gridDim.x * transform_threads) {
    const auto [row, group_of_row] = by_row_groups(group);
    const std::uint8_t* line = pixels + image.start + Index(row) * image.width * 3;
    Master<T> values[N];
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int element = int(group_of_row) * N + k, x = element / 3, channel = element - 3 * x;
      const std::uint8_t* pixel = line + (image.flipped != 0 ? crop - 1 - x : x) * 3;
      values[k] = levels[channel * 256 + (image.gray != 0 ? luma(pixel[0], pixel[1], pixel[2]) : pixel[channel])];
    }
    store_numbers(values, output + Index(blockIdx.y) * crop * crop * 3 + Index(group) * N);
  }
}

}  // namespace fusiform::kernels
