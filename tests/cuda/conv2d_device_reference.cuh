#pragma once
/// Convolutions on a GPU by the definition: sums in double by one thread a result. T is bf16 or float.

#include <cstdint>

#include "kernels/conv2d_problem.hpp"
#include "tests/cuda/device_memory.cuh"

namespace gpu {

using fusiform::kernels::Conv2dProblem;

template <class T>
__device__ double product(T a, T b) {
  return double(as_float(a)) * double(as_float(b));
}

/// The image pixel that output row i reads at tap a, or -1.
__device__ inline int source(int i, int a, int stride, int padding, int size) {
  const int place = i * stride + a - padding;
  return place >= 0 && place < size ? place : -1;
}

template <class T>
__global__ void reference_forward(Conv2dProblem p, int out_height, int out_width, const T* x, const T* w,
                                  const float* bias, const float* factor, float* y) {
  const std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x;
  if (i >= std::int64_t(p.images) * out_height * out_width * p.out_channels) return;
  const int o = int(i % p.out_channels), column = int(i / p.out_channels % out_width);
  const int row = int(i / p.out_channels / out_width % out_height),
            n = int(i / p.out_channels / out_width / out_height);
  double sum = bias[o];
  for (int a = 0; a < p.kernel_h; ++a)
    for (int b = 0; b < p.kernel_w; ++b) {
      const int u = source(row, a, p.stride, p.padding, p.height), v = source(column, b, p.stride, p.padding, p.width);
      if (u < 0 || v < 0) continue;
      for (int c = 0; c < p.in_channels; ++c)
        sum += product(x[((std::int64_t(n) * p.height + u) * p.width + v) * p.in_channels + c],
                       w[((std::int64_t(o) * p.kernel_h + a) * p.kernel_w + b) * p.in_channels + c]);
    }
  y[i] = float((sum > 0 ? sum : 0) * double(factor[o]));
}

template <class T>
__global__ void reference_backward_input(Conv2dProblem p, int out_height, int out_width, const T* dy, const T* w,
                                         float* dx) {
  const std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x;
  if (i >= std::int64_t(p.images) * p.height * p.width * p.in_channels) return;
  const int c = int(i % p.in_channels), v = int(i / p.in_channels % p.width);
  const int u = int(i / p.in_channels / p.width % p.height), n = int(i / p.in_channels / p.width / p.height);
  double sum = 0;
  for (int row = 0; row < out_height; ++row)
    for (int column = 0; column < out_width; ++column) {
      const int a = u + p.padding - row * p.stride, b = v + p.padding - column * p.stride;
      if (a < 0 || a >= p.kernel_h || b < 0 || b >= p.kernel_w) continue;
      for (int o = 0; o < p.out_channels; ++o)
        sum += product(dy[((std::int64_t(n) * out_height + row) * out_width + column) * p.out_channels + o],
                       w[((std::int64_t(o) * p.kernel_h + a) * p.kernel_w + b) * p.in_channels + c]);
    }
  dx[i] = float(sum);
}

template <class T>
__global__ void reference_backward_weight(Conv2dProblem p, int out_height, int out_width, const T* x, const T* dy,
                                          float* dw) {
  const std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x;
  if (i >= std::int64_t(p.out_channels) * p.kernel_h * p.kernel_w * p.in_channels) return;
  const int c = int(i % p.in_channels), b = int(i / p.in_channels % p.kernel_w);
  const int a = int(i / p.in_channels / p.kernel_w % p.kernel_h), o = int(i / p.in_channels / p.kernel_w / p.kernel_h);
  double sum = 0;
  for (int n = 0; n < p.images; ++n)
    for (int row = 0; row < out_height; ++row)
      for (int column = 0; column < out_width; ++column) {
        const int u = source(row, a, p.stride, p.padding, p.height),
                  v = source(column, b, p.stride, p.padding, p.width);
        if (u < 0 || v < 0) continue;
        sum += product(dy[((std::int64_t(n) * out_height + row) * out_width + column) * p.out_channels + o],
                       x[((std::int64_t(n) * p.height + u) * p.width + v) * p.in_channels + c]);
      }
  dw[i] = float(sum);
}

template <class T>
__global__ void reference_bias(int channels, std::int64_t pixels, const T* dy, float* db) {
  const int o = int(blockIdx.x) * 256 + int(threadIdx.x);
  if (o >= channels) return;
  double sum = 0;
  for (std::int64_t i = 0; i < pixels; ++i) sum += double(as_float(dy[i * channels + o]));
  db[o] = float(sum);
}

}  // namespace gpu
