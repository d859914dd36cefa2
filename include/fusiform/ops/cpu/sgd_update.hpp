#pragma once

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/cpu/stream_store.hpp>
#include <fusiform/ops/update_settings.hpp>

namespace fusiform::kernels {

template <Scalar T>
struct SgdStep {
  T learning_rate, momentum, weight_decay;

  explicit SgdStep(const SgdSettings& settings)
      : learning_rate(static_cast<T>(settings.learning_rate)),
        momentum(static_cast<T>(settings.momentum)),
        weight_decay(static_cast<T>(settings.weight_decay)) {}

  [[nodiscard]] T velocity(T gradient, T velocity, T value) const {
    return momentum * velocity + (gradient + weight_decay * value);
  }
  [[nodiscard]] T value(T velocity, T value) const { return value - learning_rate * velocity; }
};

/// Elements begin to end - 1, which are worth_streaming: through a block in the first-level cache.
template <Scalar T>
void stream_sgd_update(const SgdStep<T>& step, const T* g, T* velocity, T* value, Index begin, Index end) {
  T new_velocity[update_block];
  T new_value[update_block];
  for (Index first = begin; first < end; first += update_block) {
    const Index count = std::min(update_block, end - first);
    const T* __restrict v = velocity + first;
    const T* __restrict w = value + first;
    for (Index i = 0; i < count; ++i) {
      new_velocity[i] = step.velocity(g[first + i], v[i], w[i]);
      new_value[i] = step.value(new_velocity[i], w[i]);
    }
    stream_copy(new_velocity, velocity + first, count);
    stream_copy(new_value, value + first, count);
  }
  stream_fence();
}

template <Scalar T>
void sgd_update(View<const T, Cpu> gradient, const SgdSettings& settings, View<T, Cpu> velocity, View<T, Cpu> value) {
  const Index size = value.size();
  const bool streams = worth_streaming(velocity.data(), size, size) && worth_streaming(value.data(), size, size);
  parallel_ranges(size, elementwise_grain, [&](Index begin, Index end) {
    // A copy of the loop's own: stores to the tensors could change a captured one, which stops vectorisation.
    const SgdStep<T> step(settings);
    if (streams) return stream_sgd_update(step, gradient.data(), velocity.data(), value.data(), begin, end);
    const T* __restrict g = gradient.data();
    T* __restrict v = velocity.data();
    T* __restrict w = value.data();
    for (Index i = begin; i < end; ++i) {
      v[i] = step.velocity(g[i], v[i], w[i]);
      w[i] = step.value(v[i], w[i]);
    }
  });
}

}  // namespace fusiform::kernels
