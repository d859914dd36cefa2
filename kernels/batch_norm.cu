#include <fusiform/ops/batch_norm.hpp>

#include "batch_norm.cuh"

namespace fusiform::kernels {

namespace {

template <class T>
[[nodiscard]] Index row_count(const View<T, Cuda>& x) {
  return x.empty() ? 0 : x.size() / x.shape().channels();
}

}  // namespace

template <Scalar T>
void batch_norm_statistics(View<const T, Cuda> x, double eps, View<Master<T>, Cuda> mean,
                           View<Master<T>, Cuda> inverse_deviation, View<Master<T>, Cuda> unbiased_variance) {
  const Index rows = row_count(x), channels = x.shape().channels();
  const std::string what = text("batch_norm statistics ", x.shape());
  with_width<T>({x.data()}, channels, [&]<int N>() {
    const ColumnLayout layout(rows, channels, N);
    const Storage<double, Cuda> scratch(layout.parts() * 2 * channels);
    const PartSums parts{scratch.data(), layout.channels};
    using Terms = DeviationTerms<N, T>;
    const Terms terms{.x = x.data(), .rows = rows, .channels = layout.channels, .shift = {}};
    launch(column_sums_kernel<N, Terms, PartSums>, layout.shape(layout.parts(), what, column_sums_bytes<N, Terms>),
           terms, layout, layout.part_rows(), parts);
    finish_column_sums(parts, layout.parts(),
                       FinishStatistics<T>{.x = x.data(),
                                           .rows = rows,
                                           .channels = layout.channels,
                                           .eps = eps,
                                           .mean = mean.data(),
                                           .inverse_deviation = inverse_deviation.data(),
                                           .unbiased_variance = unbiased_variance.data()},
                       what);
  });
}

template <Scalar T>
void inverse_deviation(View<const T, Cuda> variance, double eps, View<T, Cuda> result) {
  launch(inverse_deviation_kernel<0, T>, over_elements(result.size(), text("inverse_deviation ", result.shape())),
         variance.data(), eps, result.size(), result.data());
}

template <Scalar T>
void batch_norm_apply(View<const T, Cuda> x, View<const Master<T>, Cuda> mean,
                      View<const Master<T>, Cuda> inverse_deviation, View<const Master<T>, Cuda> weight,
                      View<const Master<T>, Cuda> bias, View<T, Cuda> y) {
  if (x.empty()) return;
  with_width<T>({x.data(), mean.data(), inverse_deviation.data(), weight.data(), bias.data(), y.data()},
                x.shape().channels(), [&]<int N>() {
                  const ColumnLayout layout(row_count(x), x.shape().channels(), N);
                  launch(batch_norm_apply_kernel<N, T>, layout.striding_shape(text("batch_norm ", x.shape())), x.data(),
                         layout, mean.data(), inverse_deviation.data(), weight.data(), bias.data(), y.data());
                });
}

template <Scalar T>
void batch_norm_backward(const BatchNormGradients<T, Cuda>& a) {
  const Index rows = row_count(a.x), channels = a.x.shape().channels();
  const bool want_dx = a.dx.data() != nullptr && rows > 0;
  const bool want_sums = rows > 0 && (a.dweight.data() != nullptr || a.batch_statistics);
  if (channels == 0 || (!want_dx && a.dweight.data() == nullptr)) return;
  const std::string what = text("batch_norm gradient ", a.x.shape());
  with_width<T>({a.x.data(), a.dy.data(), a.mean.data(), a.dx.data()}, channels, [&]<int N>() {
    const ColumnLayout layout(rows, channels, N);
    const Index part_count = want_sums ? layout.parts() : 0;
    const Storage<double, Cuda> scratch(part_count * 2 * channels);
    const Index line = (channels + 3) / 4 * 4;  // so that each begins at a multiple of 16 bytes
    const Storage<Master<T>, Cuda> coefficients(3 * line);
    const PartSums parts{scratch.data(), layout.channels};
    if (want_sums) {
      using Terms = GradientTerms<N, T>;
      const Terms terms{.x = a.x.data(), .dy = a.dy.data(), .mean = a.mean.data(), .center = {}};
      launch(column_sums_kernel<N, Terms, PartSums>, layout.shape(part_count, what, column_sums_bytes<N, Terms>), terms,
             layout, layout.part_rows(), parts);
    }
    Master<T>* scale = want_dx ? coefficients.data() : nullptr;
    Master<T>* slope = want_dx ? scale + line : nullptr;
    Master<T>* shift = want_dx ? slope + line : nullptr;
    finish_column_sums(parts, part_count,
                       FinishGradients<Master<T>>{.inverse_deviation = a.inverse_deviation.data(),
                                                  .weight = a.weight.data(),
                                                  .share = a.batch_statistics && rows > 0 ? 1.0 / double(rows) : 0.0,
                                                  .dweight = a.dweight.data(),
                                                  .dbias = a.dbias.data(),
                                                  .scale = scale,
                                                  .slope = slope,
                                                  .shift = shift},
                       what);
    if (want_dx)
      launch(batch_norm_backward_kernel<N, T>, layout.striding_shape(what), a.x.data(), a.dy.data(), layout,
             a.mean.data(), scale, slope, shift, a.dx.data());
  });
}

template <Scalar T>
void move_towards(View<const T, Cuda> target, double fraction, View<T, Cuda> value) {
  launch(move_towards_kernel<0, T>, over_elements(value.size(), text("move_towards ", value.shape())), target.data(),
         fraction, value.size(), value.data());
}

template void inverse_deviation(View<const float, Cuda>, double, View<float, Cuda>);
template void move_towards(View<const float, Cuda>, double, View<float, Cuda>);
#define FUSIFORM_BATCH_NORM(T)                                                                              \
  template void batch_norm_statistics<T>(View<const T, Cuda>, double, View<float, Cuda>, View<float, Cuda>, \
                                         View<float, Cuda>);                                                \
  template void batch_norm_apply<T>(View<const T, Cuda>, View<const float, Cuda>, View<const float, Cuda>,  \
                                    View<const float, Cuda>, View<const float, Cuda>, View<T, Cuda>);       \
  template void batch_norm_backward<T>(const BatchNormGradients<T, Cuda>&);
FUSIFORM_BATCH_NORM(float)
FUSIFORM_BATCH_NORM(bfloat16)
#undef FUSIFORM_BATCH_NORM

}  // namespace fusiform::kernels
