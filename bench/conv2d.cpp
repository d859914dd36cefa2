/// Convolution on the CPU, every pass, on the layers of VGG16 and of a small net. Each benchmark measures the machine's
/// fused multiply-add rate before and after itself, and reports its own rate as a part of it: on a shared machine the
/// ratio means more than the rate.
///
///     bench_conv2d --benchmark_filter=forward/vgg16 ; OMP_NUM_THREADS=1 bench_conv2d

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <chrono>
#include <string>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/conv2d.hpp>

namespace {

using namespace fusiform;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Fused multiply-adds in registers, in 24 independent chains of the widest vectors (latency 4, up to 2 per cycle).
/// Returns the sum, so that the work cannot be left out.
template <int chains>
float multiply_add_loop(Index steps) {
  std::array<simd::Vector<float>, chains> sum;
  simd::unrolled<chains>([&](auto i) { sum[i] = simd::broadcast(static_cast<float>(int{i})); });
  simd::Vector<float> factor = simd::broadcast(0.999F);
  simd::Vector<float> summand = simd::broadcast(0.001F);
  for (Index step = 0; step < steps; ++step) {
    asm volatile("" : "+x"(factor), "+x"(summand));  // opaque: the loop must not be simplified
    simd::unrolled<chains>([&](auto i) { sum[i] = sum[i] * factor + summand; });
  }
  float total = 0;
  for (const auto& vector : sum) total += vector[0];
  return total;
}

/// FLOP/s of all threads together.
double peak_flops() {
  constexpr int chains = simd::registers == 32 ? 24 : 12;
  constexpr Index steps = 400'000;
  const Index threads = thread_count();
  const Clock::time_point start = Clock::now();
  parallel_for(threads, [&](Index) { benchmark::DoNotOptimize(multiply_add_loop<chains>(steps)); });
  return 2.0 * chains * simd::lanes<float> * static_cast<double>(steps * threads) / seconds_since(start);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct ConvolutionCase {
  const char* name;
  Index batch, size, in, out;
};

constexpr std::array<ConvolutionCase, 19> cases{{{"vgg16.conv1_1", 8, 224, 3, 64},
                                                 {"vgg16.conv1_2", 8, 224, 64, 64},
                                                 {"vgg16.conv2_1", 8, 112, 64, 128},
                                                 {"vgg16.conv2_2", 8, 112, 128, 128},
                                                 {"vgg16.conv3_1", 8, 56, 128, 256},
                                                 {"vgg16.conv3_2", 8, 56, 256, 256},
                                                 {"vgg16.conv3_3", 8, 56, 256, 256},
                                                 {"vgg16.conv4_1", 8, 28, 256, 512},
                                                 {"vgg16.conv4_2", 8, 28, 512, 512},
                                                 {"vgg16.conv4_3", 8, 28, 512, 512},
                                                 {"vgg16.conv5_1", 8, 14, 512, 512},
                                                 {"vgg16.conv5_2", 8, 14, 512, 512},
                                                 {"vgg16.conv5_3", 8, 14, 512, 512},
                                                 {"small.1", 64, 32, 3, 32},
                                                 {"small.2", 64, 32, 32, 32},
                                                 {"small.3", 64, 16, 32, 64},
                                                 {"small.4", 64, 16, 64, 64},
                                                 {"small.5", 64, 8, 64, 128},
                                                 {"small.6", 64, 8, 128, 128}}};

enum class Pass { forward, backward_input, backward_weight };

void fill(Tensor<float, Cpu>& tensor, Rng rng) {
  for (float& element : tensor.span()) element = static_cast<float>(rng.uniform(-1, 1));
}

void run(benchmark::State& state, const ConvolutionCase& shape, Pass pass) {
  const Conv2dOptions options{.stride = 1, .padding = 1};
  const Rng rng(1);
  Tensor<float, Cpu> x(Shape{shape.batch, shape.size, shape.size, shape.in});
  Tensor<float, Cpu> weight(Shape{shape.out, 3, 3, shape.in});
  Tensor<float, Cpu> bias(Shape{shape.out});
  Tensor<float, Cpu> y(conv2d_output_shape(x.shape(), weight.shape(), options));
  fill(x, rng.stream("x"));
  fill(y, rng.stream("y"));
  fill(weight, rng.stream("weight"));
  const auto once = [&] {
    if (pass == Pass::forward) conv2d_forward<float, Cpu>(x, weight, bias, options, y.view());
    if (pass == Pass::backward_input) conv2d_backward_input<float, Cpu>(y, weight, options, x.view());
    if (pass == Pass::backward_weight) conv2d_backward_weight<float, Cpu>(x, y, options, weight.view());
  };
  const double flop = 2.0 * 9 * static_cast<double>(y.size() * shape.in);
  once();  // memory touched, buffers grown
  std::vector<double> rates;
  std::vector<double> parts;
  double peak_before = peak_flops();
  for ([[maybe_unused]] auto step : state) {
    const Clock::time_point start = Clock::now();
    once();
    const double seconds = seconds_since(start);
    const double peak_after = peak_flops();
    state.SetIterationTime(seconds);
    rates.push_back(flop / seconds);
    parts.push_back(flop / seconds / (0.5 * (peak_before + peak_after)));
    peak_before = peak_after;
  }
  state.counters["GFLOP/s"] = median(rates) * 1e-9;
  state.counters["percent_of_peak"] = 100 * median(parts);
  state.counters["threads"] = thread_count();
}

}  // namespace

int main(int argc, char** argv) {
  const std::array<std::pair<const char*, Pass>, 3> passes{{{"forward", Pass::forward},
                                                            {"backward_input", Pass::backward_input},
                                                            {"backward_weight", Pass::backward_weight}}};
  for (const auto& [name, pass] : passes)
    for (const ConvolutionCase& shape : cases)
      benchmark::RegisterBenchmark((std::string("conv2d/") + name + "/" + shape.name + "/fusiform").c_str(),
                                   [&shape, pass = pass](benchmark::State& state) { run(state, shape, pass); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
