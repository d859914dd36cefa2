/// Convolution on the CPU, every pass, on the layers of VGG16 and of a small net. Each benchmark measures the machine's
/// fused multiply-add rate before and after itself, and reports its own rate as a part of it: on a shared machine the
/// ratio means more than the rate, and the ratio per processor second more than the one on the clock.
///
///     bench_conv2d --benchmark_filter=forward/vgg16 ; OMP_NUM_THREADS=1 bench_conv2d

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <chrono>
#include <ctime>
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

/// What a piece of work took: on the clock, and of all threads' processor time (not counted: waiting for a processor
/// that runs somebody else's program).
struct Duration {
  double seconds;
  double processor_seconds;
};

template <class Work>
Duration time_of(const Work& work) {
  const std::clock_t processor_start = std::clock();
  const Clock::time_point start = Clock::now();
  work();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return {seconds, static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC};
}

/// Fused multiply-adds in registers, in 24 independent chains of the widest vectors (latency 4, up to 2 per cycle).
/// Returns the sum, so that the work cannot be left out.
template <int chains>
float multiply_add_loop(Index steps) {
  std::array<simd::Vector<float>, chains> sum{};
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

/// Fused multiply-adds of all threads together: FLOP and the time they took.
struct Peak {
  double flop;
  Duration time;
};

Peak measure_peak() {
  constexpr int chains = simd::registers == 32 ? 24 : 12;
  constexpr Index steps = 1'000'000;
  const Index threads = thread_count();
  const Duration time = time_of(
      [&] { parallel_for(threads, [&](Index) { benchmark::DoNotOptimize(multiply_add_loop<chains>(steps)); }); });
  return {2.0 * chains * simd::lanes<float> * static_cast<double>(steps * threads), time};
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
  std::vector<double> processor_parts;
  Peak before = measure_peak();
  for ([[maybe_unused]] auto step : state) {
    const Duration time = time_of(once);
    const Peak after = measure_peak();
    state.SetIterationTime(time.seconds);
    const double peak_flop = before.flop + after.flop;
    rates.push_back(flop / time.seconds);
    parts.push_back(flop / time.seconds / peak_flop * (before.time.seconds + after.time.seconds));
    processor_parts.push_back(flop / time.processor_seconds / peak_flop *
                              (before.time.processor_seconds + after.time.processor_seconds));
    before = after;
  }
  state.counters["GFLOP/s"] = median(rates) * 1e-9;
  state.counters["percent_of_peak"] = 100 * median(parts);
  state.counters["percent_of_peak_per_processor_second"] = 100 * median(processor_parts);
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
