#pragma once

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

template <Scalar T>
void relu_forward(View<const T, Cpu> x, View<T, Cpu> y) {
  parallel_ranges(x.size(), elementwise_grain, [&](Index begin, Index end) {
    const T* __restrict source = x.data();
    T* __restrict result = y.data();
    // "less than 0 becomes 0", not "greater than 0 stays": so NaN stays.
    for (Index i = begin; i < end; ++i) result[i] = source[i] < T{0} ? T{0} : source[i];
  });
}

template <Scalar T>
void relu_backward(View<const T, Cpu> y, View<const T, Cpu> dy, View<T, Cpu> dx) {
  parallel_ranges(y.size(), elementwise_grain, [&](Index begin, Index end) {
    const T* __restrict output = y.data();
    const T* __restrict gradient = dy.data();
    T* __restrict result = dx.data();
    for (Index i = begin; i < end; ++i) result[i] = output[i] <= T{0} ? T{0} : gradient[i];
  });
}

}  // namespace fusiform::kernels
