#include <fusiform/ops/max_pool2d.hpp>

#include "max_pool2d.cuh"

namespace fusiform::kernels {

namespace {

/// Calls run.operator()<Kernel>() with the windows that have a kernel of their own, or 0.
template <class Run>
void with_kernel(Index kernel, const Run& run) {
  if (kernel == 2) return run.template operator()<2>();
  if (kernel == 3) return run.template operator()<3>();
  run.template operator()<0>();
}

}  // namespace

template <Scalar T>
void max_pool2d_forward(View<const T, Cuda> x, const PoolWindow& window, bool after_relu, View<T, Cuda> y,
                        View<std::int32_t, Cuda> positions) {
  for_each_part(x.shape()[0], x.shape().without_batch().size(), [&](Index first, Index images) {
    const auto in = x.batch_range(first, images);
    const auto out = y.batch_range(first, images);
    std::int32_t* places = positions.data() == nullptr ? nullptr : positions.batch_range(first, images).data();
    with_width<T>({in.data(), out.data(), places}, x.shape()[3], [&]<int N>() {
      const PoolGeometry pool(in.shape(), out.shape(), window, N);
      const LaunchShape shape = over_elements(pool.out_groups, text("max_pool2d ", in.shape()), 1);
      with_kernel(window.kernel, [&]<int Kernel>() {
        if (places == nullptr)
          launch(max_pool2d_forward_kernel<Kernel, false, N, T>, shape, in.data(), pool, after_relu, out.data(),
                 places);
        else
          launch(max_pool2d_forward_kernel<Kernel, true, N, T>, shape, in.data(), pool, after_relu, out.data(), places);
      });
    });
  });
}

template <Scalar T>
void max_pool2d_backward(View<const T, Cuda> dy, View<const std::int32_t, Cuda> positions, const PoolWindow& window,
                         View<T, Cuda> dx) {
  for_each_part(dx.shape()[0], dx.shape().without_batch().size(), [&](Index first, Index images) {
    const auto in = dx.batch_range(first, images);
    const auto out = dy.batch_range(first, images);
    const auto places = positions.batch_range(first, images);
    with_width<T>({in.data(), out.data(), places.data()}, dx.shape()[3], [&]<int N>() {
      const PoolGeometry pool(in.shape(), out.shape(), window, N);
      launch(max_pool2d_backward_kernel<N, T>,
             over_elements(pool.in_groups, text("max_pool2d gradient ", in.shape()), 1), out.data(), places.data(),
             pool, in.data());
    });
  });
}

#define FUSIFORM_MAX_POOL2D(T)                                                                              \
  template void max_pool2d_forward(View<const T, Cuda>, const PoolWindow&, bool, View<T, Cuda>,             \
                                   View<std::int32_t, Cuda>);                                               \
  template void max_pool2d_backward(View<const T, Cuda>, View<const std::int32_t, Cuda>, const PoolWindow&, \
                                    View<T, Cuda>);
FUSIFORM_MAX_POOL2D(float)
FUSIFORM_MAX_POOL2D(bfloat16)
#undef FUSIFORM_MAX_POOL2D

}  // namespace fusiform::kernels
