#pragma once

#include <algorithm>
#include <cmath>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/cpu/stream_store.hpp>
#include <fusiform/ops/update_settings.hpp>

namespace fusiform::kernels {

template <Scalar T>
struct AdamStep {
  T step_size, root_scale, beta2, towards_mean, towards_square, eps, weight_decay;

  explicit AdamStep(const AdamSettings& settings)
      : step_size(static_cast<T>(settings.step_size)),
        root_scale(static_cast<T>(1 / settings.root_correction)),  // a division less for each element
        beta2(static_cast<T>(settings.beta2)),
        towards_mean(static_cast<T>(1 - settings.beta1)),
        towards_square(static_cast<T>(1 - settings.beta2)),
        eps(static_cast<T>(settings.eps)),
        weight_decay(static_cast<T>(settings.weight_decay)) {}

  [[nodiscard]] T gradient(T gradient, T value) const { return gradient + weight_decay * value; }
  [[nodiscard]] T mean(T gradient, T mean) const { return mean + towards_mean * (gradient - mean); }
  [[nodiscard]] T square(T gradient, T square) const { return beta2 * square + towards_square * (gradient * gradient); }
  [[nodiscard]] T value(T mean, T square, T value) const {
    return value - step_size * (mean / (std::sqrt(square) * root_scale + eps));
  }
};

/// What one update reads and changes.
template <Scalar T>
struct AdamTensors {
  const T* gradient;
  T* mean;
  T* square;
  T* value;
};

/// Elements begin to end - 1, which are worth_streaming: through a block in the first-level cache.
template <Scalar T>
void stream_adam_update(const AdamStep<T>& step, const AdamTensors<T>& tensors, Index begin, Index end) {
  T mean[update_block];
  T square[update_block];
  T value[update_block];
  for (Index first = begin; first < end; first += update_block) {
    const Index count = std::min(update_block, end - first);
    const T* __restrict g = tensors.gradient + first;
    const T* __restrict m = tensors.mean + first;
    const T* __restrict v = tensors.square + first;
    const T* __restrict w = tensors.value + first;
    for (Index i = 0; i < count; ++i) {
      const T d = step.gradient(g[i], w[i]);
      mean[i] = step.mean(d, m[i]);
      square[i] = step.square(d, v[i]);
      value[i] = step.value(mean[i], square[i], w[i]);
    }
    stream_copy(mean, tensors.mean + first, count);
    stream_copy(square, tensors.square + first, count);
    stream_copy(value, tensors.value + first, count);
  }
  stream_fence();
}

template <Scalar T>
void adam_update(View<const T, Cpu> gradient, const AdamSettings& settings, View<T, Cpu> mean, View<T, Cpu> square,
                 View<T, Cpu> value) {
  const Index size = value.size();
  const bool streams = worth_streaming(mean.data(), size, size) && worth_streaming(square.data(), size, size) &&
                       worth_streaming(value.data(), size, size);
  parallel_ranges(size, elementwise_grain, [&](Index begin, Index end) {
    // A copy of the loop's own: stores to the tensors could change a captured one, which stops vectorisation.
    const AdamStep<T> step(settings);
    if (streams)
      return stream_adam_update(step, {gradient.data(), mean.data(), square.data(), value.data()}, begin, end);
    const T* __restrict g = gradient.data();
    T* __restrict m = mean.data();
    T* __restrict v = square.data();
    T* __restrict w = value.data();
    for (Index i = begin; i < end; ++i) {
      const T d = step.gradient(g[i], w[i]);
      m[i] = step.mean(d, m[i]);
      v[i] = step.square(d, v[i]);
      w[i] = step.value(m[i], v[i], w[i]);
    }
  });
}

}  // namespace fusiform::kernels
