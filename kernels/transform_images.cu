#include <algorithm>

#include <fusiform/data/device_images.hpp>

#include "transform_images.cuh"

namespace fusiform::kernels {

template <Scalar T>
void transform_images(const std::uint8_t* pixels, std::span<const ImageCrop> crops, View<const Master<T>, Cuda> table,
                      View<T, Cuda> output) {
  const Index crop = output.shape()[1];
  for (Index first = 0; first < Index(crops.size()); first += ImageCropList::most) {
    const auto count = std::min<Index>(ImageCropList::most, Index(crops.size()) - first);
    ImageCropList list{};
    std::copy_n(crops.begin() + first, count, list.at);
    const View<T, Cuda> part = output.batch_range(first, count);
    with_width<T>({part.data()}, crop * 3, [&]<int N>() {
      const Index groups = crop * crop * 3 / N;
      const LaunchShape shape{
          .grid = {unsigned((groups + 4 * transform_threads - 1) / (4 * transform_threads)), unsigned(count), 1},
          .block = {transform_threads, 1, 1},
          .shared_bytes = 3 * 256 * sizeof(Master<T>),
          .stream = current_stream(),
          .what = text("transform to ", part.shape())};
      launch(transform_images_kernel<N, T>, shape, pixels, list, table.data(), int(crop), Divider(crop * 3 / N),
             part.data());
    });
  }
}

template void transform_images<float>(const std::uint8_t*, std::span<const ImageCrop>, View<const float, Cuda>,
                                      View<float, Cuda>);
template void transform_images<bfloat16>(const std::uint8_t*, std::span<const ImageCrop>, View<const float, Cuda>,
                                         View<bfloat16, Cuda>);

}  // namespace fusiform::kernels
