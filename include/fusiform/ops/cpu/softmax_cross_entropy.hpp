#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/simd_math.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

/// Elements with an exponential each are some four times as dear as others.
[[nodiscard]] inline Index softmax_grain(Index classes) noexcept { return rows_grain(4 * classes); }

/// Calls body(k, vector) for the vectors of a row; behind its end the last holds `fill`.
template <Scalar T, class Body>
FUSIFORM_INLINE void for_each_vector(const T* row, Index count, T fill, const Body& body) {
  constexpr Index lanes = simd::lanes<T>;
  Index k = 0;
  for (; k + lanes <= count; k += lanes) body(k, simd::load(row + k));
  if (k == count) return;
  simd::Vector<T> last = simd::broadcast(fill);
  for (Index lane = 0; lane < count - k; ++lane) last[lane] = row[k + lane];
  body(k, last);
}

template <Scalar T>
[[nodiscard]] T largest_of(const T* row, Index count) {
  simd::Vector<T> largest = simd::broadcast(row[0]);
  for_each_vector(
      row, count, row[0], [&](Index, simd::Vector<T> values) __attribute__((always_inline)) {
        largest = values > largest ? values : largest;
      });
  T result = largest[0];
  for (int lane = 1; lane < simd::lanes<T>; ++lane) result = std::max(result, largest[lane]);
  return result;
}

[[nodiscard]] inline double sum_of_lanes(simd::Vector<double> vector) {
  double sum = 0;
  for (int lane = 0; lane < simd::lanes<double>; ++lane) sum += vector[lane];
  return sum;
}

/// Exponentials, their sum and its logarithm in double: losses are compared across lesions.
template <Scalar T>
void softmax_cross_entropy(View<const T, Cpu> logits, View<const Index, Cpu> labels, View<T, Cpu> losses) {
  const Index classes = logits.shape()[1];
  constexpr T nothing = -std::numeric_limits<T>::infinity();
  parallel_ranges(logits.shape()[0], softmax_grain(classes), [&](Index begin, Index end) {
    for (Index image = begin; image < end; ++image) {
      const T* row = logits.data() + image * classes;
      const auto largest = static_cast<double>(largest_of(row, classes));
      simd::Vector<double> sums{};
      for_each_vector(
          row, classes, nothing, [&](Index, simd::Vector<T> values) __attribute__((always_inline)) {
            simd::unrolled<simd::double_parts<T>>([&](auto part) __attribute__((always_inline)) {
              sums += simd::exp<double>(simd::widened<T, part>(values) - largest);
            });
          });
      // The difference in double: in float it would round a confident image's small loss away.
      losses[image] =
          static_cast<T>(std::log(sum_of_lanes(sums)) + (largest - static_cast<double>(row[labels[image]])));
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
      const T largest = largest_of(row, classes);
      for_each_vector(
          row, classes, T{0}, [&](Index k, simd::Vector<T> values) __attribute__((always_inline)) {
            simd::store_up_to(result + k, simd::exp<T>(values - largest), classes - k);
          });
      const Index label = labels[image];
      const auto own = static_cast<double>(result[label]);
      result[label] = T{0};
      simd::Vector<double> sums{};
      for_each_vector<T>(
          result, classes, T{0}, [&](Index, simd::Vector<T> values) __attribute__((always_inline)) {
            simd::unrolled<simd::double_parts<T>>([&](auto part) __attribute__((always_inline)) {
              sums += simd::widened<T, part>(values);
            });
          });
      const double others = sum_of_lanes(sums);
      const double sum = others + own;
      const auto scale = static_cast<T>(weight / sum);
      for (Index k = 0; k < classes; ++k) result[k] *= scale;
      // softmax - 1 is minus the share of the other classes; written so, it keeps its digits when that is small.
      result[label] = static_cast<T>(-weight * (others / sum));
    }
  });
}

}  // namespace fusiform::kernels
