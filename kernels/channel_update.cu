#include <fusiform/core/storage.hpp>

#include "channel_update.cuh"

namespace fusiform::kernels {

template <Scalar T>
void channel_update(const ChannelUpdate<T, Cuda>& update);

namespace {

template <int V>
void launch_channel_update(const ChannelUpdate<float, Cuda>& s, const float* filters, const std::string& what) {
  using Tile = ChannelUpdateTile<V>;
  const Index column_tiles = (s.out + Tile::outputs - 1) / Tile::outputs;
  const Index pixel_tiles = (s.images * s.rows() + Tile::pixels - 1) / Tile::pixels;
  launch(channel_update_kernel<V>,
         {.grid = {unsigned(column_tiles * pixel_tiles), 1, 1},
          .block = {256, 1, 1},
          .shared_bytes = 0,
          .stream = current_stream(),
          .what = what},
         s, filters);
}

}  // namespace

template <>
void channel_update(const ChannelUpdate<float, Cuda>& s) {
  if (s.images * s.rows() * s.out == 0) return;
  const std::string what = text("channel update of (", s.images, ", ", s.grid_height, ", ", s.grid_width, ", ", s.out,
                                "), window ", s.window_height, " x ", s.window_width);
  const Storage<float, Cuda> filters(s.out * s.depth());
  launch(pack_channel_filters<>, over_elements(filters.capacity(), what, 1), s.filters + s.channel, s.out, s.depth(),
         s.channels, filters.data());
  const auto aligned = [](const float* data) { return reinterpret_cast<std::uintptr_t>(data) % 16 == 0; };
  if (s.out % 4 == 0 && aligned(s.base) && aligned(s.y))
    launch_channel_update<4>(s, filters.data(), what);
  else
    launch_channel_update<1>(s, filters.data(), what);
}

}  // namespace fusiform::kernels
