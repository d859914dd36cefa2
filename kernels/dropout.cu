#include <fusiform/ops/dropout.hpp>

#include "dropout.cuh"

namespace fusiform::kernels {

namespace {

template <Scalar T>
void drop(View<const T, Cuda> x, double probability, const DropoutStream& stream, View<T, Cuda> y,
          View<std::int32_t, Cuda> mask) {
  const auto threshold = static_cast<std::uint64_t>(probability * 0x1p32);
  with_width<T>({x.data(), y.data()}, [&]<int N>() {
    constexpr bool in_groups = N > 1;
    launch(dropout_forward_kernel<in_groups, T>, over_elements(x.size(), text("dropout ", x.shape()), dropout_group<T>),
           x.data(), x.size(), threshold, stream, dropout_scale<Master<T>>(probability), y.data(), mask.data());
  });
}

}  // namespace

template <Scalar T>
void dropout_forward(View<const T, Cuda> x, double probability, const Rng& rng, View<T, Cuda> y,
                     View<std::int32_t, Cuda> mask) {
  drop(x, probability, {rng, nullptr}, y, mask);
}

template <Scalar T>
void dropout_forward_recorded(View<const T, Cuda> x, double probability, const Rng* stream, View<T, Cuda> y,
                              View<std::int32_t, Cuda> mask) {
  drop(x, probability, {Rng(0), stream}, y, mask);
}

template <Scalar T>
void dropout_backward(View<const T, Cuda> dy, View<const std::int32_t, Cuda> mask, double probability,
                      View<T, Cuda> dx) {
  with_width<T>({dy.data(), dx.data()}, [&]<int N>() {
    constexpr bool in_groups = N > 1;
    launch(dropout_backward_kernel<in_groups, T>,
           over_elements(dx.size(), text("dropout gradient ", dx.shape()), dropout_group<T>), dy.data(), mask.data(),
           dx.size(), dropout_scale<Master<T>>(probability), dx.data());
  });
}

#define FUSIFORM_DROPOUT(T)                                                                                        \
  template void dropout_forward_recorded(View<const T, Cuda>, double, const Rng*, View<T, Cuda>,                   \
                                         View<std::int32_t, Cuda>);                                                \
  template void dropout_forward(View<const T, Cuda>, double, const Rng&, View<T, Cuda>, View<std::int32_t, Cuda>); \
  template void dropout_backward(View<const T, Cuda>, View<const std::int32_t, Cuda>, double, View<T, Cuda>);
FUSIFORM_DROPOUT(float)
FUSIFORM_DROPOUT(bfloat16)
#undef FUSIFORM_DROPOUT

}  // namespace fusiform::kernels

void fusiform::set_dropout_stream(const Rng& rng, Rng* stream) {
  launch(kernels::set_stream_kernel<>, {.stream = kernels::current_stream(), .what = "dropout stream"}, rng, stream);
}
