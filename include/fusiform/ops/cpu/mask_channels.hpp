#pragma once

#include <span>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

/// Calls change(value, position) for every element of the given channels; `position` is its place in y.
template <Scalar T, class Change>
void change_channels(View<T, Cpu> y, std::span<const Index> channels, const Change& change) {
  if (y.empty() || channels.empty()) return;
  const Index stride = y.shape().channels();
  parallel_ranges(y.size() / stride, rows_grain(static_cast<Index>(channels.size())), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row)
      for (const Index channel : channels) change(y[row * stride + channel], row * stride + channel);
  });
}

template <Scalar T>
void zero_channels(View<T, Cpu> y, std::span<const Index> channels) {
  change_channels(y, channels, [](T& value, Index) { value = T{0}; });
}

template <Scalar T>
void scale_channels(View<T, Cpu> y, std::span<const Index> channels, T factor) {
  change_channels(y, channels, [factor](T& value, Index) { value *= factor; });
}

template <Scalar T>
void copy_channels(View<const T, Cpu> source, std::span<const Index> channels, View<T, Cpu> y) {
  if (source.size() == y.size()) {
    change_channels(y, channels, [source](T& value, Index position) { value = source[position]; });
  } else {
    const Index image = source.size();
    change_channels(y, channels, [source, image](T& value, Index position) { value = source[position % image]; });
  }
}

}  // namespace fusiform::kernels
