#include "kernels/conv2d_hopper_bf16x2.cuh"

#include <limits>
#include <tuple>

#include "kernels/conv2d_hopper_bf16x2.hpp"
#include "tests/cuda/conv2d_cases.hpp"
#include "tests/cuda/device_tensor.hpp"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/convolution_reference.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::kernels;
using namespace fusiform::test;
using arch::bf16;

namespace {

/// Few, so that every block takes several tiles.
constexpr HopperRun small_device{.multiprocessors = 3};

/// High and low together keep 16 or 17 bits: what is cut off each factor and the product of low parts are about
/// 2^-18 of a product each, a few of 2^-18 in the norm.
constexpr double three_products = 1e-5;

/// A tensor of floats; `exact` is rounded to the same values.
DeviceTensor<float> floats(Tensor<double, Cpu>& exact) {
  DeviceTensor<float> result(exact.size());
  for (Index i = 0; i < exact.size(); ++i) {
    result[i] = float(exact[i]);
    exact[i] = double(result[i]);
  }
  return result;
}

DeviceTensor<bf16> planes_of(DeviceTensor<float>& tensor, std::int64_t rows, int channels) {
  DeviceTensor<bf16> planes(split_planes_size(rows, channels));
  split_planes(tensor.data(), rows, channels, planes.data(), nullptr);
  CHECK(planes.margin_untouched());
  return planes;
}

/// The tensors of one problem, and their planes.
struct SplitFixture {
  explicit SplitFixture(const Conv2dProblem& problem)
      : p(problem),
        x(random_tensor<double>({p.images, p.height, p.width, p.in_channels}, Rng(1))),
        w(random_tensor<double>({p.out_channels, p.kernel_h, p.kernel_w, p.in_channels}, Rng(2))),
        dy(random_tensor<double>({p.images, p.out_height(), p.out_width(), p.out_channels}, Rng(3))),
        bias(random_tensor<double>({p.out_channels}, Rng(4))),
        x_float(floats(x)),
        w_float(floats(w)),
        dy_float(floats(dy)),
        bias_float(floats(bias)),
        factor(p.out_channels),
        x_planes(planes_of(x_float, x.size() / p.in_channels, p.in_channels)),
        w_planes(planes_of(w_float, w.size() / p.in_channels, p.in_channels)),
        dy_planes(planes_of(dy_float, dy.size() / p.out_channels, p.out_channels)) {
    for (Index o = 0; o < p.out_channels; ++o) factor[o] = o % 5 == 1 ? 0.0f : 1.0f + 0.125f * float(o % 3);
  }

  [[nodiscard]] ConvolutionReference reference() const {
    ConvolutionReference result = convolution_reference(x, w, bias, dy, {.stride = p.stride, .padding = p.padding});
    for (Index i = 0; i < result.y.size(); ++i)
      result.y[i] = std::max(result.y[i], 0.0) * double(DeviceTensor<float>(factor)[i % p.out_channels]);
    return result;
  }
  DeviceTensor<float> forward(const HopperRun& run) {
    DeviceTensor<float> y(dy.size());
    conv2d_forward_bf16x2_hopper(p, x_planes.data(), w_planes.data(),
                                 {.bias = bias_float.data(), .factor = factor.data(), .relu = true}, y.data(), run);
    return y;
  }
  DeviceTensor<float> backward_input(const HopperRun& run) {
    DeviceTensor<float> dx(x.size());
    conv2d_backward_input_bf16x2_hopper(p, dy_planes.data(), w_planes.data(), dx.data(), run);
    return dx;
  }
  std::pair<DeviceTensor<float>, DeviceTensor<float>> backward_weight(const HopperRun& run) {
    DeviceTensor<float> scratch(backward_weight_bf16x2_scratch(p, run).floats()), dw(w.size()), db(p.out_channels);
    conv2d_backward_weight_bf16x2_hopper(p, x_planes.data(), dy_planes.data(), dw.data(), db.data(), scratch.data(),
                                         run);
    CHECK(scratch.margin_untouched());
    return {dw, db};
  }
  auto all(const HopperRun& run) { return std::make_tuple(forward(run), backward_input(run), backward_weight(run)); }

  Conv2dProblem p;
  Tensor<double, Cpu> x, w, dy, bias;
  DeviceTensor<float> x_float, w_float, dy_float, bias_float, factor;
  DeviceTensor<bf16> x_planes, w_planes, dy_planes;
};

void check(const char* what, DeviceTensor<float> found, const Tensor<double, Cpu>& expected) {
  INFO(what);
  CHECK(relative_error(found, expected) < three_products);
  CHECK(found.margin_untouched());
}

template <class Results>
void check_all(const Results& found, const ConvolutionReference& expected) {
  check("y", std::get<0>(found), expected.y);
  check("dx", std::get<1>(found), expected.dx);
  check("dw", std::get<2>(found).first, expected.dw);
  check("db", std::get<2>(found).second, expected.db);
}

/// Beside the shapes of the bf16 test: channels that are no multiples of 8, in one block of 64 and in two.
std::vector<Conv2dProblem> split_cases() {
  std::vector<Conv2dProblem> cases{
      {2, 7, 9, 6, 10, 3, 3, 1, 1}, {1, 6, 5, 74, 70, 3, 3, 2, 1}, {1, 5, 9, 2, 2, 1, 4, 1, 0}};
  for (const int i : {1, 2, 5, 6, 7}) cases.push_back(fusiform_test::conv2d_hopper_cases[i]);
  return cases;
}

}  // namespace

TEST_CASE("Splitting a float leaves 16 bits of it in two planes, and nothing of what is no number") {
  constexpr int channels = 5;
  DeviceTensor<float> x(2 * channels);
  const float values[] = {1.0f,
                          -1.00390625f,
                          3.14159265f,
                          1e-30f,
                          0.0f,
                          -0.0f,
                          65535.0f,
                          1.0f / 3,
                          std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()};
  for (int i = 0; i < 10; ++i) x[i] = values[i];
  DeviceTensor<bf16> planes = planes_of(x, 2, channels);
  for (int i = 0; i < 10; ++i) {
    CAPTURE(values[i]);
    const Index at = i / channels * 16 + i % channels;
    const float high = arch::to_float(planes[at]), low = arch::to_float(planes[at + 8]);
    if (std::isfinite(values[i])) {
      CHECK(std::abs(double(high) + double(low) - double(values[i])) <= std::abs(double(values[i])) * 0x1p-16);
    } else {
      CHECK(std::isnan(values[i]) == std::isnan(high));
      CHECK(low == 0.0f);
    }
  }
  for (int row = 0; row < 2; ++row)
    for (int plane = 0; plane < 2; ++plane)
      for (int c = channels; c < 8; ++c) CHECK(planes[row * 16 + plane * 8 + c].bits == 0);
}

TEST_CASE("Hopper convolutions of floats agree with sums in double, in the same bits under every schedule",
          "[hopper]") {
  for (const Conv2dProblem& p : split_cases()) {
    CAPTURE(p.images, p.height, p.width, p.in_channels, p.out_channels, p.kernel_h, p.kernel_w, p.stride, p.padding);
    SplitFixture fixture(p);
    const auto settings = emulator_settings();
    const cuda_emulation::ScopedConfig scope(settings[0]);
    const auto first = fixture.all(small_device);
    check_all(first, fixture.reference());
    for (const cuda_emulation::Config& setting : settings) {
      INFO(name_of(setting));
      const cuda_emulation::ScopedConfig other(setting);
      CHECK(fixture.all(small_device) == first);
    }
  }
}

TEST_CASE("Every tile of the Hopper convolutions of floats is right", "[hopper]") {
  const cuda_emulation::ScopedConfig scope(emulator_settings()[4]);
  SplitFixture fixture({1, 9, 11, 72, 136, 3, 3, 1, 1});
  const ConvolutionReference expected = fixture.reference();
  HopperRun run{.multiprocessors = 1};  // one block takes all tiles, so that every ring and block is used again
  for (run.tile = 0; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile)
    for (run.splits = 1; run.splits <= 2; ++run.splits) {
      INFO("tile " << run.tile << " splits " << run.splits);
      static_assert(std::size(hopper_pixel_tiles) == std::size(hopper_filter_tiles));
      check_all(fixture.all(run), expected);
    }
}

TEST_CASE("Filter gradients of floats sum over at most 8192 pixels at a time", "[hopper]") {
  const Conv2dProblem p{64, 224, 224, 64, 64, 3, 3, 1, 1};
  const HopperPlan plan = backward_weight_plan(p, {}, 3);
  CHECK(p.out_pixels() / plan.splits <= 64 * most_split_blocks);
  CHECK(backward_weight_plan(p, {}).splits <= 64);
}

TEST_CASE("Hopper convolutions of floats refuse odd channels", "[hopper]") {
  alignas(16) static bf16 memory[8];
  alignas(16) static float result[8];
  CHECK_THROWS_WITH(conv2d_forward_bf16x2_hopper({1, 3, 3, 3, 8, 1, 1, 1, 0}, memory, memory, {}, result),
                    Catch::Contains("an even number of input channels, got 3"));
  CHECK_THROWS_WITH(conv2d_backward_input_bf16x2_hopper({1, 3, 3, 4, 7, 1, 1, 1, 0}, memory, memory, result),
                    Catch::Contains("an even number of output channels, got 7"));
}

TEST_CASE("Convolutions of float tensors split them in scratch memory on Hopper", "[hopper]") {
  SplitFixture fixture({2, 7, 9, 6, 10, 3, 3, 2, 1});
  REQUIRE(conv2d_bf16x2_hopper_applies(fixture.p));
  DeviceTensor<float> y(fixture.dy.size()), dx(fixture.x.size()), dw(fixture.w.size()), db(fixture.p.out_channels);
  conv2d_forward_bf16x2_hopper(fixture.p, fixture.x_float.data(), fixture.w_float.data(),
                               {.bias = fixture.bias_float.data(), .factor = fixture.factor.data(), .relu = true},
                               y.data());
  conv2d_backward_input_bf16x2_hopper(fixture.p, fixture.dy_float.data(), fixture.w_float.data(), dx.data());
  conv2d_backward_weight_bf16x2_hopper(fixture.p, fixture.x_float.data(), fixture.dy_float.data(), dw.data(),
                                       db.data());
  check_all(std::make_tuple(y, dx, std::make_pair(dw, db)), fixture.reference());
}

TEST_CASE("Whether float convolutions are for Hopper's tensor cores depends on the GPU and the channels", "[hopper]") {
  const Conv2dProblem good{1, 5, 5, 4, 6, 3, 3, 1, 1}, odd{1, 5, 5, 3, 6, 3, 3, 1, 1}, far{1, 25, 25, 4, 6, 3, 3, 9, 1};
  CHECK(conv2d_bf16x2_hopper_applies(good));
  CHECK_FALSE(conv2d_bf16x2_hopper_applies(odd));
  CHECK_FALSE(conv2d_bf16x2_hopper_applies(far));
  cuda_emulation::Config older;
  older.compute_capability = 80;
  const cuda_emulation::ScopedConfig scope(older);
  CHECK_FALSE(conv2d_bf16x2_hopper_applies(good));
}
