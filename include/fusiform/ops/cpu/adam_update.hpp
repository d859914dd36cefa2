#pragma once

#include <cmath>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/update_settings.hpp>

namespace fusiform::kernels {

template <Scalar T>
void adam_update(View<const T, Cpu> gradient, const AdamSettings& settings, View<T, Cpu> mean, View<T, Cpu> square,
                 View<T, Cpu> value) {
  parallel_ranges(value.size(), elementwise_grain, [&](Index begin, Index end) {
    // Copies of the loop's own: stores to the tensors could change captured ones, which stops vectorisation.
    const auto step_size = static_cast<T>(settings.step_size);
    const auto root_scale = static_cast<T>(1 / settings.root_correction);  // a division less for each element
    const auto beta2 = static_cast<T>(settings.beta2);
    const auto towards_mean = static_cast<T>(1 - settings.beta1);
    const auto towards_square = static_cast<T>(1 - settings.beta2);
    const auto eps = static_cast<T>(settings.eps);
    const auto weight_decay = static_cast<T>(settings.weight_decay);
    const T* __restrict g = gradient.data();
    T* __restrict m = mean.data();
    T* __restrict v = square.data();
    T* __restrict w = value.data();
    for (Index i = begin; i < end; ++i) {
      const T d = g[i] + weight_decay * w[i];
      m[i] += towards_mean * (d - m[i]);
      v[i] = beta2 * v[i] + towards_square * (d * d);
      w[i] -= step_size * (m[i] / (std::sqrt(v[i]) * root_scale + eps));
    }
  });
}

}  // namespace fusiform::kernels
