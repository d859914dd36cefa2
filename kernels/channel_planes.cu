#include <fusiform/ops/channel_planes.hpp>

#include "channel_planes.cuh"

namespace fusiform::kernels {

template <Scalar T>
void channel_planes(View<const T, Cuda> after, View<const T, Cuda> before, Index channels, Index first,
                    View<T, Cuda> planes) {
  const Index rows = after.size() / channels;
  const Index down = (rows + plane_tile - 1) / plane_tile;
  const Index along = (channels + plane_tile - 1) / plane_tile;
  const LaunchShape shape{.grid = {unsigned(std::clamp<Index>(down, 1, Index{1} << 16)), unsigned(along), 1},
                          .block = {unsigned(plane_tile), unsigned(plane_threads), 1},
                          .shared_bytes = sizeof(PlaneTile<T>),
                          .stream = current_stream(),
                          .what = text("channel_planes ", after.shape(), " to ", planes.shape())};
  T* const start = planes.data() + first * planes.shape()[2] * planes.shape()[3];
  launch(channel_planes_kernel<T>, shape, after.data(), before.data(), rows, channels, planes.size() / channels, start);
}

template void channel_planes(View<const float, Cuda>, View<const float, Cuda>, Index, Index, View<float, Cuda>);
template void channel_planes(View<const bfloat16, Cuda>, View<const bfloat16, Cuda>, Index, Index,
                             View<bfloat16, Cuda>);

}  // namespace fusiform::kernels
