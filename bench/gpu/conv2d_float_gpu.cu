/// Times the Hopper convolutions of floats (bf16x2: three products of bf16) against cuDNN's of float tensors, with tf32
/// and without (fp32, the same bits in every run). NHWC; bias and ReLU in our forward pass, not in cuDNN's. Splitting
/// into planes is part of our time. Prints one line a layer and pass: microseconds, and TFLOP/s of the convolution.
/// Usage: conv2d_float_gpu [batch]

#include <cstdio>
#include <optional>

#include "kernels/conv2d_hopper_bf16x2.cuh"
#include "kernels/cudnn_conv2d.hpp"
#include "tests/cuda/device_memory.cuh"

namespace {

using fusiform::arch::bf16;
using namespace fusiform::kernels;
using namespace fusiform::cudnn;

struct Layer {
  const char* name;
  int size, in, out, kernel, stride, padding;
};
constexpr Layer layers[] = {{"vgg1_2", 224, 64, 64, 3, 1, 1},  {"vgg2_2", 112, 128, 128, 3, 1, 1},
                            {"vgg3_2", 56, 256, 256, 3, 1, 1}, {"vgg4_2", 28, 512, 512, 3, 1, 1},
                            {"vgg5_1", 14, 512, 512, 3, 1, 1}, {"res3_1x1", 28, 512, 128, 1, 1, 0}};
constexpr const char* pass_names[] = {"forward", "backward_input", "backward_weight"};

class FloatBench {
 public:
  FloatBench(const Conv2dProblem& p, gpu::Arena& arena, int multiprocessors)
      : p_(p), arena_(&arena), run_{.multiprocessors = multiprocessors} {
    arena.clear();
    x_rows_ = std::int64_t(p.images) * p.height * p.width;
    w_rows_ = std::int64_t(p.out_channels) * p.taps();
    const std::int64_t x = x_rows_ * p.in_channels, y = p.out_pixels() * p.out_channels, w = w_rows_ * p.in_channels;
    x_ = random(x, 1), dy_ = random(y, 2), w_ = random(w, 3), bias_ = random(p.out_channels, 4);
    result_ = arena.take<float>(std::max({x, y, w}));
    x_planes_ = arena.take<bf16>(2 * x), dy_planes_ = arena.take<bf16>(2 * y), w_planes_ = arena.take<bf16>(2 * w);
    scratch_ = arena.take<float>(backward_weight_bf16x2_scratch(p, run_).floats());
  }

  void ours(Pass pass) const {
    if (pass != Pass::backward_input) split_planes(x_, x_rows_, p_.in_channels, x_planes_, nullptr);
    if (pass != Pass::forward) split_planes(dy_, p_.out_pixels(), p_.out_channels, dy_planes_, nullptr);
    if (pass != Pass::backward_weight) split_planes(w_, w_rows_, p_.in_channels, w_planes_, nullptr);
    if (pass == Pass::forward)
      conv2d_forward_bf16x2_hopper(p_, x_planes_, w_planes_, {.bias = bias_, .relu = true}, result_, run_);
    if (pass == Pass::backward_input) conv2d_backward_input_bf16x2_hopper(p_, dy_planes_, w_planes_, result_, run_);
    if (pass == Pass::backward_weight)
      conv2d_backward_weight_bf16x2_hopper(p_, x_planes_, dy_planes_, result_, nullptr, scratch_, run_);
  }

  /// Median of nine samples, in milliseconds a run.
  template <class Work>
  double time(Work work) {
    work();
    gpu::check(cudaDeviceSynchronize(), "convolution");
    std::vector<double> times;
    for (int i = 0; i < 9; ++i)
      times.push_back(timer_.milliseconds([&] {
        for (int j = 0; j < 3; ++j) work();
      }) / 3);
    std::sort(times.begin(), times.end());
    return times[4];
  }

  /// Of the fastest of cuDNN's first three plans; 0 if there is none.
  double time_cudnn(Pass pass, const CudnnLibrary& library, bool tf32) {
    CudnnGraphBuilder builder(library, {.problem = p_, .pass = pass, .type = CUDNN_DATA_FLOAT});
    const auto allowed = [tf32](const std::vector<cudnnBackendNumericalNote_t>& notes) {
      const auto has = [&](cudnnBackendNumericalNote_t note) {
        return std::find(notes.begin(), notes.end(), note) != notes.end();
      };
      return tf32 || (!has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) &&
                      !has(CUDNN_NUMERICAL_NOTE_WINOGRAD) && !has(CUDNN_NUMERICAL_NOTE_FFT));
    };
    double best = 0;
    for (const CudnnPlan& plan : builder.plans(3, allowed)) {
      if (plan.workspace_bytes() > workspace_bytes_)
        workspace_ = arena_->take<char>(workspace_bytes_ = plan.workspace_bytes());
      const CudnnDescriptor pack =
          plan.bind({tensor_x, tensor_w, tensor_y},
                    {pass == Pass::backward_input ? result_ : x_, pass == Pass::backward_weight ? result_ : w_,
                     pass == Pass::forward ? result_ : dy_},
                    workspace_);
      const double now = time([&] { plan.run(pack); });
      if (best == 0 || now < best) best = now;
    }
    return best;
  }

 private:
  float* random(std::int64_t count, std::uint64_t seed) {
    auto* data = arena_->take<float>(count);
    gpu::fill_random_float<<<1024, 256>>>(data, count, seed);
    return data;
  }

  Conv2dProblem p_;
  gpu::Arena* arena_;
  HopperRun run_;
  std::int64_t x_rows_ = 0, w_rows_ = 0, workspace_bytes_ = 0;
  float *x_ = nullptr, *dy_ = nullptr, *w_ = nullptr, *bias_ = nullptr, *result_ = nullptr, *scratch_ = nullptr;
  bf16 *x_planes_ = nullptr, *dy_planes_ = nullptr, *w_planes_ = nullptr;
  char* workspace_ = nullptr;
  gpu::Timer timer_;
};

int run(int batch) {
  cudaDeviceProp device{};
  gpu::check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
  std::optional<CudnnLibrary> library;
  try {
    library.emplace();
  } catch (const fusiform::ConfigError& error) {
    std::printf("without cuDNN: %s\n", error.what());
  }
  gpu::Arena arena(std::size_t(20) << 30);
  for (const Layer& layer : layers) {
    const Conv2dProblem p{batch,        layer.size,   layer.size,   layer.in,     layer.out,
                          layer.kernel, layer.kernel, layer.stride, layer.padding};
    FloatBench bench(p, arena, device.multiProcessorCount);
    for (const Pass pass : {Pass::forward, Pass::backward_input, Pass::backward_weight}) {
      const double ours = bench.time([&] { bench.ours(pass); });
      const double tf32 = library ? bench.time_cudnn(pass, *library, true) : 0;
      const double fp32 = library ? bench.time_cudnn(pass, *library, false) : 0;
      const auto rate = [&](double milliseconds) {
        return milliseconds > 0 ? p.operations() / milliseconds * 1e-9 : 0;
      };
      std::printf("%-9s b%-4d %-16s bf16x2 %9.1f us %6.1f TFLOP/s | cudnn tf32 %9.1f us %6.1f | fp32 %9.1f us %6.1f\n",
                  layer.name, batch, pass_names[int(pass)], ours * 1e3, rate(ours), tf32 * 1e3, rate(tf32), fp32 * 1e3,
                  rate(fp32));
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count > 1 ? std::atoi(arguments[1]) : 32);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conv2d_float_gpu: %s\n", error.what());
    return 1;
  }
}
