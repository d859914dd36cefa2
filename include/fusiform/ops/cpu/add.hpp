#pragma once

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

template <Scalar T>
void add(View<const T, Cpu> a, View<const T, Cpu> b, View<T, Cpu> y) {
  parallel_ranges(y.size(), elementwise_grain, [&](Index begin, Index end) {
    const T* __restrict first = a.data();
    const T* __restrict second = b.data();
    T* __restrict result = y.data();
    for (Index i = begin; i < end; ++i) result[i] = first[i] + second[i];
  });
}

}  // namespace fusiform::kernels
