#pragma once
/// Softmax with cross-entropy on a GPU, a block an image; see fusiform/ops/softmax_cross_entropy.hpp.

#include <cmath>

#include "arch/number.cuh"
#include "block_reduce.cuh"
#include "runtime.cuh"

namespace fusiform::kernels {

inline constexpr int softmax_threads = 128;

struct SoftmaxShared {
  double values[softmax_threads / 32];
};

template <class T>
__device__ inline double largest_logit(const T* row, Index classes, double* shared) {
  double largest = double(arch::number(row[0]));
  for (Index k = threadIdx.x; k < classes; k += softmax_threads) {
    const auto value = double(arch::number(row[k]));
    largest = value > largest ? value : largest;
  }
  return block_reduce(largest, shared, [](double a, double b) { return a > b ? a : b; });
}

__device__ inline double block_sum(double value, double* shared) {
  return block_reduce(value, shared, [](double a, double b) { return a + b; });
}

/// Exponentials, their sum and its logarithm in double: losses are compared across lesions. A label that is none makes
/// the loss NaN.
template <int = 0, class T>
__global__ void __launch_bounds__(softmax_threads)
    softmax_cross_entropy_kernel(const T* logits, const Index* labels, Index images, Index classes, Master<T>* losses) {
  double* shared = static_cast<SoftmaxShared*>(arch::dynamic_shared_memory())->values;
  for (Index image = blockIdx.x; image < images; image += gridDim.x) {
    const T* row = logits + image * classes;
    const double largest = largest_logit(row, classes, shared);
    double sum = 0;
    for (Index k = threadIdx.x; k < classes; k += softmax_threads)
      sum += std::exp(double(arch::number(row[k])) - largest);
    sum = block_sum(sum, shared);
    const Index label = labels[image];
    if (threadIdx.x != 0) continue;
    // The difference in double: in float it would round a confident image's small loss away.
    losses[image] = label >= 0 && label < classes
                        ? Master<T>(std::log(sum) + (largest - double(arch::number(row[label]))))
                        : Master<T>(std::nan(""));
  }
}

/// A label that is none makes the image's gradient NaN.
template <int = 0, class T>
__global__ void __launch_bounds__(softmax_threads)
    softmax_cross_entropy_gradient_kernel(const T* logits, const Index* labels, Index images, Index classes,
                                          double weight, T* dlogits) {
  double* shared = static_cast<SoftmaxShared*>(arch::dynamic_shared_memory())->values;
  using Number = Master<T>;
  for (Index image = blockIdx.x; image < images; image += gridDim.x) {
    const T* row = logits + image * classes;
    const Index label = labels[image];
    const auto largest = Number(largest_logit(row, classes, shared));
    double others = 0, own = label >= 0 && label < classes ? 0 : std::nan("");
    for (Index k = threadIdx.x; k < classes; k += softmax_threads)
      (k == label ? own : others) += double(std::exp(arch::number(row[k]) - largest));
    others = block_sum(others, shared);
    const double sum = others + block_sum(own, shared);
    const auto scale = Number(weight / sum);
    // softmax - 1 is minus the share of the other classes; written so, it keeps its digits when that is small.
    for (Index k = threadIdx.x; k < classes; k += softmax_threads)
      dlogits[image * classes + k] = arch::stored<T>(k == label ? Number(-weight * (others / sum))
                                                                : std::exp(arch::number(row[k]) - largest) * scale);
  }
}

}  // namespace fusiform::kernels
