#include "kernels/conv2d_hopper.cuh"

#include <algorithm>
#include <functional>
#include <ostream>
#include <vector>

#include <fusiform/core/error.hpp>

#include "tests/cuda/conv2d_cases.hpp"
#include "tests/cuda/device_tensor.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::kernels;
using namespace fusiform::test;
using arch::bf16;
using cuda_emulation::Completion;
using cuda_emulation::Schedule;

namespace {

/// Few, so that every block takes several tiles.
constexpr HopperRun small_device{.multiprocessors = 3};

cuda_emulation::Config emulation(Schedule schedule, Completion completion) {
  cuda_emulation::Config config;
  config.schedule = schedule;
  config.completion = completion;
  config.seed = 7;
  return config;
}

/// The tensors of one problem and what the passes should make of them.
struct Fixture {
  explicit Fixture(const Conv2dProblem& problem)
      : p(problem),
        x(random_tensor<double>({p.images, p.height, p.width, p.in_channels}, Rng(1))),
        w(random_tensor<double>({p.out_channels, p.kernel_h, p.kernel_w, p.in_channels}, Rng(2))),
        dy(random_tensor<double>({p.images, p.out_height(), p.out_width(), p.out_channels}, Rng(3))),
        bias(random_tensor<double>({p.out_channels}, Rng(4))),
        x_bf16(rounded(x)),
        w_bf16(rounded(w)),
        dy_bf16(rounded(dy)),
        bias_float(p.out_channels),
        factor(p.out_channels),
        expected(reference()) {}

  ConvolutionReference reference() {
    for (Index o = 0; o < p.out_channels; ++o) {
      bias_float[o] = float(bias[o]);
      bias[o] = double(bias_float[o]);
      factor[o] = o % 5 == 1 ? 0.0f : 1.0f + 0.125f * float(o % 3);
    }
    ConvolutionReference result = convolution_reference(x, w, bias, dy, {.stride = p.stride, .padding = p.padding});
    for (Index i = 0; i < result.y.size(); ++i)
      result.y[i] = std::max(result.y[i], 0.0) * double(factor[i % p.out_channels]);
    return result;
  }

  DeviceTensor<bf16> forward(const HopperRun& run) {
    DeviceTensor<bf16> y(dy.size());
    conv2d_forward_hopper(p, x_bf16.data(), w_bf16.data(),
                          {.bias = bias_float.data(), .factor = factor.data(), .relu = true}, y.data(), run);
    return y;
  }
  DeviceTensor<bf16> backward_input(const HopperRun& run) {
    DeviceTensor<bf16> dx(x.size());
    conv2d_backward_input_hopper(p, dy_bf16.data(), w_bf16.data(), dx.data(), run);
    return dx;
  }
  struct Gradients {
    DeviceTensor<float> w, bias;
    bool operator==(const Gradients&) const = default;
  };
  Gradients backward_weight(const HopperRun& run) {
    DeviceTensor<float> scratch(backward_weight_scratch(p, run).floats());
    Gradients result{DeviceTensor<float>(w.size()), DeviceTensor<float>(p.out_channels)};
    conv2d_backward_weight_hopper(p, x_bf16.data(), dy_bf16.data(), result.w.data(), result.bias.data(), scratch.data(),
                                  run);
    CHECK(scratch.margin_untouched());
    return result;
  }

  Conv2dProblem p;
  Tensor<double, Cpu> x, w, dy, bias;
  DeviceTensor<bf16> x_bf16, w_bf16, dy_bf16;
  DeviceTensor<float> bias_float, factor;
  ConvolutionReference expected;
};

/// bf16 keeps 8 bits: rounding the results costs at most 2^-9 each, 1.7e-3 in the norm.
constexpr double bf16_rounding = 2.5e-3;
/// Products of bf16 are exact in float, and the sums, of at most a few thousand terms, are float: about sqrt(K) 2^-24.
constexpr double float_sums = 4e-6;

template <class T>
void check(DeviceTensor<T> found, const Tensor<double, Cpu>& expected, double tolerance) {
  CHECK(relative_error(found, expected) < tolerance);
  CHECK(found.margin_untouched());
}

void describe(const Conv2dProblem& p) {
  UNSCOPED_INFO("images " << p.images << " " << p.height << "x" << p.width << " in " << p.in_channels << " out "
                          << p.out_channels << " kernel " << p.kernel_h << "x" << p.kernel_w << " stride " << p.stride
                          << " padding " << p.padding);
}

}  // namespace

TEST_CASE("Hopper convolutions agree with sums in double, in the same bits under every schedule", "[hopper]") {
  for (const Conv2dProblem& p : fusiform_test::conv2d_hopper_cases) {
    Fixture fixture(p);
    const auto run_all = [&](Schedule schedule, Completion completion) {
      const cuda_emulation::ScopedConfig scope(emulation(schedule, completion));
      return std::make_tuple(fixture.forward(small_device), fixture.backward_input(small_device),
                             fixture.backward_weight(small_device));
    };
    const auto first = run_all(Schedule::forward, Completion::deferred);
    describe(p);
    check(std::get<0>(first), fixture.expected.y, bf16_rounding);
    describe(p);
    check(std::get<1>(first), fixture.expected.dx, bf16_rounding);
    describe(p);
    check(std::get<2>(first).w, fixture.expected.dw, float_sums);
    describe(p);
    check(std::get<2>(first).bias, fixture.expected.db, float_sums);
    for (const Schedule schedule : {Schedule::forward, Schedule::reverse, Schedule::random})
      for (const Completion completion : {Completion::deferred, Completion::eager}) {
        describe(p);
        INFO("schedule " << int(schedule) << " completion " << int(completion));
        CHECK(run_all(schedule, completion) == first);
      }
    cuda_emulation::product_completion = Completion::deferred;
    for (const Schedule schedule : {Schedule::forward, Schedule::reverse, Schedule::random}) {
      INFO("eager copies, deferred products, schedule " << int(schedule));
      CHECK(run_all(schedule, Completion::eager) == first);
    }
    cuda_emulation::product_completion.reset();
  }
}

TEST_CASE("Every tile and split of the Hopper convolutions is right", "[hopper]") {
  const cuda_emulation::ScopedConfig scope(emulation(Schedule::random, Completion::deferred));
  Conv2dProblem p{.images = 2,
                  .height = 13,
                  .width = 11,
                  .in_channels = 72,
                  .out_channels = 136,
                  .kernel_h = 3,
                  .kernel_w = 3,
                  .stride = 1,
                  .padding = 1};
  for (p.stride = 1; p.stride <= 2; ++p.stride) {
    Fixture fixture(p);
    HopperRun run{.multiprocessors = 1};  // one block takes all tiles, so that every ring and block is used again
    for (run.tile = 0; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile) {
      INFO("stride " << p.stride << " tile " << run.tile);
      check(fixture.forward(run), fixture.expected.y, bf16_rounding);
      check(fixture.backward_input(run), fixture.expected.dx, bf16_rounding);
    }
    for (run.tile = 0; run.tile < int(std::size(hopper_filter_tiles)); ++run.tile)
      for (run.splits = 1; run.splits <= 5; run.splits += 2) {
        INFO("stride " << p.stride << " tile " << run.tile << " splits " << run.splits);
        const auto gradients = fixture.backward_weight(run);
        check(gradients.w, fixture.expected.dw, float_sums);
        check(gradients.bias, fixture.expected.db, float_sums);
      }
  }
}

TEST_CASE("Windows serve the passes of a strided Hopper input gradient", "[hopper]") {
  const cuda_emulation::ScopedConfig scope(emulation(Schedule::random, Completion::deferred));
  Fixture fixture(std::end(fusiform_test::conv2d_hopper_cases)[-1]);
  HopperRun run{.multiprocessors = 2};
  for (run.tile = 0; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile) {
    INFO("tile " << run.tile);
    for (const auto& pass :
         fusiform::kernels::detail::backward_input_passes(fixture.p, gradient_source(fixture.p, nullptr), {}))
      CHECK(pass.product().takes(hopper_pixel_tiles[run.tile]));
    check(fixture.backward_input(run), fixture.expected.dx, bf16_rounding);
  }
}

TEST_CASE("The Hopper forward pass leaves out what is not asked for", "[hopper]") {
  Fixture fixture(fusiform_test::conv2d_hopper_cases[0]);
  const Conv2dProblem& p = fixture.p;
  Tensor<double, Cpu> no_bias(Shape{p.out_channels});
  const auto expected = convolution_reference(fixture.x, fixture.w, no_bias, fixture.dy, {.stride = 1, .padding = 1});
  DeviceTensor<bf16> y(fixture.dy.size());
  conv2d_forward_hopper(p, fixture.x_bf16.data(), fixture.w_bf16.data(), {}, y.data(), small_device);
  check(y, expected.y, bf16_rounding);
}

TEST_CASE("The Hopper filter gradient needs no bias gradient", "[hopper]") {
  Fixture fixture(fusiform_test::conv2d_hopper_cases[0]);
  DeviceTensor<float> dw(fixture.w.size()), scratch(backward_weight_scratch(fixture.p, small_device).floats());
  conv2d_backward_weight_hopper(fixture.p, fixture.x_bf16.data(), fixture.dy_bf16.data(), dw.data(), nullptr,
                                scratch.data(), small_device);
  CHECK(dw == fixture.backward_weight(small_device).w);
}

TEST_CASE("A factor of 1 leaves the bits of the Hopper forward pass alone", "[hopper]") {
  Fixture fixture(fusiform_test::conv2d_hopper_cases[1]);
  for (Index o = 0; o < fixture.p.out_channels; ++o) fixture.factor[o] = 1.0f;
  const auto with_factor = fixture.forward(small_device);
  DeviceTensor<bf16> without(fixture.dy.size());
  conv2d_forward_hopper(fixture.p, fixture.x_bf16.data(), fixture.w_bf16.data(),
                        {.bias = fixture.bias_float.data(), .relu = true}, without.data(), small_device);
  CHECK(without == with_factor);
}

TEST_CASE("Hopper convolutions refuse what the copy engine cannot take", "[hopper]") {
  alignas(16) static bf16 memory[64];
  const auto refused = [](const Conv2dProblem& p, const bf16* x, const char* what) {
    CHECK_THROWS_WITH(conv2d_forward_hopper(p, x, memory, {}, memory), Catch::Contains(what));
  };
  const Conv2dProblem good{.images = 1,
                           .height = 4,
                           .width = 4,
                           .in_channels = 8,
                           .out_channels = 8,
                           .kernel_h = 3,
                           .kernel_w = 3,
                           .stride = 1,
                           .padding = 1};
  const auto changed = [&](int Conv2dProblem::*field, int value) {
    Conv2dProblem p = good;
    p.*field = value;
    return p;
  };
  refused(changed(&Conv2dProblem::in_channels, 12), memory, "input channels in a multiple of 8, got 12");
  refused(changed(&Conv2dProblem::out_channels, 3), memory, "output channels in a multiple of 8, got 3");
  refused(changed(&Conv2dProblem::images, 0), memory, "at least 1 image, got 0");
  refused(changed(&Conv2dProblem::kernel_h, 7), memory, "an input that holds the kernel");
  refused(changed(&Conv2dProblem::stride, 9), memory, "stride 1 to 8, got 9");
  refused(changed(&Conv2dProblem::padding, 129), memory, "padding 0 to 100, got 129");
  refused(good, memory + 1, "pointers at multiples of 16 bytes");
}
