#include <fusiform/ops/accumulate.hpp>

#include "accumulate.cuh"

namespace fusiform::kernels {

template <Scalar T>
void accumulate(View<const T, Cuda> x, View<T, Cuda> y) {
  with_width<T>({x.data(), y.data()}, [&]<int N>() {
    launch(accumulate_kernel<N, T>, over_elements(y.size(), text("accumulate ", y.shape()), N), x.data(), y.size(),
           y.data());
  });
}

template void accumulate(View<const float, Cuda>, View<float, Cuda>);
template void accumulate(View<const bfloat16, Cuda>, View<bfloat16, Cuda>);

}  // namespace fusiform::kernels
