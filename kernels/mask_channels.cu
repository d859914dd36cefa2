#include <algorithm>

#include <fusiform/ops/mask_channels.hpp>

#include "mask_channels.cuh"

namespace fusiform::kernels {

namespace {

template <class T, class Change>
void change_channels(View<T, Cuda> y, std::span<const Index> channels, Index period, const Change& change,
                     std::string_view what) {
  if (y.empty()) return;
  const Index rows = y.size() / y.shape().channels();
  while (!channels.empty()) {
    const std::size_t count = std::min<std::size_t>(channels.size(), ChannelList::most);
    ChannelList list{};
    list.count = int(count);
    std::transform(channels.begin(), channels.begin() + std::ptrdiff_t(count), list.at,
                   [](Index channel) { return std::int32_t(channel); });
    channels = channels.subspan(count);
    unsigned along = 1;
    while (along < 32 && along < count) along *= 2;
    const Index down = 256 / along, wanted = (rows + 4 * down - 1) / (4 * down);
    const LaunchShape shape{.grid = {unsigned(std::clamp<Index>(wanted, 1, Index{8} * multiprocessor_count())),
                                     (unsigned(count) + along - 1) / along, 1},
                            .block = {along, unsigned(down), 1},
                            .shared_bytes = 0,
                            .stream = current_stream(),
                            .what = text(what, " ", count, " of ", y.shape())};
    launch(change_channels_kernel<T, Change>, shape, list, rows, y.shape().channels(), period, change, y.data());
  }
}

}  // namespace

template <Scalar T>
void zero_channels(View<T, Cuda> y, std::span<const Index> channels) {
  change_channels(y, channels, 1, ZeroChannels{}, "zero_channels");
}

template <Scalar T>
void scale_channels(View<T, Cuda> y, std::span<const Index> channels, Master<T> factor) {
  change_channels(y, channels, 1, ScaleChannels<Master<T>>{factor}, "scale_channels");
}

template <Scalar T>
void copy_channels(View<const T, Cuda> source, std::span<const Index> channels, View<T, Cuda> y) {
  if (source.empty()) return;
  const Index stride = y.shape().channels();
  change_channels(y, channels, source.size() / stride, CopyChannels<T>{source.data(), stride}, "copy_channels");
}

#define FUSIFORM_MASK_CHANNELS(T)                                                \
  template void zero_channels(View<T, Cuda>, std::span<const Index>);            \
  template void scale_channels<T>(View<T, Cuda>, std::span<const Index>, float); \
  template void copy_channels(View<const T, Cuda>, std::span<const Index>, View<T, Cuda>);
FUSIFORM_MASK_CHANNELS(float)
FUSIFORM_MASK_CHANNELS(bfloat16)
#undef FUSIFORM_MASK_CHANNELS

}  // namespace fusiform::kernels
