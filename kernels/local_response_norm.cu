#include <algorithm>

#include <fusiform/ops/local_response_norm.hpp>

#include "local_response_norm.cuh"

namespace fusiform::kernels {

namespace {

template <class Number>
[[nodiscard]] ResponseNorm<Number> response_norm(const Shape& x, const LocalResponseNormOptions& options) {
  const Index channels = x.channels(), size = options.size;
  if (channels > response_channels)
    throw ShapeError(text("local_response_norm: expected at most ", response_channels, " channels on a GPU, got ", x));
  const double rate = options.alpha / double(size);
  return {.pixels = x.size() / channels,
          .channels = int(channels),
          .pixels_at_once = int(std::max<Index>(1, response_elements / channels)),
          .before = int(std::min(size / 2, channels)),
          .after = int(std::min((size - 1) / 2, channels)),
          .rate = Number(rate),
          .base = Number(options.k),
          .beta = Number(options.beta),
          .slope = Number(2 * options.beta * rate),
          .three_quarters = options.beta == 0.75,
          .by_channels = Divider(channels)};
}

/// `arrays` numbers an element in shared memory.
template <class Number>
[[nodiscard]] LaunchShape response_shape(const ResponseNorm<Number>& norm, int arrays, std::string what) {
  const Index groups = (norm.pixels + norm.pixels_at_once - 1) / norm.pixels_at_once;
  return {.grid = {unsigned(std::min<Index>(groups, Index{8} * multiprocessor_count())), 1, 1},
          .block = {response_threads, 1, 1},
          .shared_bytes = std::size_t(arrays) * std::size_t(norm.pixels_at_once * norm.channels) * sizeof(Number),
          .stream = current_stream(),
          .what = std::move(what)};
}

}  // namespace

template <Scalar T>
void local_response_norm_forward(View<const T, Cuda> x, const LocalResponseNormOptions& options, View<T, Cuda> y) {
  if (x.empty()) return;
  const auto norm = response_norm<Master<T>>(x.shape(), options);
  launch(local_response_norm_forward_kernel<0, T>, response_shape(norm, 1, text("local_response_norm ", x.shape())),
         x.data(), norm, y.data());
}

template <Scalar T>
void local_response_norm_backward(View<const T, Cuda> x, View<const T, Cuda> dy,
                                  const LocalResponseNormOptions& options, View<T, Cuda> dx) {
  if (x.empty()) return;
  const auto norm = response_norm<Master<T>>(x.shape(), options);
  launch(local_response_norm_backward_kernel<0, T>,
         response_shape(norm, 3, text("local_response_norm gradient ", x.shape())), x.data(), dy.data(), norm,
         dx.data());
}

#define FUSIFORM_LOCAL_RESPONSE_NORM(T)                                                                           \
  template void local_response_norm_forward(View<const T, Cuda>, const LocalResponseNormOptions&, View<T, Cuda>); \
  template void local_response_norm_backward(View<const T, Cuda>, View<const T, Cuda>,                            \
                                             const LocalResponseNormOptions&, View<T, Cuda>);
FUSIFORM_LOCAL_RESPONSE_NORM(float)
FUSIFORM_LOCAL_RESPONSE_NORM(bfloat16)
#undef FUSIFORM_LOCAL_RESPONSE_NORM

}  // namespace fusiform::kernels
