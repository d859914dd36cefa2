#include <fusiform/ops/adam_update.hpp>

#include "adam_update.cuh"

namespace fusiform::kernels {

template <Scalar T>
void adam_update(View<const T, Cuda> gradient, const AdamSettings& settings, View<T, Cuda> mean, View<T, Cuda> square,
                 View<T, Cuda> value) {
  with_width<T>({gradient.data(), mean.data(), square.data(), value.data()}, [&]<int N>() {
    launch(adam_update_kernel<N, T>, over_elements(value.size(), text("adam ", value.shape()), N), gradient.data(),
           AdamStep<T>(settings), value.size(), mean.data(), square.data(), value.data());
  });
}

template void adam_update(View<const float, Cuda>, const AdamSettings&, View<float, Cuda>, View<float, Cuda>,
                          View<float, Cuda>);

}  // namespace fusiform::kernels
