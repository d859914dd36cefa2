#pragma once
/// Batch normalisation on a GPU; see fusiform/ops/batch_norm.hpp.

#include <cmath>

#include "column_sums.cuh"

namespace fusiform::kernels {

/// A typical value of a channel: the median of three rows from the beginning, the middle and the end.
template <int N, class T>
__device__ inline void typical_values(const T* x, Index rows, int channels, int channel, Master<T> (&values)[N]) {
  Master<T> first[N], second[N], third[N];
  load_numbers(x + rows / 6 * channels + channel, first);
  load_numbers(x + rows / 2 * channels + channel, second);
  load_numbers(x + (rows - 1 - rows / 6) * channels + channel, third);
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const Master<T> low = first[k] < second[k] ? first[k] : second[k];
    const Master<T> high = first[k] < second[k] ? second[k] : first[k];
    values[k] = third[k] < low ? low : third[k] > high ? high : third[k];
  }
}

/// Deviations from typical values and their squares: the shift leaves nothing to cancel when mean >> deviation.
template <int N, class T>
struct DeviationTerms {
  static constexpr bool products = true;
  using Number = Master<T>;
  const T* x;
  Index rows;
  int channels;
  Number shift[N];

  __device__ void start(int channel) { typical_values(x, rows, channels, channel, shift); }
  __device__ void operator()(Index position, Number (&a)[N], Number (&b)[N]) const {
    load_numbers(x + position, a);
#pragma unroll
    for (int k = 0; k < N; ++k) b[k] = a[k] -= shift[k];
  }
};

template <class T>
struct FinishStatistics {
  const T* x;
  Index rows;
  int channels;
  double eps;
  Master<T>*mean, *inverse_deviation, *unbiased_variance;

  __device__ void operator()(int channel, double sum, double square_sum) const {
    Master<T> shift[1];
    typical_values(x, rows, channels, channel, shift);
    const auto count = double(rows);
    const double offset = sum / count;
    const double squares = square_sum > offset * sum ? square_sum - offset * sum : square_sum - square_sum;  // NaN: NaN
    mean[channel] = Master<T>(double(shift[0]) + offset);
    inverse_deviation[channel] = Master<T>(1 / std::sqrt(squares / count + eps));
    unbiased_variance[channel] = Master<T>(squares / (count - 1));
  }
};

/// dy, and dy times the distance of x from the mean.
template <int N, class T>
struct GradientTerms {
  static constexpr bool products = true;
  using Number = Master<T>;
  const T *x, *dy;
  const Number* mean;
  Number center[N];

  __device__ void start(int channel) { load_numbers(mean + channel, center); }
  __device__ void operator()(Index position, Number (&a)[N], Number (&b)[N]) const {
    load_numbers(dy + position, a);
    load_numbers(x + position, b);
#pragma unroll
    for (int k = 0; k < N; ++k) b[k] -= center[k];
  }
};

/// dx = dy * scale - (x - mean) * slope - shift, with three numbers a channel: see the CPU's batch_norm_backward.
template <class Number>
struct FinishGradients {
  const Number *inverse_deviation, *weight;
  double share;                   ///< 1 / rows; 0 if the statistics were not the batch's
  Number *dweight, *dbias;        ///< may be nullptr
  Number *scale, *slope, *shift;  ///< may be nullptr

  __device__ void operator()(int channel, double dy_sum, double dy_distance_sum) const {
    const auto inverse = double(inverse_deviation[channel]);
    const double dy_x_sum = dy_distance_sum * inverse;
    if (dweight != nullptr) {
      dbias[channel] = Number(dy_sum);
      dweight[channel] = Number(dy_x_sum);
    }
    if (scale == nullptr) return;
    const double factor = double(weight[channel]) * inverse;
    scale[channel] = Number(factor);
    slope[channel] = Number(factor * inverse * dy_x_sum * share);
    shift[channel] = Number(factor * dy_sum * share);
  }
};

template <int N, class T>
__global__ void __launch_bounds__(ColumnLayout::threads)
    batch_norm_apply_kernel(const T* __restrict__ x, const __grid_constant__ ColumnLayout layout, const Master<T>* mean,
                            const Master<T>* inverse_deviation, const Master<T>* weight, const Master<T>* bias,
                            T* __restrict__ y) {
  const int channel = layout.channel<N>();
  if (channel >= layout.channels) return;
  Master<T> center[N], scale[N], factor[N], shift[N];
  load_numbers(mean + channel, center);
  load_numbers(inverse_deviation + channel, scale);
  load_numbers(weight + channel, factor);
  load_numbers(bias + channel, shift);
#pragma unroll
  for (int k = 0; k < N; ++k) scale[k] *= factor[k];
  const Index stride = Index(gridDim.x) << layout.log_rows;
#pragma unroll 2
  for (Index row = (Index(blockIdx.x) << layout.log_rows) + layout.row(); row < layout.rows; row += stride) {
    const Index at = row * layout.channels + channel;
    Master<T> values[N];
    load_numbers(x + at, values);
#pragma unroll
    for (int k = 0; k < N; ++k) values[k] = (values[k] - center[k]) * scale[k] + shift[k];
    store_numbers(values, y + at);
  }
}

template <int N, class T>
__global__ void __launch_bounds__(ColumnLayout::threads)
    batch_norm_backward_kernel(const T* __restrict__ x, const T* __restrict__ dy,
                               const __grid_constant__ ColumnLayout layout, const Master<T>* mean,
                               const Master<T>* scale, const Master<T>* slope, const Master<T>* shift,
                               T* __restrict__ dx) {
  const int channel = layout.channel<N>();
  if (channel >= layout.channels) return;
  Master<T> center[N], scales[N], slopes[N], shifts[N];
  load_numbers(mean + channel, center);
  load_numbers(scale + channel, scales);
  load_numbers(slope + channel, slopes);
  load_numbers(shift + channel, shifts);
  const Index stride = Index(gridDim.x) << layout.log_rows;
#pragma unroll 2
  for (Index row = (Index(blockIdx.x) << layout.log_rows) + layout.row(); row < layout.rows; row += stride) {
    const Index at = row * layout.channels + channel;
    Master<T> values[N], gradients[N];
    load_numbers(x + at, values);
    load_numbers(dy + at, gradients);
#pragma unroll
    for (int k = 0; k < N; ++k)
      gradients[k] = gradients[k] * scales[k] - (values[k] - center[k]) * slopes[k] - shifts[k];
    store_numbers(gradients, dx + at);
  }
}

template <int = 0, class T>
__global__ void inverse_deviation_kernel(const T* variance, double eps, Index count, T* result) {
  for (Index i = grid_thread(); i < count; i += grid_threads()) result[i] = T(1 / std::sqrt(double(variance[i]) + eps));
}

template <int = 0, class T>
__global__ void move_towards_kernel(const T* target, double fraction, Index count, T* value) {
  for (Index i = grid_thread(); i < count; i += grid_threads())
    value[i] = T((1 - fraction) * double(value[i]) + fraction * double(target[i]));
}

}  // namespace fusiform::kernels
