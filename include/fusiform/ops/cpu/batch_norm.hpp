#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/batch_norm_gradients.hpp>
#include <fusiform/ops/cpu/column_sums.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

struct TileMedianScratch {};

/// For every tile of `sums` and channel the median of the tile's first three rows (the first row if there are fewer):
/// a typical value even if one row is far from all others.
template <Scalar T>
[[nodiscard]] const T* tile_medians(const T* x, const ColumnSums<T>& sums, Index channels) {
  T* medians = scratch<TileMedianScratch, T>(sums.tiles() * channels);
  for (Index tile = 0; tile < sums.tiles(); ++tile) {
    const T* __restrict first = x + sums.first_row(tile) * channels;
    const T* __restrict second = first + (sums.rows_of(tile) < 3 ? 0 : channels);
    const T* __restrict third = first + (sums.rows_of(tile) < 3 ? 0 : 2 * channels);
    T* __restrict median = medians + tile * channels;
    for (Index c = 0; c < channels; ++c)
      median[c] = std::max(std::min(first[c], second[c]), std::min(std::max(first[c], second[c]), third[c]));
  }
  return medians;
}

/// One pass. Each tile sums deviations from a typical row of its own, and their squares: the shift leaves nothing to
/// cancel when mean >> deviation. Tiles are merged in double by the formula of Chan, Golub & LeVeque (1979).
template <Scalar T>
void batch_norm_statistics(View<const T, Cpu> x, double eps, View<T, Cpu> mean, View<T, Cpu> inverse_deviation,
                           View<T, Cpu> unbiased_variance) {
  const Index channels = x.shape().channels();
  const Index rows = x.size() / channels;
  ColumnSums<T> sums(rows, channels);
  const T* shifts = tile_medians(x.data(), sums, channels);
  const Index ahead = sums.fetch_distance();
  sums.add_up([&](Index tile, Index c, auto lanes) __attribute__((always_inline)) {
    const T* values = x.data() + c;
    const simd::Vector<T> shift = lanes.load(shifts + tile * channels + c);
    return [=](Index position) __attribute__((always_inline)) {
      __builtin_prefetch(values + position + ahead, 0, 2);  // into the second-level cache
      const simd::Vector<T> deviation = lanes.load(values + position) - shift;
      return std::pair(deviation, deviation);
    };
  });
  std::vector<double> centers(static_cast<std::size_t>(channels));
  std::vector<double> squares(static_cast<std::size_t>(channels));
  for (Index tile = 0; tile < sums.tiles(); ++tile) {
    const auto before = static_cast<double>(sums.first_row(tile));
    const auto count = static_cast<double>(sums.rows_of(tile));
    const double one_of = 1 / count;
    const double share = count / (before + count);
    const double* sum = sums.sums(tile);
    const double* square = sums.products(tile);
    const T* shift = shifts + tile * channels;
    double* __restrict center = centers.data();
    double* __restrict total = squares.data();
    for (Index c = 0; c < channels; ++c) {
      const double offset = sum[c] * one_of;
      const double distance = static_cast<double>(shift[c]) + offset - center[c];
      total[c] += std::max(0.0, square[c] - offset * sum[c]) + distance * distance * before * share;
      center[c] += distance * share;
    }
  }
  for (Index c = 0; c < channels; ++c) {
    const double square = squares[static_cast<std::size_t>(c)];
    mean[c] = static_cast<T>(centers[static_cast<std::size_t>(c)]);
    inverse_deviation[c] = static_cast<T>(1.0 / std::sqrt(square / static_cast<double>(rows) + eps));
    unbiased_variance[c] = static_cast<T>(square / static_cast<double>(rows - 1));
  }
}

template <Scalar T>
void inverse_deviation(View<const T, Cpu> variance, double eps, View<T, Cpu> result) {
  for (Index c = 0; c < variance.size(); ++c)
    result[c] = static_cast<T>(1.0 / std::sqrt(static_cast<double>(variance[c]) + eps));
}

template <Scalar T>
void batch_norm_apply(View<const T, Cpu> x, View<const T, Cpu> mean, View<const T, Cpu> inverse_deviation,
                      View<const T, Cpu> weight, View<const T, Cpu> bias, View<T, Cpu> y) {
  const Index channels = x.shape().channels();
  if (x.empty()) return;
  std::vector<T> scales(static_cast<std::size_t>(channels));
  for (Index c = 0; c < channels; ++c) scales[static_cast<std::size_t>(c)] = inverse_deviation[c] * weight[c];
  parallel_ranges(x.size() / channels, rows_grain(channels), [&](Index begin, Index end) {
    const T* __restrict center = mean.data();
    const T* __restrict scale = scales.data();
    const T* __restrict shift = bias.data();
    for (Index row = begin; row < end; ++row) {
      const T* __restrict source = x.data() + row * channels;
      T* __restrict result = y.data() + row * channels;
      // The mean first: folding it into the shift would cancel digits when mean >> deviation.
      for (Index c = 0; c < channels; ++c) result[c] = (source[c] - center[c]) * scale[c] + shift[c];
    }
  });
}

/// Sums over rows of dy, and of dy times the normalised x: the gradients of bias and weight.
template <Scalar T>
void batch_norm_gradient_sums(const BatchNormGradients<T, Cpu>& a, std::vector<double>& dy_sum,
                              std::vector<double>& dy_x_sum) {
  const Index channels = a.x.shape().channels();
  ColumnSums<T> sums(a.x.size() / channels, channels);
  const Index ahead = sums.fetch_distance();
  sums.add_up([&](Index /*tile*/, Index c, auto lanes) __attribute__((always_inline)) {
    const T* values = a.x.data() + c;
    const T* gradients = a.dy.data() + c;
    const simd::Vector<T> center = lanes.load(a.mean.data() + c);
    return [=](Index position) __attribute__((always_inline)) {
      __builtin_prefetch(values + position + ahead, 0, 2);  // into the second-level cache
      __builtin_prefetch(gradients + position + ahead, 0, 2);
      return std::pair(lanes.load(gradients + position), lanes.load(values + position) - center);
    };
  });
  dy_sum.assign(static_cast<std::size_t>(channels), 0.0);
  dy_x_sum.assign(static_cast<std::size_t>(channels), 0.0);
  for (Index tile = 0; tile < sums.tiles(); ++tile)
    for (Index c = 0; c < channels; ++c) {
      dy_sum[static_cast<std::size_t>(c)] += sums.sums(tile)[c];
      dy_x_sum[static_cast<std::size_t>(c)] += sums.products(tile)[c];
    }
  for (Index c = 0; c < channels; ++c)
    dy_x_sum[static_cast<std::size_t>(c)] *= static_cast<double>(a.inverse_deviation[c]);
}

/// With n rows and z = (x - mean) / deviation: dx = weight / deviation * (dy - sum(dy) / n - z * sum(dy z) / n);
/// without the two sums if the statistics were not the batch's. Written as dy * scale - (x - mean) * slope - shift.
template <Scalar T>
void batch_norm_backward(const BatchNormGradients<T, Cpu>& a) {
  const Index channels = a.x.shape().channels();
  std::vector<double> dy_sum(static_cast<std::size_t>(channels));
  std::vector<double> dy_x_sum(static_cast<std::size_t>(channels));
  const bool parameters = a.dweight.data() != nullptr;
  if (!a.x.empty() && (parameters || a.batch_statistics)) batch_norm_gradient_sums(a, dy_sum, dy_x_sum);
  if (parameters)
    for (Index c = 0; c < channels; ++c) {
      a.dbias[c] = static_cast<T>(dy_sum[static_cast<std::size_t>(c)]);
      a.dweight[c] = static_cast<T>(dy_x_sum[static_cast<std::size_t>(c)]);
    }
  if (a.dx.data() == nullptr || a.x.empty()) return;

  const Index rows = a.x.size() / channels;
  const double share = a.batch_statistics ? 1.0 / static_cast<double>(rows) : 0.0;
  std::vector<T> scales(static_cast<std::size_t>(channels));
  std::vector<T> slopes(scales.size());
  std::vector<T> shifts(scales.size());
  for (std::size_t c = 0; c < scales.size(); ++c) {
    const auto inverse = static_cast<double>(a.inverse_deviation[static_cast<Index>(c)]);
    const double factor = static_cast<double>(a.weight[static_cast<Index>(c)]) * inverse;
    scales[c] = static_cast<T>(factor);
    slopes[c] = static_cast<T>(factor * inverse * dy_x_sum[c] * share);
    shifts[c] = static_cast<T>(factor * dy_sum[c] * share);
  }
  parallel_ranges(rows, rows_grain(channels), [&](Index begin, Index end) {
    const T* __restrict center = a.mean.data();
    const T* __restrict scale = scales.data();
    const T* __restrict slope = slopes.data();
    const T* __restrict shift = shifts.data();
    for (Index row = begin; row < end; ++row) {
      const T* __restrict values = a.x.data() + row * channels;
      const T* __restrict gradients = a.dy.data() + row * channels;
      T* __restrict result = a.dx.data() + row * channels;
      for (Index c = 0; c < channels; ++c)
        result[c] = gradients[c] * scale[c] - (values[c] - center[c]) * slope[c] - shift[c];
    }
  });
}

template <Scalar T>
void move_towards(View<const T, Cpu> target, double fraction, View<T, Cpu> value) {
  for (Index i = 0; i < value.size(); ++i)
    value[i] =
        static_cast<T>((1.0 - fraction) * static_cast<double>(value[i]) + fraction * static_cast<double>(target[i]));
}

}  // namespace fusiform::kernels
