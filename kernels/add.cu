#include <fusiform/ops/add.hpp>

#include "add.cuh"

namespace fusiform::kernels {

template <Scalar T>
void add(View<const T, Cuda> a, View<const T, Cuda> b, View<T, Cuda> y) {
  with_width<T>({a.data(), b.data(), y.data()}, [&]<int N>() {
    launch(add_kernel<N, T>, over_elements(y.size(), text("add ", y.shape()), N), a.data(), b.data(), y.size(),
           y.data());
  });
}

template void add(View<const float, Cuda>, View<const float, Cuda>, View<float, Cuda>);
template void add(View<const bfloat16, Cuda>, View<const bfloat16, Cuda>, View<bfloat16, Cuda>);

}  // namespace fusiform::kernels
