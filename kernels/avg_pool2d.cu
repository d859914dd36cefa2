#include <fusiform/ops/avg_pool2d.hpp>

#include "avg_pool2d.cuh"
#include "column_sums.cuh"

namespace fusiform::kernels {

namespace {

/// The elements themselves.
template <int N, class T>
struct ElementTerms {
  static constexpr bool products = false;
  using Number = Master<T>;
  const T* x;

  __device__ void start(int) {}
  __device__ void operator()(Index position, Number (&a)[N], Number (&)[N]) const { load_numbers(x + position, a); }
};

/// Every part of the rows is one image.
template <class T>
struct ImageMeans {
  T* y;
  double pixels;
  int channels;

  __device__ void operator()(Index image, int, int channel, double sum) const {
    y[image * channels + channel] = arch::stored<T>(Master<T>(sum / pixels));
  }
};

}  // namespace

template <Scalar T>
void avg_pool2d_forward(View<const T, Cuda> x, const PoolWindow& window, bool count_include_pad, View<T, Cuda> y) {
  for_each_part(x.shape()[0], x.shape().without_batch().size(), [&](Index first, Index images) {
    const auto in = x.batch_range(first, images);
    const auto out = y.batch_range(first, images);
    with_width<T>({in.data(), out.data()}, x.shape()[3], [&]<int N>() {
      const PoolGeometry pool(in.shape(), out.shape(), window, N);
      launch(avg_pool2d_forward_kernel<N, T>, over_elements(pool.out_groups, text("avg_pool2d ", in.shape()), 1),
             in.data(), pool, count_include_pad, out.data());
    });
  });
}

template <Scalar T>
void avg_pool2d_backward(View<const T, Cuda> dy, const PoolWindow& window, bool count_include_pad, View<T, Cuda> dx) {
  for_each_part(dx.shape()[0], dx.shape().without_batch().size(), [&](Index first, Index images) {
    const auto in = dx.batch_range(first, images);
    const auto out = dy.batch_range(first, images);
    with_width<T>({in.data(), out.data()}, dx.shape()[3], [&]<int N>() {
      const PoolGeometry pool(in.shape(), out.shape(), window, N);
      launch(avg_pool2d_backward_kernel<N, T>,
             over_elements(pool.in_groups, text("avg_pool2d gradient ", in.shape()), 1), out.data(), pool,
             count_include_pad, in.data());
    });
  });
}

template <Scalar T>
void global_avg_pool2d_forward(View<const T, Cuda> x, View<T, Cuda> y) {
  if (x.empty()) return;
  const Index pixels = x.shape()[1] * x.shape()[2];
  with_width<T>({x.data()}, x.shape()[3], [&]<int N>() {
    const ColumnLayout layout(x.shape()[0] * pixels, x.shape()[3], N);
    using Terms = ElementTerms<N, T>;
    launch(column_sums_kernel<N, Terms, ImageMeans<T>>,
           layout.shape(x.shape()[0], text("global_avg_pool2d ", x.shape()), column_sums_bytes<N, Terms>),
           Terms{x.data()}, layout, pixels, ImageMeans<T>{y.data(), double(pixels), layout.channels});
  });
}

template <Scalar T>
void global_avg_pool2d_backward(View<const T, Cuda> dy, View<T, Cuda> dx) {
  for_each_part(dx.shape()[0], dx.shape().without_batch().size(), [&](Index first, Index images) {
    const auto in = dx.batch_range(first, images);
    const auto out = dy.batch_range(first, images);
    const Master<T> weight = 1 / Master<T>(dx.shape()[1] * dx.shape()[2]);
    with_width<T>({in.data(), out.data()}, dx.shape()[3], [&]<int N>() {
      const PoolGeometry pool(in.shape(), out.shape(), {}, N);
      launch(global_avg_pool2d_backward_kernel<N, T>,
             over_elements(pool.in_groups, text("global_avg_pool2d gradient ", in.shape()), 1), out.data(), pool,
             weight, in.data());
    });
  });
}

#define FUSIFORM_AVG_POOL2D(T)                                                                    \
  template void avg_pool2d_forward(View<const T, Cuda>, const PoolWindow&, bool, View<T, Cuda>);  \
  template void avg_pool2d_backward(View<const T, Cuda>, const PoolWindow&, bool, View<T, Cuda>); \
  template void global_avg_pool2d_forward(View<const T, Cuda>, View<T, Cuda>);                    \
  template void global_avg_pool2d_backward(View<const T, Cuda>, View<T, Cuda>);
FUSIFORM_AVG_POOL2D(float)
FUSIFORM_AVG_POOL2D(bfloat16)
#undef FUSIFORM_AVG_POOL2D

}  // namespace fusiform::kernels
