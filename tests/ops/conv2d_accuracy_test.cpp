#include <algorithm>
#include <cmath>

#include <fusiform/core/random.hpp>
#include <fusiform/ops/conv2d.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// ||found - expected|| / ||expected|| (Frobenius).
double relative_error(const Tensor<double, Cpu>& expected, const Tensor<float, Cpu>& found) {
  double difference = 0;
  double norm = 0;
  for (Index i = 0; i < expected.size(); ++i) {
    difference += std::pow(static_cast<double>(found[i]) - expected[i], 2);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(difference / norm);
}

Tensor<float, Cpu> normal(const Shape& shape, double deviation, Rng rng) {
  Tensor<float, Cpu> result = random_tensor<float>(shape, rng);
  for (float& value : result.span()) value *= static_cast<float>(deviation);
  return result;
}

/// As behind a ReLU: about two thirds zeros.
Tensor<float, Cpu> activations(const Shape& shape, Rng rng) {
  Tensor<float, Cpu> result = random_tensor<float>(shape, rng);
  for (float& value : result.span()) value = std::max(0.0F, value - 0.4F);
  return result;
}

}  // namespace

TEST_CASE("the default convolution keeps its promised accuracy on a deep layer's data") {
  // A layer of VGG16's later half, with fewer outputs. The reference is the same convolution in double by the implicit
  // product, which other tests hold against the definition. Promised: 1e-5 forward and for the input, 3e-5 for the
  // weights; measured 1e-6 to 2e-6 (docs/performance.md).
  const Rng rng(7);
  const Shape x_shape{2, 28, 28, 512};
  const Shape w_shape{32, 3, 3, 512};
  for (const ConvAlgorithm algorithm :
       {ConvAlgorithm::automatic, ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4,
        ConvAlgorithm::implicit_gemm, ConvAlgorithm::direct}) {
    CAPTURE(static_cast<int>(algorithm));
    const Conv2dOptions options{.padding = 1, .algorithm = algorithm};
    const Conv2dOptions reference{.padding = 1, .algorithm = ConvAlgorithm::implicit_gemm};
    const Tensor<float, Cpu> x = activations(x_shape, rng.stream("x"));
    const Tensor<float, Cpu> w = normal(w_shape, std::sqrt(2.0 / (9 * 512)), rng.stream("w"));
    const Tensor<float, Cpu> dy = normal({2, 28, 28, 32}, 1e-3, rng.stream("dy"));
    const Tensor<double, Cpu> xd = converted<double>(x);
    const Tensor<double, Cpu> wd = converted<double>(w);
    const Tensor<double, Cpu> dyd = converted<double>(dy);

    Tensor<float, Cpu> y(dy.shape());
    Tensor<double, Cpu> yd(dy.shape());
    conv2d_forward<float, Cpu>(x, w, View<const float, Cpu>(), options, y.view());
    conv2d_forward<double, Cpu>(xd, wd, View<const double, Cpu>(), reference, yd.view());
    CHECK(relative_error(yd, y) < 1e-5);

    Tensor<float, Cpu> dx(x_shape);
    Tensor<double, Cpu> dxd(x_shape);
    conv2d_backward_input<float, Cpu>(dy, w, options, dx.view());
    conv2d_backward_input<double, Cpu>(dyd, wd, reference, dxd.view());
    CHECK(relative_error(dxd, dx) < 1e-5);

    Tensor<float, Cpu> dw(w_shape);
    Tensor<double, Cpu> dwd(w_shape);
    conv2d_backward_weight<float, Cpu>(x, dy, options, dw.view());
    conv2d_backward_weight<double, Cpu>(xd, dyd, reference, dwd.view());
    CHECK(relative_error(dwd, dw) < 3e-5);
  }
}
