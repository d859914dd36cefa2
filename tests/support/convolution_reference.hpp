#pragma once
/// The definition of the convolution, in double and in scatter form: every pair of an input pixel and a filter tap
/// looks for the output that it contributes to. (The kernels gather.)

#include <fusiform/ops/conv2d_shape.hpp>

#include "tests/support/tensors.hpp"

namespace fusiform::test {

struct ConvolutionReference {
  Tensor<double, Cpu> y;
  Tensor<double, Cpu> dx;
  Tensor<double, Cpu> dw;
  Tensor<double, Cpu> db;
};

/// `y` of the forward pass, and the gradients of <y, dy>.
[[nodiscard]] inline ConvolutionReference convolution_reference(const Tensor<double, Cpu>& x,
                                                                const Tensor<double, Cpu>& weight,
                                                                const Tensor<double, Cpu>& bias,
                                                                const Tensor<double, Cpu>& dy,
                                                                const Conv2dOptions& options) {
  const Shape xs = x.shape();
  const Shape ws = weight.shape();
  const Shape ys = dy.shape();
  const Index outputs = ws[0];
  ConvolutionReference result{Tensor<double, Cpu>(ys), Tensor<double, Cpu>(xs), Tensor<double, Cpu>(ws),
                              Tensor<double, Cpu>(Shape{outputs})};
  for (Index i = 0; i < result.y.size(); ++i) {
    result.y[i] = bias[i % outputs];
    result.db[i % outputs] += dy[i];
  }
  const auto output_of = [&](Index position, Index tap, Index size) {
    const Index distance = position + options.padding - tap;
    const bool reached = distance >= 0 && distance % options.stride == 0 && distance / options.stride < size;
    return reached ? distance / options.stride : Index{-1};
  };
  for (Index i = 0; i < x.size(); ++i) {
    const Index c = i % xs[3];
    const Index n = i / (xs[3] * xs[2] * xs[1]);
    for (Index tap = 0; tap < ws[1] * ws[2]; ++tap) {
      const Index row = output_of(i / (xs[3] * xs[2]) % xs[1], tap / ws[2], ys[1]);
      const Index column = output_of(i / xs[3] % xs[2], tap % ws[2], ys[2]);
      if (row < 0 || column < 0) continue;
      for (Index o = 0; o < outputs; ++o) {
        const Index w_at = (o * ws[1] * ws[2] + tap) * ws[3] + c;
        const Index y_at = ((n * ys[1] + row) * ys[2] + column) * outputs + o;
        result.y[y_at] += x[i] * weight[w_at];
        result.dx[i] += dy[y_at] * weight[w_at];
        result.dw[w_at] += dy[y_at] * x[i];
      }
    }
  }
  return result;
}

}  // namespace fusiform::test
