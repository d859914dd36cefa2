#include <fusiform/ops/fill.hpp>

#include "fill.cuh"

namespace fusiform::kernels {

template <Scalar T>
void fill(T value, View<T, Cuda> y) {
  with_width<T>({y.data()}, [&]<int N>() {
    launch(fill_kernel<N, T>, over_elements(y.size(), text("fill ", y.shape()), N), value, y.size(), y.data());
  });
}

template void fill(float, View<float, Cuda>);
template void fill(bfloat16, View<bfloat16, Cuda>);

}  // namespace fusiform::kernels
