#include <fusiform/ops/sgd_update.hpp>

#include "sgd_update.cuh"

namespace fusiform::kernels {

template <Scalar T>
void sgd_update(View<const T, Cuda> gradient, const SgdSettings& settings, View<T, Cuda> velocity,
                View<T, Cuda> value) {
  with_width<T>({gradient.data(), velocity.data(), value.data()}, [&]<int N>() {
    launch(sgd_update_kernel<N, T>, over_elements(value.size(), text("sgd ", value.shape()), N), gradient.data(),
           SgdStep<T>(settings), value.size(), velocity.data(), value.data());
  });
}

template void sgd_update(View<const float, Cuda>, const SgdSettings&, View<float, Cuda>, View<float, Cuda>);

}  // namespace fusiform::kernels
