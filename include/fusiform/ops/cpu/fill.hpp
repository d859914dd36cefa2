#pragma once

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

template <Scalar T>
void fill(T value, View<T, Cpu> y) {
  parallel_ranges(y.size(), elementwise_grain,
                  [&](Index begin, Index end) { std::fill(y.data() + begin, y.data() + end, value); });
}

}  // namespace fusiform::kernels
