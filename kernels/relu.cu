#include <fusiform/ops/relu.hpp>

#include "relu.cuh"

namespace fusiform::kernels {

template <Scalar T>
void relu_forward(View<const T, Cuda> x, View<T, Cuda> y) {
  with_width<T>({x.data(), y.data()}, [&]<int N>() {
    launch(relu_forward_kernel<N, T>, over_elements(x.size(), text("relu ", x.shape()), N), x.data(), x.size(),
           y.data());
  });
}

template <Scalar T>
void relu_backward(View<const T, Cuda> y, View<const T, Cuda> dy, View<T, Cuda> dx) {
  with_width<T>({y.data(), dy.data(), dx.data()}, [&]<int N>() {
    launch(relu_backward_kernel<N, T>, over_elements(y.size(), text("relu gradient ", y.shape()), N), y.data(),
           dy.data(), y.size(), dx.data());
  });
}

template void relu_forward(View<const float, Cuda>, View<float, Cuda>);
template void relu_forward(View<const bfloat16, Cuda>, View<bfloat16, Cuda>);
template void relu_backward(View<const float, Cuda>, View<const float, Cuda>, View<float, Cuda>);
template void relu_backward(View<const bfloat16, Cuda>, View<const bfloat16, Cuda>, View<bfloat16, Cuda>);

}  // namespace fusiform::kernels
