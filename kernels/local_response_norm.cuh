#pragma once
/// Normalisation across channels on a GPU; see fusiform/ops/local_response_norm.hpp.

#include <cmath>

#include "arch/number.cuh"
#include "divider.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

inline constexpr int response_threads = 256;
/// Elements of the pixels that a block has in shared memory at once, and the most channels a pixel can have.
inline constexpr Index response_elements = 2048, response_channels = 8192;

/// `before` and `after`: channels summed over on both sides of a channel.
template <class Number>
struct ResponseNorm {
  Index pixels;
  int channels, pixels_at_once, before, after;
  Number rate, base, beta, slope;  ///< alpha / size, k, beta, 2 alpha beta / size
  bool three_quarters;             ///< beta is 3/4
  Divider by_channels;

  /// s^-beta. The usual exponent by square roots, which are several times as fast as a power.
  [[nodiscard]] __device__ Number inverse_power(Number s) const {
    if (!three_quarters) return std::pow(s, -beta);
    const Number root = std::sqrt(s);
    return 1 / (root * std::sqrt(root));
  }
  /// Sum over the channels c - below to c + above that exist; `value` is that of c.
  [[nodiscard]] __device__ Number window_sum(const Number* value, int c, int below, int above) const {
    const int first = c < below ? -c : -below, last = c + above < channels ? above : channels - 1 - c;
    Number sum = 0;
    for (int j = first; j <= last; ++j) sum += value[j];
    return sum;
  }
  [[nodiscard]] __device__ Number s(const Number* square, int c) const {
    return base + rate * window_sum(square, c, before, after);
  }
  [[nodiscard]] __device__ int channel_of(int i) const { return int(by_channels(std::uint32_t(i)).remainder); }
};

/// Calls visit(first position, elements) for the block's groups of pixels, in order.
template <class Number, class Visit>
__device__ inline void for_each_pixel_group(const ResponseNorm<Number>& norm, const Visit& visit) {
  const Index step = Index(gridDim.x) * norm.pixels_at_once;
  for (Index pixel = Index(blockIdx.x) * norm.pixels_at_once; pixel < norm.pixels; pixel += step) {
    const Index left = norm.pixels - pixel;
    visit(pixel * norm.channels, int(left < norm.pixels_at_once ? left : norm.pixels_at_once) * norm.channels);
  }
}

template <int = 0, class T>
__global__ void __launch_bounds__(response_threads)
    local_response_norm_forward_kernel(const T* x, const __grid_constant__ ResponseNorm<Master<T>> norm, T* y) {
  auto* squares = static_cast<Master<T>*>(arch::dynamic_shared_memory());
  for_each_pixel_group(norm, [&](Index first, int count) {
    __syncthreads();  // whoever still reads the group before
    for (int i = int(threadIdx.x); i < count; i += response_threads) {
      const Master<T> value = arch::number(x[first + i]);
      squares[i] = value * value;
    }
    __syncthreads();
    for (int i = int(threadIdx.x); i < count; i += response_threads)
      y[first + i] =
          arch::stored<T>(arch::number(x[first + i]) * norm.inverse_power(norm.s(squares + i, norm.channel_of(i))));
  });
}

template <int = 0, class T>
__global__ void __launch_bounds__(response_threads)
    local_response_norm_backward_kernel(const T* x, const T* dy, const __grid_constant__ ResponseNorm<Master<T>> norm,
                                        T* dx) {
  using Number = Master<T>;
  auto* squares = static_cast<Number*>(arch::dynamic_shared_memory());
  Number* terms = squares + norm.pixels_at_once * norm.channels;  // dy x s^-(beta + 1)
  Number* powers = terms + norm.pixels_at_once * norm.channels;   // s^-beta
  for_each_pixel_group(norm, [&](Index first, int count) {
    __syncthreads();
    for (int i = int(threadIdx.x); i < count; i += response_threads) {
      const Number value = arch::number(x[first + i]);
      squares[i] = value * value;
    }
    __syncthreads();
    for (int i = int(threadIdx.x); i < count; i += response_threads) {
      const Number s = norm.s(squares + i, norm.channel_of(i));
      powers[i] = norm.inverse_power(s);
      terms[i] = arch::number(dy[first + i]) * arch::number(x[first + i]) * powers[i] / s;
    }
    __syncthreads();
    // x_i is used by the outputs on its other side: the window is mirrored.
    for (int i = int(threadIdx.x); i < count; i += response_threads) {
      const Number sum = norm.window_sum(terms + i, norm.channel_of(i), norm.after, norm.before);
      dx[first + i] =
          arch::stored<T>(arch::number(dy[first + i]) * powers[i] - norm.slope * arch::number(x[first + i]) * sum);
    }
  });
}

}  // namespace fusiform::kernels
