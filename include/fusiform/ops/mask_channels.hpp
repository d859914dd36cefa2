#pragma once
/// Changes some channels of an activation in place: what a lesion does to a layer's output.

#include <span>

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/mask_channels.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void zero_channels(View<T, Cuda> y, std::span<const Index> channels);
template <Scalar T>
void scale_channels(View<T, Cuda> y, std::span<const Index> channels, Master<T> factor);
template <Scalar T>
void copy_channels(View<const T, Cuda> source, std::span<const Index> channels, View<T, Cuda> y);
}  // namespace kernels

/// Throws ShapeError unless every channel exists in y, (N, H, W, C) or (N, C).
inline void require_channels(const Shape& y, std::span<const Index> channels) {
  if (y.rank() < 2) throw ShapeError(text("mask_channels: expected (N, H, W, C) or (N, C), got ", y));
  for (const Index channel : channels)
    if (channel < 0 || channel >= y.channels())
      throw ShapeError(text("mask_channels: expected channels in 0..", y.channels() - 1, ", got ", channel));
}

/// Sets the given channels to 0, at every position of every image, also where they were NaN.
/// y (N, H, W, C) or (N, C); order and repetition of `channels` do not matter. Throws ShapeError for one not in y.
template <Scalar T, Device D>
void zero_channels(View<T, D> y, std::span<const Index> channels) {
  require_channels(y.shape(), channels);
  kernels::zero_channels(y, channels);
}

/// Multiplies the given channels, each named once, by `factor`. Throws as zero_channels.
template <Scalar T, Device D>
void scale_channels(View<T, D> y, std::span<const Index> channels, Master<T> factor) {
  require_channels(y.shape(), channels);
  kernels::scale_channels(y, channels, factor);
}

/// Takes the given channels from `source`, of y's shape, or of the shape of one image of y: then every image gets the
/// same. The two must not overlap. Throws as zero_channels, and ShapeError if the shapes differ otherwise.
template <Scalar T, Device D>
void copy_channels(In<T, D> source, std::span<const Index> channels, View<T, D> y) {
  require_channels(y.shape(), channels);
  if (!(source.shape() == y.shape().without_batch()))
    require_equal("copy_channels", "source", y.shape(), source.shape());
  kernels::copy_channels(source, channels, y);
}

}  // namespace fusiform
