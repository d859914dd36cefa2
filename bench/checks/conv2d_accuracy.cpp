/// Prints how far the results of each convolution algorithm in single precision are from the same convolution in
/// double: ||found - expected|| / ||expected|| (Frobenius) on VGG16's layers, for inputs as behind a ReLU (about two
/// thirds zeros), weights at the scale of a trained layer and normal output gradients. No timing.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include <fusiform/core/random.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/conv2d.hpp>

namespace {

using namespace fusiform;

struct Case {
  const char* name;
  Index in, out, size;
};

template <class T>
struct Results {
  Tensor<T, Cpu> y, dx, dw;
};

/// The same numbers in either precision: they are drawn as floats.
template <class T>
Tensor<T, Cpu> normal(const Shape& shape, double deviation, double threshold, Rng rng) {
  Tensor<T, Cpu> result(shape);
  for (T& value : result.span()) value = static_cast<T>(static_cast<float>(deviation * rng.normal()));
  if (threshold > 0)
    for (T& value : result.span()) value = std::max(T{}, static_cast<T>(value - static_cast<float>(threshold)));
  return result;
}

template <class T>
Results<T> results_of(const Case& c, ConvAlgorithm algorithm) {
  const Conv2dOptions options{.padding = 1, .algorithm = algorithm};
  const Rng rng(1);
  const Tensor<T, Cpu> x = normal<T>({8, c.size, c.size, c.in}, 1, 0.375, rng.stream("x"));
  const Tensor<T, Cpu> w =
      normal<T>({c.out, 3, 3, c.in}, std::sqrt(2.0 / static_cast<double>(9 * c.in)), 0, rng.stream("w"));
  const Tensor<T, Cpu> dy = normal<T>({8, c.size, c.size, c.out}, 1, 0, rng.stream("dy"));
  Results<T> r{Tensor<T, Cpu>(dy.shape()), Tensor<T, Cpu>(x.shape()), Tensor<T, Cpu>(w.shape())};
  conv2d_forward<T, Cpu>(x, w, View<const T, Cpu>(), options, r.y.view());
  conv2d_backward_input<T, Cpu>(dy, w, options, r.dx.view());
  conv2d_backward_weight<T, Cpu>(x, dy, options, r.dw.view());
  return r;
}

double relative_error(const Tensor<double, Cpu>& expected, const Tensor<float, Cpu>& found) {
  double difference = 0;
  double norm = 0;
  for (Index i = 0; i < expected.size(); ++i) {
    const double d = static_cast<double>(found[i]) - expected[i];
    difference += d * d;
    norm += expected[i] * expected[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace

int main() {
  constexpr std::array<Case, 7> cases{{{"vgg16.conv1_1", 3, 64, 224},
                                       {"vgg16.conv1_2", 64, 64, 224},
                                       {"vgg16.conv2_2", 128, 128, 112},
                                       {"vgg16.conv3_2", 256, 256, 56},
                                       {"vgg16.conv4_1", 256, 512, 28},
                                       {"vgg16.conv4_2", 512, 512, 28},
                                       {"vgg16.conv5_1", 512, 512, 14}}};
  constexpr std::array<std::pair<const char*, ConvAlgorithm>, 5> algorithms{
      {{"automatic", ConvAlgorithm::automatic},
       {"implicit_gemm", ConvAlgorithm::implicit_gemm},
       {"direct", ConvAlgorithm::direct},
       {"winograd_2x2", ConvAlgorithm::winograd_2x2},
       {"winograd_4x4", ConvAlgorithm::winograd_4x4}}};
  std::printf("%-14s %-14s %10s %15s %16s\n", "shape", "algorithm", "forward", "backward_input", "backward_weight");
  for (const Case& c : cases) {
    const Results<double> expected = results_of<double>(c, ConvAlgorithm::implicit_gemm);
    for (const auto& [name, algorithm] : algorithms) {
      const Results<float> found = results_of<float>(c, algorithm);
      std::printf("%-14s %-14s %10.1e %15.1e %16.1e\n", c.name, name, relative_error(expected.y, found.y),
                  relative_error(expected.dx, found.dx), relative_error(expected.dw, found.dw));
      std::fflush(stdout);
    }
  }
}
