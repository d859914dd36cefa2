#include "bias_gradient.cuh"
#include "conv2d_mma.cuh"
#include "conv2d_mma_engine.cuh"

namespace fusiform::kernels {

namespace {

using Engine = MmaEngine<bfloat16>;
constexpr const char* what = "bf16 convolution";

[[nodiscard]] Shape input_of(const Conv2dProblem& p) { return {p.images, p.height, p.width, p.in_channels}; }
[[nodiscard]] Shape filters_of(const Conv2dProblem& p) {
  return {p.out_channels, p.kernel_h, p.kernel_w, p.in_channels};
}
[[nodiscard]] Shape output_of(const Conv2dProblem& p) {
  return {p.images, p.out_height(), p.out_width(), p.out_channels};
}
[[nodiscard]] Shape pooled_output_of(const Conv2dProblem& p) {
  return {p.images, p.out_height() / 2, p.out_width() / 2, p.out_channels};
}

}  // namespace

void conv2d_forward_mma(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> weight, View<const float, Cuda> bias,
                        const Conv2dOptions& options, View<bfloat16, Cuda> y) {
  require_mma(what, usable_device_code());
  conv2d_forward_by<Engine>(x, weight, bias, options, y);
}

void conv2d_max_pool2d_forward_mma(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> weight,
                                   View<const float, Cuda> bias, const Conv2dOptions& options,
                                   const Conv2dMaxPool& max_pool, View<bfloat16, Cuda> y) {
  require_mma(what, usable_device_code());
  conv2d_max_pool2d_forward_by<Engine>(x, weight, bias, options, max_pool, y);
}

void conv2d_backward_input_mma(View<const bfloat16, Cuda> dy, View<const bfloat16, Cuda> weight,
                               const Conv2dOptions& options, View<const bfloat16, Cuda> relu_output,
                               View<bfloat16, Cuda> dx) {
  require_mma(what, usable_device_code());
  conv2d_backward_input_by<Engine>(dy, weight, options, relu_output, dx);
}

void conv2d_backward_weight_mma(View<const bfloat16, Cuda> x, View<const bfloat16, Cuda> dy,
                                const Conv2dOptions& options, View<float, Cuda> dw) {
  require_mma(what, usable_device_code());
  conv2d_backward_weight_by<Engine>(x, dy, options, dw);
}

void conv2d_backward_bias_mma(View<const bfloat16, Cuda> dy, View<float, Cuda> db) {
  const Index columns = db.size();
  bias_gradient(dy.data(), columns == 0 ? 0 : dy.size() / columns, columns, db.data(),
                text("conv2d bias gradient ", dy.shape()));
}

void conv2d_bfloat16_mma(const Conv2dProblem& p, const Bfloat16Forward& pass) {
  const View<const bfloat16, Cuda> x(pass.x, input_of(p)), weight(pass.weight, filters_of(p));
  const View<const float, Cuda> bias(pass.bias, {p.out_channels});
  const Conv2dOptions options{.stride = p.stride, .padding = p.padding, .relu = pass.relu};
  if (pass.max_pool.wanted)
    conv2d_max_pool2d_forward_mma(x, weight, bias, options, pass.max_pool, {pass.y, pooled_output_of(p)});
  else
    conv2d_forward_mma(x, weight, bias, options, {pass.y, output_of(p)});
}

void conv2d_bfloat16_mma(const Conv2dProblem& p, const Bfloat16BackwardInput& pass) {
  conv2d_backward_input_mma({pass.dy, output_of(p)}, {pass.weight, filters_of(p)},
                            {.stride = p.stride, .padding = p.padding}, {pass.relu_output, input_of(p)},
                            {pass.dx, input_of(p)});
}

void conv2d_bfloat16_mma(const Conv2dProblem& p, const Bfloat16BackwardParameters& pass) {
  conv2d_backward_weight_mma({pass.x, input_of(p)}, {pass.dy, output_of(p)}, {.stride = p.stride, .padding = p.padding},
                             {pass.dw, filters_of(p)});
  if (pass.db != nullptr) conv2d_backward_bias_mma({pass.dy, output_of(p)}, {pass.db, {p.out_channels}});
}

}  // namespace fusiform::kernels
