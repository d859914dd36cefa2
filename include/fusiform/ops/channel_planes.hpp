#pragma once
/// What changed in each channel, channel by channel: what lesions of single channels are added up from.

#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform {

namespace kernels {

template <Scalar T>
void channel_planes(View<const T, Cpu> after, View<const T, Cpu> before, Index channels, Index first,
                    View<T, Cpu> planes) {
  const Index rows = after.size() / channels;
  const Index size = planes.size() / channels;
  T* const start = planes.data() + first * planes.shape()[2] * planes.shape()[3];
  parallel_for(channels, [&](Index c) {
    for (Index r = 0; r < rows; ++r) start[c * size + r] = after[r * channels + c] - before[r * channels + c];
  });
}

template <Scalar T>
void channel_planes(View<const T, Cuda> after, View<const T, Cuda> before, Index channels, Index first,
                    View<T, Cuda> planes);

}  // namespace kernels

/// planes[c][first + n][p] = after[n][p][c] - before[n][p][c] for the images n of `after` and `before`, whose channels
/// are the last dimension, or lie so in flattened features. planes (channels, images, H, W), where H W positions p make
/// one image; other images stay. Throws ShapeError if the shapes do not fit or the images are not there.
template <Scalar T, Device D>
void channel_planes(In<T, D> after, In<T, D> before, Index first, View<T, D> planes) {
  require_equal("channel_planes", "values", after.shape(), before.shape());
  require_equal("channel_planes", "dimensions of the planes (channels, images, H, W)", 4, planes.shape().rank());
  const Shape& shape = planes.shape();
  const Index images = after.shape()[0];
  require_equal("channel_planes", "elements of the values", images * shape[0] * shape[2] * shape[3], after.size());
  if (first < 0 || first + images > shape[1])
    throw ShapeError(text("channel_planes: expected images of 0..", shape[1], ", got ", first, "..", first + images));
  if (after.empty()) return;
  kernels::channel_planes(after, before, shape[0], first, planes);
}

}  // namespace fusiform
