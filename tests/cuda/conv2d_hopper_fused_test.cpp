// What the Hopper convolutions do beside the sums: maxima of windows at the end of a forward pass, and a ReLU behind an
// input gradient.

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/conv2d_bfloat16.cuh"
#include "kernels/conv2d_hopper.cuh"
#include "kernels/conv2d_hopper_bf16x2.cuh"
#include "kernels/conv2d_hopper_bf16x2.hpp"
#include "tests/cuda/conv2d_cases.hpp"
#include "tests/cuda/device_tensor.hpp"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/convolution_reference.hpp"

using namespace fusiform;
using namespace fusiform::kernels;
using namespace fusiform::test;
using arch::bf16;

namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int32_t unset = -1'000'000;

/// Whole numbers from -levels to levels: sums of their products are exact in float in any order, and often equal.
Tensor<double, Cpu> few_levels(const Shape& shape, Rng rng, int levels) {
  Tensor<double, Cpu> result(shape);
  for (double& value : result.span()) value = std::floor(rng.uniform() * (2 * levels + 1)) - levels;
  return result;
}

template <class T>
DeviceTensor<T> on_device(const Tensor<double, Cpu>& tensor) {
  DeviceTensor<T> result(tensor.size());
  for (Index i = 0; i < tensor.size(); ++i) result[i] = arch::stored<T>(float(tensor[i]));
  return result;
}

/// The planes of a tensor of floats; of bf16 the tensor itself.
DeviceTensor<bf16> factor_of(DeviceTensor<float>& tensor, Index count, int channels) {
  DeviceTensor<bf16> planes(split_planes_size(count / channels, channels));
  split_planes(tensor.data(), count / channels, channels, planes.data(), nullptr);
  return planes;
}
DeviceTensor<bf16> factor_of(DeviceTensor<bf16>& tensor, Index, int) { return tensor; }

void forward(const Conv2dProblem& p, DeviceTensor<bf16>& x, DeviceTensor<bf16>& w, const Conv2dEpilogue& epilogue,
             bf16* y, const HopperRun& run) {
  conv2d_forward_hopper(p, x.data(), w.data(), epilogue, y, run);
}
void forward(const Conv2dProblem& p, DeviceTensor<bf16>& x, DeviceTensor<bf16>& w, const Conv2dEpilogue& epilogue,
             float* y, const HopperRun& run) {
  conv2d_forward_bf16x2_hopper(p, x.data(), w.data(), epilogue, y, run);
}
void backward_input(const Conv2dProblem& p, DeviceTensor<bf16>& dy, DeviceTensor<bf16>& w, bf16* dx,
                    const HopperRun& run, const bf16* relu_output) {
  conv2d_backward_input_hopper(p, dy.data(), w.data(), dx, run, relu_output);
}
void backward_input(const Conv2dProblem& p, DeviceTensor<bf16>& dy, DeviceTensor<bf16>& w, float* dx,
                    const HopperRun& run, const float* relu_output) {
  conv2d_backward_input_bf16x2_hopper(p, dy.data(), w.data(), dx, run, relu_output);
}

template <class T>
struct Pooled {
  explicit Pooled(Index count) : y(count), positions(count) {
    for (Index i = 0; i < count; ++i) positions[i] = unset;
  }
  DeviceTensor<T> y;
  DeviceTensor<std::int32_t> positions;
};

/// A convolution whose sums are exact, and the maxima of what becomes of them.
template <class T>
struct PoolCase {
  PoolCase(const Conv2dProblem& problem, bool relu, bool after_relu)
      : p(problem),
        epilogue{.relu = relu, .max_pool = {.wanted = true, .after_relu = after_relu}},
        x(few_levels({p.images, p.height, p.width, p.in_channels}, Rng(1), 1)),
        w(few_levels({p.out_channels, p.kernel_h, p.kernel_w, p.in_channels}, Rng(2), 1)),
        bias(few_levels({p.out_channels}, Rng(3), 3)),
        count(Index{p.images} * (p.out_height() / 2) * (p.out_width() / 2) * p.out_channels),
        bias_float(p.out_channels),
        factor(p.out_channels) {
    x[x.size() / 2] = double(nan);  // in some windows once, in others several times
    for (Index o = 0; o < p.out_channels; ++o) {
      bias_float[o] = float(bias[o]);
      factor[o] = o % 5 == 1 ? 0.0f : o % 7 == 3 ? -1.0f : 1.0f;
    }
    x_device = on_device<T>(x), w_device = on_device<T>(w);
    x_factor = factor_of(x_device, x.size(), p.in_channels), w_factor = factor_of(w_device, w.size(), p.in_channels);
    epilogue.bias = bias_float.data(), epilogue.factor = factor.data();
  }

  /// By an order of its own: the last NaN, or the first of the largest.
  Pooled<T> expected() {
    Tensor<double, Cpu> dy({p.images, p.out_height(), p.out_width(), p.out_channels});
    const auto sums = convolution_reference(x, w, bias, dy, {.stride = p.stride, .padding = p.padding}).y;
    Pooled<T> result(count);
    for (Index i = 0; i < count; ++i) {
      const Index o = i % p.out_channels, window = i / p.out_channels, column = window % (p.out_width() / 2);
      const Index line = window / (p.out_width() / 2), row = line % (p.out_height() / 2);
      std::vector<std::int32_t> places;
      std::vector<T> values;
      for (Index h = row * 2; h < row * 2 + 2; ++h)
        for (Index v = column * 2; v < column * 2 + 2; ++v) {
          const Index image = line / (p.out_height() / 2), place = h * p.out_width() + v;
          auto sum = float(sums[(image * p.out_height() * p.out_width() + place) * p.out_channels + o]);
          if (epilogue.relu && sum <= 0) sum = 0;
          places.push_back(std::int32_t(place));
          values.push_back(arch::stored<T>(sum * factor[o]));
        }
      std::size_t best = 0;
      for (std::size_t k = 1; k < 4; ++k)
        if (arch::number(values[k]) > arch::number(values[best])) best = k;
      for (std::size_t k = 0; k < 4; ++k)
        if (std::isnan(arch::number(values[k]))) best = k;
      result.y[i] = values[best];
      const bool without_gradient = epilogue.max_pool.after_relu && arch::number(values[best]) <= 0;
      result.positions[i] = without_gradient ? -1 : places[best];
    }
    return result;
  }

  Pooled<T> found(const HopperRun& run) {
    Pooled<T> result(count);
    epilogue.max_pool.positions = result.positions.data();
    forward(p, x_factor, w_factor, epilogue, result.y.data(), run);
    return result;
  }

  Conv2dProblem p;
  Conv2dEpilogue epilogue;
  Tensor<double, Cpu> x, w, bias;
  Index count;
  DeviceTensor<float> bias_float, factor;
  DeviceTensor<T> x_device{0}, w_device{0};
  DeviceTensor<bf16> x_factor{0}, w_factor{0};
};

template <class T>
bool same_values(DeviceTensor<T>& a, DeviceTensor<T>& b, Index count) {
  for (Index i = 0; i < count; ++i) {
    const float x = arch::number(a[i]), y = arch::number(b[i]);
    if (x != y && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

template <class T>
void check(Pooled<T> found, Pooled<T>& expected, Index count) {
  CHECK(same_values(found.y, expected.y, count));
  CHECK(found.positions == expected.positions);
  CHECK(found.y.margin_untouched());
}

/// Odd results, a single window, strides to 4, ragged channels and pixels.
constexpr Conv2dProblem pool_cases[] = {
    {1, 7, 9, 72, 72, 3, 3, 1, 1},    {3, 7, 9, 8, 136, 3, 3, 1, 1},   {3, 9, 8, 16, 40, 1, 1, 1, 0},
    {1, 13, 11, 64, 24, 5, 5, 2, 2},  {2, 14, 14, 24, 64, 3, 3, 1, 1}, {2, 15, 15, 16, 8, 3, 2, 3, 1},
    {1, 33, 29, 8, 16, 11, 11, 4, 2}, {2, 2, 3, 8, 264, 3, 3, 1, 1},
};

template <class T>
constexpr const char* name_of_type = sizeof(T) == 2 ? "bf16" : "float";

void describe(const Conv2dProblem& p) {
  UNSCOPED_INFO(p.images << " images " << p.height << "x" << p.width << " in " << p.in_channels << " out "
                         << p.out_channels << " kernel " << p.kernel_h << "x" << p.kernel_w << " stride " << p.stride
                         << " padding " << p.padding);
}

}  // namespace

TEMPLATE_TEST_CASE("Hopper forward passes end with maxima of windows in every tile", "[hopper]", bf16, float) {
  const cuda_emulation::ScopedConfig scope(emulator_settings()[4]);
  bool after_relu = false;
  for (const Conv2dProblem& p : pool_cases) {
    after_relu = !after_relu;
    PoolCase<TestType> test(p, after_relu, after_relu);
    auto expected = test.expected();
    HopperRun run{.multiprocessors = 1};  // one block takes all tiles, so that every ring and block is used again
    for (run.tile = -1; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile) {
      if (run.tile >= 0 && !pooled_product(p).takes(hopper_pixel_tiles[run.tile])) continue;
      describe(p);
      INFO(name_of_type<TestType> << " tile " << run.tile);
      check(test.found(run), expected, test.count);
    }
  }
}

TEMPLATE_TEST_CASE("Maxima behind a Hopper forward pass are the same under every schedule", "[hopper]", bf16, float) {
  PoolCase<TestType> test({2, 11, 10, 72, 136, 3, 3, 1, 1}, true, false);
  auto expected = test.expected();
  for (const cuda_emulation::Config& setting : emulator_settings()) {
    INFO(name_of(setting));
    const cuda_emulation::ScopedConfig scope(setting);
    for (const int tile : {0, 1, 2, 3}) check(test.found({.multiprocessors = 2, .tile = tile}), expected, test.count);
  }
}

TEMPLATE_TEST_CASE("Maxima behind a Hopper forward pass are those of its results", "[hopper]", bf16, float) {
  // Sums that are not exact, without bias and positions.
  const Conv2dProblem p{2, 8, 9, 72, 72, 3, 3, 1, 1};
  Tensor<double, Cpu> x({p.images, p.height, p.width, p.in_channels}), w({p.out_channels, 3, 3, p.in_channels});
  Rng rng(5);
  for (double& value : x.span()) value = rng.normal();
  for (double& value : w.span()) value = rng.normal();
  auto x_device = on_device<TestType>(x), w_device = on_device<TestType>(w);
  auto x_factor = factor_of(x_device, x.size(), 72), w_factor = factor_of(w_device, w.size(), 72);
  const HopperRun run{.multiprocessors = 2, .tile = 1};
  DeviceTensor<TestType> between(p.out_pixels() * p.out_channels), y(2 * 4 * 4 * 72);
  forward(p, x_factor, w_factor, {}, between.data(), run);
  forward(p, x_factor, w_factor, {.max_pool = {.wanted = true}}, y.data(), run);
  CHECK(y.margin_untouched());
  int wrong = 0;
  for (Index i = 0; i < 2 * 4 * 4 * 72; ++i) {
    const Index o = i % 72, column = i / 72 % 4, row = i / 72 / 4 % 4, image = i / 72 / 16;
    float most = -std::numeric_limits<float>::infinity();
    for (const Index place : {0, 1, 9, 10})
      most = std::max(most, arch::number(between[((image * 8 + row * 2) * 9 + column * 2 + place) * 72 + o]));
    wrong += arch::number(y[i]) != most;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Hopper forward passes refuse maxima that they cannot end with", "[hopper]") {
  alignas(16) static bf16 memory[64];
  alignas(16) static float floats[64];
  const Conv2dEpilogue pooled{.max_pool = {.wanted = true}};
  CHECK_THROWS_WITH(conv2d_forward_hopper({1, 40, 40, 8, 8, 3, 3, 5, 1}, memory, memory, pooled, memory),
                    Catch::Contains("stride 1 to 4 before a pooling, got 5"));
  CHECK_THROWS_WITH(conv2d_forward_hopper({1, 1, 9, 8, 8, 3, 3, 1, 1}, memory, memory, pooled, memory),
                    Catch::Contains("at least one window of 2 x 2, got 1 x 9"));
  CHECK_THROWS_WITH(conv2d_forward_bf16x2_hopper({1, 9, 9, 8, 6, 3, 3, 1, 1}, memory, memory, pooled, floats),
                    Catch::Contains("output channels in a multiple of 4, got 6"));
}

namespace {

/// Values that a ReLU's output has, and some that let nothing pass or everything.
template <class T>
DeviceTensor<T> relu_output(Index count) {
  Rng rng(9);
  DeviceTensor<T> result(count);
  constexpr float values[] = {0.0f, 0.5f, 1.0f, -0.0f, 1e-30f, -2.0f, nan, 3.0f};
  for (Index i = 0; i < count; ++i) result[i] = arch::stored<T>(values[int(rng.uniform() * 8)]);
  return result;
}

template <class T>
void check_masked(DeviceTensor<T> found, DeviceTensor<T> all, DeviceTensor<T>& output, Index count) {
  for (Index i = 0; i < count; ++i)
    if (arch::number(output[i]) <= 0) all[i] = arch::stored<T>(0);
  CHECK(found == all);
}

template <class T>
struct MaskCase {
  explicit MaskCase(const Conv2dProblem& problem)
      : p(problem), count(Index{p.images} * p.height * p.width * p.in_channels) {
    Tensor<double, Cpu> dy({p.images, p.out_height(), p.out_width(), p.out_channels});
    Tensor<double, Cpu> w({p.out_channels, p.kernel_h, p.kernel_w, p.in_channels});
    Rng rng(6);
    for (double& value : dy.span()) value = rng.normal();
    for (double& value : w.span()) value = rng.normal();
    dy_device = on_device<T>(dy), w_device = on_device<T>(w);
    dy_factor = factor_of(dy_device, dy.size(), p.out_channels);
    w_factor = factor_of(w_device, w.size(), p.in_channels);
    output = relu_output<T>(count);
  }
  void check(const HopperRun& run) {
    DeviceTensor<T> all(count), found(count);
    backward_input(p, dy_factor, w_factor, all.data(), run, nullptr);
    backward_input(p, dy_factor, w_factor, found.data(), run, output.data());
    check_masked(found, all, output, count);
  }

  Conv2dProblem p;
  Index count;
  DeviceTensor<T> dy_device{0}, w_device{0}, output{0};
  DeviceTensor<bf16> dy_factor{0}, w_factor{0};
};

}  // namespace

TEMPLATE_TEST_CASE("Hopper input gradients go on through a ReLU", "[hopper]", bf16, float) {
  const cuda_emulation::ScopedConfig scope(emulator_settings()[5]);
  for (const Conv2dProblem& p : fusiform_test::conv2d_hopper_cases) {
    describe(p);
    MaskCase<TestType>(p).check({.multiprocessors = 3});
  }
}

TEMPLATE_TEST_CASE("Hopper input gradients go on through a ReLU in every tile", "[hopper]", bf16, float) {
  const cuda_emulation::ScopedConfig scope(emulator_settings()[4]);
  for (const int stride : {1, 2}) {
    MaskCase<TestType> test({2, 13, 11, 136, 72, 3, 3, stride, 1});
    HopperRun run{.multiprocessors = 1};
    for (run.tile = 0; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile) {
      INFO(name_of_type<TestType> << " stride " << stride << " tile " << run.tile);
      test.check(run);
    }
  }
}

TEST_CASE("bf16 convolutions of any channels end with maxima on Hopper", "[hopper]") {
  // First layers, channels that are copied, strides beyond the kernel's, and what one kernel does.
  for (const Conv2dProblem& p :
       {Conv2dProblem{2, 9, 11, 3, 16, 3, 3, 1, 1}, Conv2dProblem{2, 9, 11, 20, 17, 3, 3, 1, 1},
        Conv2dProblem{2, 9, 11, 20, 24, 3, 3, 1, 1}, Conv2dProblem{1, 29, 27, 8, 8, 3, 3, 5, 1},
        Conv2dProblem{2, 9, 11, 72, 72, 3, 3, 1, 1}}) {
    describe(p);
    PoolCase<bf16> test(p, true, true);
    for (Index o = 0; o < p.out_channels; ++o) test.factor[o] = 1.0f;  // not for tensors
    Pooled<bf16> found(test.count), expected = test.expected();
    conv2d_bfloat16_hopper(p,
                           Bfloat16Forward{.x = test.x_device.data(),
                                           .weight = test.w_device.data(),
                                           .bias = test.bias_float.data(),
                                           .relu = true,
                                           .y = found.y.data(),
                                           .max_pool = {true, found.positions.data(), true}},
                           "conv2d");
    check(found, expected, test.count);
  }
}

TEST_CASE("Convolutions of float tensors end with maxima on Hopper", "[hopper]") {
  for (const Conv2dProblem& p :
       {Conv2dProblem{2, 9, 11, 8, 12, 3, 3, 1, 1}, Conv2dProblem{2, 9, 11, 6, 10, 3, 3, 1, 1}}) {
    describe(p);
    PoolCase<float> test(p, true, true);
    Pooled<float> found(test.count), expected = test.expected();
    test.epilogue.max_pool.positions = found.positions.data();
    conv2d_forward_bf16x2_hopper(p, test.x_device.data(), test.w_device.data(), test.epilogue, found.y.data());
    check(found, expected, test.count);
  }
}

TEST_CASE("Input gradients of tensors go on through a ReLU on Hopper", "[hopper]") {
  for (const int channels : {6, 24}) {
    const Conv2dProblem p{2, 7, 9, channels, 10, 3, 3, 1, 1};
    MaskCase<bf16> test(p);
    MaskCase<float> floats(p);
    DeviceTensor<bf16> all(test.count), found(test.count);
    DeviceTensor<float> all_floats(test.count), found_floats(test.count);
    Bfloat16BackwardInput pass{test.dy_device.data(), test.w_device.data(), all.data()};
    conv2d_bfloat16_hopper(p, pass, "conv2d");
    pass.dx = found.data(), pass.relu_output = test.output.data();
    conv2d_bfloat16_hopper(p, pass, "conv2d");
    check_masked(found, all, test.output, test.count);
    conv2d_backward_input_bf16x2_hopper(p, floats.dy_device.data(), floats.w_device.data(), all_floats.data());
    conv2d_backward_input_bf16x2_hopper(p, floats.dy_device.data(), floats.w_device.data(), found_floats.data(),
                                        floats.output.data());
    check_masked(found_floats, all_floats, floats.output, test.count);
  }
}
