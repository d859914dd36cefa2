/// Operations that only move memory, on a GPU: time, bytes that must be moved, and what share of the memory's bandwidth
/// that is. usage: bench_memory_bound_gpu [GB/s of the device, 3350 unless given: an H100's HBM3]

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/kernel_times.hpp>
#include <fusiform/ops/accumulate.hpp>
#include <fusiform/ops/adam_update.hpp>
#include <fusiform/ops/add.hpp>
#include <fusiform/ops/avg_pool2d.hpp>
#include <fusiform/ops/batch_norm.hpp>
#include <fusiform/ops/convert.hpp>
#include <fusiform/ops/dropout.hpp>
#include <fusiform/ops/fill.hpp>
#include <fusiform/ops/local_response_norm.hpp>
#include <fusiform/ops/mask_channels.hpp>
#include <fusiform/ops/max_pool2d.hpp>
#include <fusiform/ops/relu.hpp>
#include <fusiform/ops/sgd_update.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>

namespace {

using namespace fusiform;

template <class T>
using Gpu = Tensor<T, Cuda>;

double peak = 3350;  // GB/s

/// Runs `work`, which must move `bytes`, a few times. All launches of a run count together.
void measure(const std::string& name, double bytes, const std::function<void()>& work) {
  constexpr int runs = 20;
  for (int i = 0; i < 3; ++i) work();
  synchronize(Cuda{});
  double milliseconds = 0;
  {
    const KernelTimes times;
    for (int i = 0; i < runs; ++i) work();
    for (const KernelTime& time : times.sums()) milliseconds += time.milliseconds / runs;
  }
  const double rate = bytes / milliseconds / 1e6;
  std::printf("%-58s %9.1f us %8.1f MB %7.0f GB/s %4.0f %%\n", name.c_str(), milliseconds * 1e3, bytes / 1e6, rate,
              100 * rate / peak);
}

template <class T>
[[nodiscard]] double bytes(std::initializer_list<Index> elements) {
  double sum = 0;
  for (const Index count : elements) sum += static_cast<double>(count) * static_cast<double>(sizeof(T));
  return sum;
}

template <class T>
void measure_elementwise(const std::string& scalar, const Shape& shape) {
  const std::string at = text(" ", scalar, " ", shape);
  Gpu<T> x(shape), dy(shape), y(shape);
  const Index n = shape.size();
  measure("relu" + at, bytes<T>({n, n}), [&] { relu_forward(x, y.view()); });
  measure("relu gradient" + at, bytes<T>({n, n, n}), [&] { relu_backward(x, dy, y.view()); });
  measure("add" + at, bytes<T>({n, n, n}), [&] { add(x, dy, y.view()); });
  measure("accumulate" + at, bytes<T>({n, n, n}), [&] { accumulate<T, Cuda>(x, y.view()); });
  std::vector<Index> fifth;
  for (Index channel = 0; channel < shape.channels(); channel += 5) fifth.push_back(channel);
  measure("zero every fifth channel" + at, bytes<T>({n / 5}), [&] { zero_channels(y.view(), fifth); });
  Gpu<std::int32_t> mask(dropout_mask_shape(shape));
  measure("dropout" + at, bytes<T>({n, n}) + static_cast<double>(n) / 8,
          [&] { dropout_forward(x, 0.5, Rng(1), y.view(), mask.view()); });
}

template <class T>
void measure_pools(const std::string& scalar, const Shape& shape, Index kernel, Index padding) {
  const std::string at = text(" ", kernel, "/2 ", scalar, " ", shape);
  const MaxPool2dOptions options{kernel, 2, padding};
  const AvgPool2dOptions mean{.kernel = kernel, .stride = 2, .padding = padding};
  Gpu<T> x(shape), y(max_pool2d_output_shape(shape, options));
  Gpu<std::int32_t> positions(y.shape());
  const Index in = x.size(), out = y.size();
  const double places = bytes<std::int32_t>({out});
  measure("max_pool2d with positions" + at, bytes<T>({in, out}) + places,
          [&] { max_pool2d_forward(x, options, y.view(), positions.view()); });
  measure("max_pool2d" + at, bytes<T>({in, out}), [&] { max_pool2d_forward(x, options, y.view(), {}); });
  measure("max_pool2d gradient" + at, bytes<T>({in, out}) + places,
          [&] { max_pool2d_backward(y, positions, options, x.view()); });
  measure("avg_pool2d" + at, bytes<T>({in, out}), [&] { avg_pool2d_forward(x, mean, y.view()); });
  measure("avg_pool2d gradient" + at, bytes<T>({in, out}), [&] { avg_pool2d_backward(y, mean, x.view()); });
}

template <class T>
void measure_norms(const std::string& scalar, const Shape& shape) {
  const std::string at = text(" ", scalar, " ", shape);
  const Shape channels{shape.channels()};
  const Index n = shape.size();
  Gpu<T> x(shape), dy(shape), y(shape);
  Gpu<float> mean(channels), inverse(channels), variance(channels), weight(channels), bias(channels);
  fill(1, inverse.view());
  fill(1, weight.view());
  measure("batch_norm statistics" + at, bytes<T>({n}), [&] {
    batch_norm_statistics<T, Cuda>(x, 1e-5, {mean.view(), variance.view(), bias.view()});
  });
  measure("batch_norm" + at, bytes<T>({n, n}), [&] {
    batch_norm_apply<T, Cuda>(x, {mean, inverse, weight, bias}, y.view());
  });
  // Two passes: the second needs the sums of the first.
  measure("batch_norm gradient" + at, bytes<T>({n, n, n, n, n}), [&] {
    batch_norm_backward<T, Cuda>({.x = x,
                                  .dy = dy,
                                  .mean = mean,
                                  .inverse_deviation = inverse,
                                  .weight = weight,
                                  .batch_statistics = true,
                                  .dx = y.view(),
                                  .dweight = variance.view(),
                                  .dbias = bias.view()});
  });
  const LocalResponseNormOptions options{.size = 5, .k = 2};
  measure("local_response_norm" + at, bytes<T>({n, n}), [&] { local_response_norm_forward(x, options, y.view()); });
  measure("local_response_norm gradient" + at, bytes<T>({n, n, n}),
          [&] { local_response_norm_backward(x, dy, options, y.view()); });
  Gpu<T> means(global_avg_pool2d_output_shape(shape));
  measure("global_avg_pool2d" + at, bytes<T>({n, means.size()}), [&] { global_avg_pool2d_forward(x, means.view()); });
  measure("global_avg_pool2d gradient" + at, bytes<T>({n, means.size()}),
          [&] { global_avg_pool2d_backward(means, y.view()); });
}

template <class T>
void measure_scalar(const std::string& scalar) {
  measure_elementwise<T>(scalar, {128, 112, 112, 128});
  measure_pools<T>(scalar, {128, 112, 112, 128}, 2, 0);
  measure_pools<T>(scalar, {128, 112, 112, 64}, 3, 1);
  for (const Shape& shape : {Shape{128, 112, 112, 64}, Shape{128, 56, 56, 256}, Shape{128, 14, 14, 1024}})
    measure_norms<T>(scalar, shape);
  const Shape logits{1024, 1000};
  Gpu<T> x(logits), dx(logits);
  const Gpu<Index> labels(Shape{logits[0]});
  Gpu<float> losses(Shape{logits[0]});
  measure(text("softmax_cross_entropy ", scalar, " ", logits), bytes<T>({logits.size()}),
          [&] { softmax_cross_entropy(x, labels.view(), losses.view()); });
  measure(text("softmax_cross_entropy gradient ", scalar, " ", logits), bytes<T>({logits.size(), logits.size()}),
          [&] { softmax_cross_entropy_gradient(x, labels.view(), dx.view()); });
}

void measure_updates(Index count) {
  const Shape shape{count};
  Gpu<float> gradient(shape), first(shape), second(shape), value(shape);
  Gpu<bfloat16> rounded(shape);
  measure(text("sgd ", shape), bytes<float>({count, count, count, count, count}), [&] {
    sgd_update(gradient, SgdSettings{.learning_rate = 0.1, .momentum = 0.9}, first.view(), value.view());
  });
  measure(text("adam ", shape), bytes<float>({count, count, count, count, count, count, count}), [&] {
    adam_update<float, Cuda>(gradient, {.step_size = 0.1}, {first.view(), second.view()}, value.view());
  });
  measure(text("convert to bf16 ", shape), bytes<float>({count}) + bytes<bfloat16>({count}),
          [&] { convert(value.view(), rounded.view()); });
  measure(text("convert to float ", shape), bytes<float>({count}) + bytes<bfloat16>({count}),
          [&] { convert(rounded.view(), value.view()); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) peak = std::atof(argv[1]);
  try {
    fusiform::require_device(fusiform::Cuda{});
  } catch (const fusiform::ConfigError& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  std::printf("%s; shares of %.0f GB/s\n", fusiform::describe_devices(fusiform::Cuda{}).front().c_str(), peak);
  measure_scalar<float>("float");
  measure_scalar<fusiform::bfloat16>("bf16");
  measure_updates(25'088 * 4096);
  return 0;
}
