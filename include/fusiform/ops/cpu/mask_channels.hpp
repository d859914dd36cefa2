#pragma once

#include <span>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

/// Calls change(value, i) for every element of channel channels[i].
template <Scalar T, class Change>
void change_channels(View<T, Cpu> y, std::span<const Index> channels, const Change& change) {
  if (y.empty() || channels.empty()) return;
  const Index stride = y.shape().channels();
  parallel_ranges(y.size() / stride, rows_grain(static_cast<Index>(channels.size())), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row)
      for (std::size_t i = 0; i < channels.size(); ++i) change(y[row * stride + channels[i]], i);
  });
}

template <Scalar T>
void zero_channels(View<T, Cpu> y, std::span<const Index> channels) {
  change_channels(y, channels, [](T& value, std::size_t) { value = T{0}; });
}

template <Scalar T>
void scale_channels(View<T, Cpu> y, std::span<const Index> channels, T factor) {
  change_channels(y, channels, [factor](T& value, std::size_t) { value *= factor; });
}

template <Scalar T>
void set_channels(View<T, Cpu> y, std::span<const Index> channels, std::span<const T> values) {
  change_channels(y, channels, [values](T& value, std::size_t i) { value = values[i]; });
}

}  // namespace fusiform::kernels
