#pragma once

#include <algorithm>
#include <cmath>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

/// Elements with an exponential each are some eight times as dear as others.
[[nodiscard]] inline Index softmax_grain(Index classes) noexcept { return rows_grain(8 * classes); }

template <Scalar T>
void softmax_cross_entropy(View<const T, Cpu> logits, View<const Index, Cpu> labels, View<T, Cpu> losses) {
  const Index classes = logits.shape()[1];
  parallel_ranges(logits.shape()[0], softmax_grain(classes), [&](Index begin, Index end) {
    for (Index image = begin; image < end; ++image) {
      const T* row = logits.data() + image * classes;
      const T largest = *std::max_element(row, row + classes);
      double sum = 0;
      for (Index k = 0; k < classes; ++k) sum += static_cast<double>(std::exp(row[k] - largest));
      // The difference in double: in float it would round a confident image's small loss away.
      losses[image] =
          static_cast<T>(std::log(sum) + (static_cast<double>(largest) - static_cast<double>(row[labels[image]])));
    }
  });
}

template <Scalar T>
void softmax_cross_entropy_gradient(View<const T, Cpu> logits, View<const Index, Cpu> labels, double weight,
                                    View<T, Cpu> dlogits) {
  const Index classes = logits.shape()[1];
  parallel_ranges(logits.shape()[0], softmax_grain(classes), [&](Index begin, Index end) {
    for (Index image = begin; image < end; ++image) {
      const T* row = logits.data() + image * classes;
      T* result = dlogits.data() + image * classes;
      const T largest = *std::max_element(row, row + classes);
      double sum = 0;
      double others = 0;
      const Index label = labels[image];
      for (Index k = 0; k < classes; ++k) {
        result[k] = std::exp(row[k] - largest);
        sum += static_cast<double>(result[k]);
        if (k != label) others += static_cast<double>(result[k]);
      }
      const auto scale = static_cast<T>(weight / sum);
      for (Index k = 0; k < classes; ++k) result[k] *= scale;
      // softmax - 1 is minus the share of the other classes; written so, it keeps its digits when that is small.
      result[label] = static_cast<T>(-weight * (others / sum));
    }
  });
}

}  // namespace fusiform::kernels
