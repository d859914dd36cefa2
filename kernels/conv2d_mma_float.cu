#include "conv2d_mma.cuh"
#include "conv2d_mma_engine.cuh"
#include "implicit_gemm_linear.cuh"

namespace fusiform::kernels {

namespace {
using Engine = MmaEngine<float>;
constexpr const char* what = "ConvAlgorithm::bf16x2";
}  // namespace

void conv2d_forward_bf16x2(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                           const Conv2dOptions& options, View<float, Cuda> y) {
  require_mma(what, usable_device_code());
  conv2d_forward_by<Engine>(x, weight, bias, options, y);
}

void conv2d_max_pool2d_forward_bf16x2(View<const float, Cuda> x, View<const float, Cuda> weight,
                                      View<const float, Cuda> bias, const Conv2dOptions& options,
                                      const Conv2dMaxPool& max_pool, View<float, Cuda> y) {
  require_mma(what, usable_device_code());
  conv2d_max_pool2d_forward_by<Engine>(x, weight, bias, options, max_pool, y);
}

void conv2d_backward_input_bf16x2(View<const float, Cuda> dy, View<const float, Cuda> weight,
                                  const Conv2dOptions& options, View<const float, Cuda> relu_output,
                                  View<float, Cuda> dx) {
  require_mma(what, usable_device_code());
  conv2d_backward_input_by<Engine>(dy, weight, options, relu_output, dx);
}

void conv2d_backward_weight_bf16x2(View<const float, Cuda> x, View<const float, Cuda> dy, const Conv2dOptions& options,
                                   View<float, Cuda> dw) {
  require_mma(what, usable_device_code());
  conv2d_backward_weight_by<Engine>(x, dy, options, dw);
}

void linear_forward_bf16x2(View<const float, Cuda> x, View<const float, Cuda> weight, View<const float, Cuda> bias,
                           bool relu, View<float, Cuda> y) {
  require_mma(what, usable_device_code());
  // Images of one pixel; the sum is split as that of linear_forward.
  const Index images = x.shape()[0], in = weight.shape()[1], out = weight.shape()[0];
  const auto product = forward_product(x.reshaped({images, 1, 1, in}), weight.reshaped({out, 1, 1, in}), {},
                                       {images, 1, 1, out}, y.data());
  run_product<Engine>(product, {.ranges = linear_ranges(in, out),
                                .epilogue = {bias.data(), relu},
                                .aligned = begins_aligned(x.data(), in) && begins_aligned(weight.data(), in),
                                .aligned_results = begins_aligned(y.data(), out),
                                .what = text("linear ", x.shape(), " by ", weight.shape())});
}

void linear_backward_input_bf16x2(View<const float, Cuda> dy, View<const float, Cuda> weight, View<float, Cuda> dx) {
  require_mma(what, usable_device_code());
  linear_backward_input_by<Engine>(dy, weight, dx);
}

void linear_backward_weight_bf16x2(View<const float, Cuda> x, View<const float, Cuda> dy, View<float, Cuda> dw) {
  require_mma(what, usable_device_code());
  const Index images = x.shape()[0], in = dw.shape()[1], out = dw.shape()[0];
  const auto product = weight_gradient_product(x.reshaped({images, 1, 1, in}), dy.reshaped({images, 1, 1, out}), {},
                                               {out, 1, 1, in}, dw.data());
  run_product<Engine>(product, {.ranges = weight_gradient_ranges({out, in, images}),
                                .aligned = begins_aligned(x.data(), in) && begins_aligned(dy.data(), out),
                                .aligned_results = begins_aligned(dw.data(), in),
                                .what = text("linear weight gradient ", x.shape(), " by ", dw.shape())});
}

}  // namespace fusiform::kernels
