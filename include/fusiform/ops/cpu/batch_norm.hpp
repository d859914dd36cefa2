#pragma once

#include <cmath>
#include <vector>

#include <fusiform/core/view.hpp>
#include <fusiform/ops/batch_norm_gradients.hpp>
#include <fusiform/ops/cpu/column_tiles.hpp>
#include <fusiform/ops/cpu/grain.hpp>

namespace fusiform::kernels {

/// Each tile finds its own mean and squared deviations in two passes over cached memory; tiles are merged by the
/// formula of Chan, Golub & LeVeque (1979). One pass over main memory, and no cancellation when mean >> deviation.
template <Scalar T>
void batch_norm_statistics(View<const T, Cpu> x, double eps, View<T, Cpu> mean, View<T, Cpu> inverse_deviation,
                           View<T, Cpu> unbiased_variance) {
  const Index channels = x.shape().channels();
  const ColumnTiles tiles(x.size() / channels, channels);
  const auto partials = static_cast<std::size_t>(tiles.row_tiles() * channels);
  std::vector<double> means(partials);
  std::vector<double> squares(partials);
  tiles.for_each([&](Index tile, Index first_row, Index end_row, Index first, Index count) {
    TileSums sum{};
    for (Index row = first_row; row < end_row; ++row) {
      const T* __restrict values = x.data() + row * channels + first;
      for (Index c = 0; c < count; ++c) sum[static_cast<std::size_t>(c)] += static_cast<double>(values[c]);
    }
    for (double& value : sum) value /= static_cast<double>(end_row - first_row);
    TileSums square{};
    for (Index row = first_row; row < end_row; ++row) {
      const T* __restrict values = x.data() + row * channels + first;
      for (Index c = 0; c < count; ++c) {
        const double deviation = static_cast<double>(values[c]) - sum[static_cast<std::size_t>(c)];
        square[static_cast<std::size_t>(c)] += deviation * deviation;
      }
    }
    std::copy_n(sum.data(), count, means.data() + tile * channels + first);
    std::copy_n(square.data(), count, squares.data() + tile * channels + first);
  });
  const auto total = static_cast<double>(tiles.rows);
  for (Index c = 0; c < channels; ++c) {
    double count = 0;
    double center = 0;
    double square = 0;
    for (Index tile = 0; tile < tiles.row_tiles(); ++tile) {
      const auto at = static_cast<std::size_t>(tile * channels + c);
      const auto more = static_cast<double>(std::min(tiles.tile_rows, tiles.rows - tile * tiles.tile_rows));
      const double distance = means[at] - center;
      square += squares[at] + distance * distance * count * more / (count + more);
      center += distance * more / (count + more);
      count += more;
    }
    mean[c] = static_cast<T>(center);
    inverse_deviation[c] = static_cast<T>(1.0 / std::sqrt(square / total + eps));
    unbiased_variance[c] = static_cast<T>(square / (total - 1));
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
  const ColumnTiles tiles(a.x.size() / channels, channels);
  std::vector<double> partial_dy(static_cast<std::size_t>(tiles.row_tiles() * channels));
  std::vector<double> partial_dy_x(partial_dy.size());
  tiles.for_each([&](Index tile, Index first_row, Index end_row, Index first, Index count) {
    TileSums sum{};
    TileSums product{};
    const T* __restrict center = a.mean.data() + first;
    for (Index row = first_row; row < end_row; ++row) {
      const T* __restrict values = a.x.data() + row * channels + first;
      const T* __restrict gradients = a.dy.data() + row * channels + first;
      for (Index c = 0; c < count; ++c) {
        const auto gradient = static_cast<double>(gradients[c]);
        sum[static_cast<std::size_t>(c)] += gradient;
        product[static_cast<std::size_t>(c)] += gradient * static_cast<double>(values[c] - center[c]);
      }
    }
    std::copy_n(sum.data(), count, partial_dy.data() + tile * channels + first);
    std::copy_n(product.data(), count, partial_dy_x.data() + tile * channels + first);
  });
  dy_sum.assign(static_cast<std::size_t>(channels), 0.0);
  dy_x_sum.assign(static_cast<std::size_t>(channels), 0.0);
  for (Index tile = 0; tile < tiles.row_tiles(); ++tile)
    for (Index c = 0; c < channels; ++c) {
      const auto at = static_cast<std::size_t>(tile * channels + c);
      dy_sum[static_cast<std::size_t>(c)] += partial_dy[at];
      dy_x_sum[static_cast<std::size_t>(c)] += partial_dy_x[at];
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
