#pragma once
/// What the output of a convolution or a linear layer becomes when one channel of its input changes: its old value and
/// one term more, for 1/C of the work of computing it again (spec: C.2, technique 3).

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/channel_update.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void channel_update(const ChannelUpdate<T, Cuda>& update);
}  // namespace kernels

/// How the channels of a layer's input enter its output: as a sum of one term for each, beside a bias.
template <Scalar T, Device D>
struct ChannelTerms {
  View<const Master<T>, D>
      filters;  ///< (out, kernel_h, kernel_w, in) of a convolution, or (out, features) of a linear layer
  Index stride = 1;
  Index padding = 0;

  /// The same for an input of `channels` channels. A linear layer whose features are flattened (H, W, C) is a
  /// convolution with as large a window as its input.
  [[nodiscard]] ChannelTerms of_channels(Index channels) const {
    const Shape& shape = filters.shape();
    if (shape.rank() == 4) return *this;
    return {View<const Master<T>, D>(filters.data(), Shape{shape[0], shape[1] / channels, 1, channels}), 1, 0};
  }
};

/// y = base + the term of `change`, the new minus the old values of input channel `channel`; with `relu` the larger of
/// that and 0. base and y (N, H', W', out), or (N, out) if there is one position; they may be the same. change (N, H,
/// W). Each sum begins with base; the terms follow in the order of the window. Throws ShapeError if the shapes do not
/// fit.
template <Scalar T, Device D>
void channel_update(In<T, D> base, In<T, D> change, const ChannelTerms<T, D>& terms, Index channel, bool relu,
                    View<T, D> y) {
  require_equal("channel_update", "output", base.shape(), y.shape());
  require_equal("channel_update", "dimensions of the change (N, H, W)", 3, change.shape().rank());
  require_equal("channel_update", "dimensions of the filters (out, kernel_h, kernel_w, in)", 4,
                terms.filters.shape().rank());
  const Shape& filters = terms.filters.shape();
  if (channel < 0 || channel >= filters[3])
    throw ShapeError(text("channel_update: expected a channel of 0..", filters[3] - 1, ", got ", channel));
  const Shape whole = conv2d_output_shape(Shape{change.shape()[0], change.shape()[1], change.shape()[2], filters[3]},
                                          filters, {.stride = terms.stride, .padding = terms.padding});
  if (whole.size() != base.size() || whole[0] != base.shape()[0] || whole.channels() != base.shape().channels())
    throw ShapeError(text("channel_update: expected a base of ", whole, ", got ", base.shape()));
  kernels::channel_update(kernels::ChannelUpdate<T, D>{.base = base.data(),
                                                       .change = change.data(),
                                                       .filters = terms.filters.data(),
                                                       .y = y.data(),
                                                       .images = whole[0],
                                                       .height = change.shape()[1],
                                                       .width = change.shape()[2],
                                                       .window_height = filters[1],
                                                       .window_width = filters[2],
                                                       .stride = terms.stride,
                                                       .padding = terms.padding,
                                                       .grid_height = whole[1],
                                                       .grid_width = whole[2],
                                                       .out = whole[3],
                                                       .channels = filters[3],
                                                       .channel = channel,
                                                       .relu = relu});
}

}  // namespace fusiform
