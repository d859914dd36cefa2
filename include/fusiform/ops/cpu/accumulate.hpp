#pragma once
/// y += x on the CPU.

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform::kernels {

template <Scalar T>
void accumulate(In<T, Cpu> x, View<T, Cpu> y) {
  constexpr Index grain = 1 << 16;
  parallel_ranges(y.size(), grain, [from = x.data(), to = y.data()](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) to[i] += from[i];
  });
}

}  // namespace fusiform::kernels
