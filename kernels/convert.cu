#include <fusiform/ops/convert.hpp>

#include "convert.cuh"

namespace fusiform::kernels {

template <Scalar From, Scalar To>
void convert(View<const From, Cuda> x, View<To, Cuda> y) {
  with_width<bfloat16>({x.data(), y.data()}, [&]<int N>() {
    launch(convert_kernel<N, From, To>, over_elements(y.size(), text("convert ", y.shape()), N), x.data(), y.size(),
           y.data());
  });
}

template void convert(View<const float, Cuda>, View<bfloat16, Cuda>);
template void convert(View<const bfloat16, Cuda>, View<float, Cuda>);

}  // namespace fusiform::kernels
