#include <fusiform/ops/softmax_cross_entropy.hpp>

#include "softmax_cross_entropy.cuh"

namespace fusiform::kernels {

namespace {

[[nodiscard]] LaunchShape softmax_shape(const Shape& logits, std::string_view what) {
  return {.grid = {unsigned(std::min<Index>(logits[0], Index{16} * multiprocessor_count())), 1, 1},
          .block = {softmax_threads, 1, 1},
          .shared_bytes = sizeof(SoftmaxShared),
          .stream = current_stream(),
          .what = text(what, " ", logits)};
}

}  // namespace

template <Scalar T>
void softmax_cross_entropy(View<const T, Cuda> logits, View<const Index, Cuda> labels, View<Master<T>, Cuda> losses) {
  if (losses.empty()) return;
  launch(softmax_cross_entropy_kernel<0, T>, softmax_shape(logits.shape(), "softmax_cross_entropy"), logits.data(),
         labels.data(), logits.shape()[0], logits.shape()[1], losses.data());
}

template <Scalar T>
void softmax_cross_entropy_gradient(View<const T, Cuda> logits, View<const Index, Cuda> labels, double weight,
                                    View<T, Cuda> dlogits) {
  if (dlogits.empty()) return;
  launch(softmax_cross_entropy_gradient_kernel<0, T>, softmax_shape(logits.shape(), "softmax_cross_entropy gradient"),
         logits.data(), labels.data(), logits.shape()[0], logits.shape()[1], weight, dlogits.data());
}

#define FUSIFORM_SOFTMAX(T)                                                                                 \
  template void softmax_cross_entropy(View<const T, Cuda>, View<const Index, Cuda>, View<Master<T>, Cuda>); \
  template void softmax_cross_entropy_gradient(View<const T, Cuda>, View<const Index, Cuda>, double, View<T, Cuda>);
FUSIFORM_SOFTMAX(float)
FUSIFORM_SOFTMAX(bfloat16)
#undef FUSIFORM_SOFTMAX

}  // namespace fusiform::kernels
