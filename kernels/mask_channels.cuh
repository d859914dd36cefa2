#pragma once
/// Changes to some channels on a GPU; see fusiform/ops/mask_channels.hpp.

#include "arch/number.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

/// Channels that travel with the launch: whoever started it may change the list at once.
struct ChannelList {
  static constexpr int most = 896;  ///< with everything else less than the 4 KiB that parameters may have
  int count;
  std::int32_t at[most];
};

struct ZeroChannels {
  template <class T>
  __device__ void operator()(T& value, Index, Index) const {
    value = arch::stored<T>(0);
  }
};

template <class Number>
struct ScaleChannels {
  Number factor;

  template <class T>
  __device__ void operator()(T& value, Index, Index) const {
    value = arch::stored<T>(arch::number(value) * factor);
  }
};

/// From a tensor of as many rows, or from one image for all.
template <class T>
struct CopyChannels {
  const T* source;
  Index channels;

  __device__ void operator()(T& value, Index source_row, Index channel) const {
    value = source[source_row * channels + channel];
  }
};

/// Calls change(value, row modulo `period`, channel) for the listed channels of every row. Threads lie along the list
/// in x and along rows in y.
template <class T, class Change>
__global__ void change_channels_kernel(const __grid_constant__ ChannelList list, Index rows, Index channels,
                                       Index period, Change change, T* y) {
  const int entry = int(blockIdx.y * blockDim.x + threadIdx.x);
  if (entry >= list.count) return;
  const Index channel = list.at[entry];
  const Index step = Index(gridDim.x) * blockDim.y, wrapped_step = step % period;
  Index row = Index(blockIdx.x) * blockDim.y + threadIdx.y, place = row % period;
  for (; row < rows; row += step) {
    change(y[row * channels + channel], place, channel);
    place += wrapped_step;
    if (place >= period) place -= period;
  }
}

}  // namespace fusiform::kernels
