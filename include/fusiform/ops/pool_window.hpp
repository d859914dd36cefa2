#pragma once
/// The square window that pooling slides over an image, and the one formula for the size of what comes out.

#include <string_view>

#include <fusiform/core/error.hpp>
#include <fusiform/core/shape.hpp>

namespace fusiform {

struct PoolWindow {
  Index kernel = 2;
  Index stride = 2;
  Index padding = 0;
};

/// Throws ConfigError for a window that cannot be: kernel or stride < 1, padding outside 0..kernel/2.
inline void require_window(std::string_view where, const PoolWindow& window) {
  require_setting(window.kernel >= 1, where, "kernel >= 1", window.kernel);
  require_setting(window.stride >= 1, where, "stride >= 1", window.stride);
  // At most half a kernel, so that every window holds at least one pixel of the image.
  require_setting(window.padding >= 0 && window.padding <= window.kernel / 2, where, "padding in 0..kernel/2",
                  window.padding);
}

/// (N, H, W, C) to (N, floor((H + 2 padding - kernel) / stride) + 1, the same for W, C), as PyTorch without ceil_mode.
/// Throws ConfigError as require_window, and ShapeError if x is not a batch of images or the window does not fit in
/// the padded image.
[[nodiscard]] inline Shape pool2d_output_shape(std::string_view where, const Shape& x, const PoolWindow& window) {
  require_window(where, window);
  require_equal(where, "dimensions (N, H, W, C)", 4, x.rank());
  const Index height = x[1] + 2 * window.padding;
  const Index width = x[2] + 2 * window.padding;
  if (x[1] < 1 || x[2] < 1 || height < window.kernel || width < window.kernel)
    throw ShapeError(text(where, ": expected an image of at least ", window.kernel, " x ", window.kernel,
                          " with its padding, got ", height, " x ", width));
  return {x[0], (height - window.kernel) / window.stride + 1, (width - window.kernel) / window.stride + 1, x[3]};
}

}  // namespace fusiform
