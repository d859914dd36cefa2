#pragma once

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/update_settings.hpp>

namespace fusiform::kernels {

template <Scalar T>
void sgd_update(View<const T, Cpu> gradient, const SgdSettings& settings, View<T, Cpu> velocity, View<T, Cpu> value) {
  parallel_ranges(value.size(), elementwise_grain, [&](Index begin, Index end) {
    // Copies of the loop's own: stores to the tensors could change captured ones, which stops vectorisation.
    const auto learning_rate = static_cast<T>(settings.learning_rate);
    const auto momentum = static_cast<T>(settings.momentum);
    const auto weight_decay = static_cast<T>(settings.weight_decay);
    const T* __restrict g = gradient.data();
    T* __restrict v = velocity.data();
    T* __restrict w = value.data();
    for (Index i = begin; i < end; ++i) {
      v[i] = momentum * v[i] + (g[i] + weight_decay * w[i]);
      w[i] -= learning_rate * v[i];
    }
  });
}

}  // namespace fusiform::kernels
