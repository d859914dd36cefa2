#include "kernels/conv2d_few_channels.cuh"

#include <tuple>

#include "tests/cuda/device_tensor.hpp"
#include "tests/cuda/few_channels_cases.hpp"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::kernels;
using namespace fusiform::test;
using arch::bf16;

namespace {

/// Few multiprocessors, so that every block takes several patches.
constexpr FewChannelsRun small_device{.multiprocessors = 1};

/// bf16 keeps 8 bits: rounding the results costs at most 2^-9 each, 1.7e-3 in the norm.
constexpr double bf16_rounding = 2.5e-3;
/// Products of bf16 are exact in float, and the sums, of at most a few thousand terms, are float: about sqrt(K) 2^-24.
constexpr double float_sums = 4e-6;

/// The tensors of one problem and what the passes should make of them.
struct FewChannelsFixture {
  explicit FewChannelsFixture(const Conv2dProblem& problem)
      : p(problem),
        x(random_tensor<double>({p.images, p.height, p.width, p.in_channels}, Rng(1))),
        w(random_tensor<double>({p.out_channels, p.kernel_h, p.kernel_w, p.in_channels}, Rng(2))),
        dy(random_tensor<double>({p.images, p.out_height(), p.out_width(), p.out_channels}, Rng(3))),
        bias(random_tensor<double>({p.out_channels}, Rng(4))),
        x_bf16(rounded(x)),
        w_bf16(rounded(w)),
        dy_bf16(rounded(dy)),
        bias_float(p.out_channels),
        factor(p.out_channels) {
    for (Index o = 0; o < p.out_channels; ++o) {
      bias_float[o] = float(bias[o]);
      bias[o] = double(bias_float[o]);
      factor[o] = o % 5 == 1 ? 0.0f : 1.0f + 0.125f * float(o % 3);
    }
  }

  [[nodiscard]] ConvolutionReference reference() const {
    return convolution_reference(x, w, bias, dy, {.stride = p.stride, .padding = p.padding});
  }
  /// What the forward pass makes of the reference's sums.
  [[nodiscard]] Tensor<double, Cpu> finished(Tensor<double, Cpu> y) {
    for (Index i = 0; i < y.size(); ++i) y[i] = std::max(y[i], 0.0) * double(factor[i % p.out_channels]);
    return y;
  }
  DeviceTensor<bf16> forward(const Conv2dEpilogue& epilogue) {
    DeviceTensor<bf16> y(dy.size());
    conv2d_forward_few_channels(p, x_bf16.data(), w_bf16.data(), epilogue, y.data(), small_device);
    return y;
  }
  [[nodiscard]] Conv2dEpilogue whole_epilogue() {
    return {.bias = bias_float.data(), .factor = factor.data(), .relu = true};
  }
  std::pair<DeviceTensor<float>, DeviceTensor<float>> backward_weight(const FewChannelsRun& run) {
    DeviceTensor<float> scratch(few_channels_scratch(p, run)), dw(w.size()), db(p.out_channels);
    conv2d_backward_weight_few_channels(p, x_bf16.data(), dy_bf16.data(), dw.data(), db.data(), scratch.data(), run);
    CHECK(scratch.margin_untouched());
    return {dw, db};
  }

  Conv2dProblem p;
  Tensor<double, Cpu> x, w, dy, bias;
  DeviceTensor<bf16> x_bf16, w_bf16, dy_bf16;
  DeviceTensor<float> bias_float, factor;
};

template <class T>
void check(DeviceTensor<T> found, const Tensor<double, Cpu>& expected, double tolerance) {
  CHECK(relative_error(found, expected) < tolerance);
  CHECK(found.margin_untouched());
}

}  // namespace

TEST_CASE("Convolutions of few channels agree with sums in double, in the same bits under every schedule") {
  for (const Conv2dProblem& p : few_channels_cases) {
    CAPTURE(p.images, p.height, p.width, p.in_channels, p.out_channels, p.kernel_h, p.kernel_w, p.stride, p.padding);
    FewChannelsFixture fixture(p);
    const auto run_all = [&] {
      return std::make_tuple(fixture.forward(fixture.whole_epilogue()), fixture.backward_weight(small_device));
    };
    const auto settings = emulator_settings();
    const cuda_emulation::ScopedConfig scope(settings[0]);
    const auto first = run_all();
    const ConvolutionReference expected = fixture.reference();
    check(std::get<0>(first), fixture.finished(expected.y), bf16_rounding);
    check(std::get<1>(first).first, expected.dw, float_sums);
    check(std::get<1>(first).second, expected.db, float_sums);
    for (const cuda_emulation::Config& setting : settings) {
      INFO(name_of(setting));
      const cuda_emulation::ScopedConfig other(setting);
      CHECK(run_all() == first);
    }
  }
}

TEST_CASE("The forward pass of few channels leaves out what is not asked for") {
  FewChannelsFixture fixture(few_channels_cases[0]);
  for (Index o = 0; o < fixture.p.out_channels; ++o) fixture.bias[o] = 0;
  check(fixture.forward({}), fixture.reference().y, bf16_rounding);
}

TEST_CASE("The filter gradient of few channels needs no bias gradient") {
  FewChannelsFixture fixture(few_channels_cases[0]);
  const Conv2dProblem& p = fixture.p;
  DeviceTensor<float> scratch(few_channels_scratch(p, small_device)), dw(fixture.w.size());
  conv2d_backward_weight_few_channels(p, fixture.x_bf16.data(), fixture.dy_bf16.data(), dw.data(), nullptr,
                                      scratch.data(), small_device);
  CHECK(dw == fixture.backward_weight(small_device).first);
}

TEST_CASE("More multiprocessors cut the filter gradient of few channels into more parts") {
  FewChannelsFixture fixture(few_channels_cases[1]);
  const FewChannelsRun larger{.multiprocessors = 5};
  CHECK(few_channels_scratch(fixture.p, larger) > few_channels_scratch(fixture.p, small_device));
  check(fixture.backward_weight(larger).first, fixture.reference().dw, float_sums);
}

TEST_CASE("NaN in an image with few channels stays with the pixels that see it") {
  // 3 x 3 x 3 terms are 30 with those that fill rows up: what lies there must not count.
  FewChannelsFixture fixture(few_channels_cases[0]);
  const Conv2dProblem& p = fixture.p;
  const auto clean = fixture.forward({});
  fixture.x_bf16[(Index{3} * p.width + 4) * p.in_channels] = {0x7fc0};
  auto found = fixture.forward({});
  Index others = 0;
  for (int row = 0; row < p.out_height(); ++row)
    for (int column = 0; column < p.out_width(); ++column) {
      if (std::abs(row - 3) <= 1 && std::abs(column - 4) <= 1) continue;
      for (int o = 0; o < p.out_channels; ++o, ++others) {
        const Index i = (Index{row} * p.out_width() + column) * p.out_channels + o;
        CHECK(found[i].bits == DeviceTensor<bf16>(clean)[i].bits);
      }
    }
  CHECK(others > 0);
}

TEST_CASE("Everyday first layers fit the kernels for few channels") {
  const auto layer = [](int size, int in, int kernel, int stride, int padding) {
    return Conv2dProblem{128, size, size, in, 64, kernel, kernel, stride, padding};
  };
  for (const int channels : {1, 3, 4}) {
    CHECK(few_channels_apply(layer(224, channels, 3, 1, 1)));
    CHECK(few_channels_apply(layer(224, channels, 7, 2, 3)));
  }
  CHECK(few_channels_apply(layer(224, 1, 11, 4, 2)));
  CHECK(few_channels_apply(layer(224, 3, 11, 4, 2)));
  CHECK_FALSE(few_channels_apply(layer(224, 64, 11, 4, 2)));
}

TEST_CASE("Convolutions of few channels refuse what they cannot take") {
  alignas(16) static bf16 memory[64];
  const auto refused = [](const Conv2dProblem& p, bf16* y, const char* what) {
    CHECK_THROWS_WITH(conv2d_forward_few_channels(p, memory, memory, {}, y), Catch::Contains(what));
  };
  const Conv2dProblem good = few_channels_cases[0];
  const auto changed = [&](int Conv2dProblem::*field, int value) {
    Conv2dProblem p = good;
    p.*field = value;
    return p;
  };
  refused(changed(&Conv2dProblem::out_channels, 12), memory, "output channels in a multiple of 8, got 12");
  refused(changed(&Conv2dProblem::in_channels, 0), memory, "at least 1 input channel, got 0");
  refused(changed(&Conv2dProblem::images, 0), memory, "at least 1 image, got 0");
  refused(changed(&Conv2dProblem::kernel_h, 90), memory, "an input that holds the kernel");
  refused(changed(&Conv2dProblem::in_channels, 9000), memory, "filters and lines of at most 101376 bytes");
  refused(good, memory + 1, "pointers at multiples of 16 bytes");
}
