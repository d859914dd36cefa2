/// Checks ConvAlgorithm::cudnn on a GPU against sums in double, for float and bf16, and that two runs give the same
/// bits; first, without a GPU too, that a missing library is an error that says where it was looked for. Exit status 0
/// only if all passes, 77 without a GPU or without cuDNN.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/error.hpp>

#include "kernels/cudnn.hpp"
#include "tests/cuda/conv2d_device_reference.cuh"

namespace {

using namespace gpu;
using namespace fusiform;
using namespace fusiform::kernels;

constexpr Conv2dProblem shapes[] = {
    {4, 28, 28, 64, 128, 3, 3, 1, 1}, {3, 7, 9, 72, 136, 3, 3, 1, 1},   {2, 9, 8, 64, 72, 3, 3, 2, 1},
    {2, 40, 37, 3, 64, 3, 3, 1, 1},   {2, 35, 39, 3, 64, 11, 11, 4, 2}, {3, 8, 9, 72, 64, 1, 1, 2, 0},
};

template <class T>
void fill(T* data, std::int64_t count, std::uint64_t seed) {
  if constexpr (std::same_as<T, float>)
    fill_random_float<<<256, 256>>>(data, count, seed);
  else
    fill_random_bf16<<<256, 256>>>(data, count, seed, 1.0f);
}

template <class T>
class CudnnCase {
 public:
  CudnnCase(const Conv2dProblem& p, Arena& arena) : p_(p) {
    arena.clear();
    x_count_ = std::int64_t(p.images) * p.height * p.width * p.in_channels;
    y_count_ = p.out_pixels() * p.out_channels;
    w_count_ = std::int64_t(p.out_channels) * p.taps() * p.in_channels;
    most_ = std::max({x_count_, y_count_, w_count_});
    x_ = arena.take<T>(x_count_), w_ = arena.take<T>(w_count_), dy_ = arena.take<T>(y_count_);
    bias_ = arena.take<float>(p.out_channels), ones_ = arena.take<float>(p.out_channels);
    result_ = arena.take<float>(most_), expected_ = arena.take<float>(most_);
    fill(x_, x_count_, 1), fill(w_, w_count_, 2), fill(dy_, y_count_, 3), fill(bias_, p.out_channels, 4);
    const std::vector<float> ones(std::size_t(p.out_channels), 1.0f);
    gpu::check(cudaMemcpy(ones_, ones.data(), ones.size() * 4, cudaMemcpyHostToDevice), "cudaMemcpy");
  }

  bool check_all() {
    reference_forward<<<blocks(y_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, w_, bias_, ones_, expected_);
    bool right = check<T>("forward, bias, relu", y_count_,
                          [&](T* out) { conv2d_forward_cudnn(p_, x_, w_, {.bias = bias_, .relu = true}, out); });
    reference_backward_input<<<blocks(x_count_), 256>>>(p_, p_.out_height(), p_.out_width(), dy_, w_, expected_);
    right &= check<T>("backward_input", x_count_, [&](T* out) { conv2d_backward_input_cudnn(p_, dy_, w_, out); });
    reference_backward_weight<<<blocks(w_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, dy_, expected_);
    right &=
        check<float>("backward_weight", w_count_, [&](float* out) { conv2d_backward_weight_cudnn(p_, x_, dy_, out); });
    return right;
  }

 private:
  static unsigned blocks(std::int64_t count) { return unsigned((count + 255) / 256); }
  /// Float as float: tf32 would be near 3e-4. bf16: its rounding of results, at most 2^-9 each.
  static constexpr double tolerance = std::same_as<T, float> ? 1e-5 : 4e-3;

  template <class Out, class Pass>
  bool check(const char* pass, std::int64_t count, Pass work) {
    std::vector<unsigned char> first(std::size_t(count) * sizeof(Out)), second = first;
    gpu::check(cudaDeviceSynchronize(), "reference");
    try {
      for (auto* host : {&first, &second}) {
        gpu::check(cudaMemset(result_, 0xFF, std::size_t(most_) * 4), "cudaMemset");  // NaN
        gpu::check(cudaDeviceSynchronize(), "cudaMemset");
        work(reinterpret_cast<Out*>(result_));
        synchronize(Cuda{});
        gpu::check(cudaMemcpy(host->data(), result_, first.size(), cudaMemcpyDeviceToHost), pass);
      }
    } catch (const ConfigError& error) {  // cuDNN may have no algorithm; that must be said plainly
      if (std::strstr(error.what(), "has an algorithm with the same bits") == nullptr) throw;
      std::printf("%-20s %s\n", pass, error.what());
      return true;
    }
    const double error = relative_error(reinterpret_cast<const Out*>(result_), expected_, count);
    const bool same = first == second, right = error < tolerance && same;  // false for NaN
    std::printf("%-20s %s c%d k%d %dx%d/%d: error %.2e%s %s\n", pass, sizeof(T) == 4 ? "float" : "bf16", p_.in_channels,
                p_.out_channels, p_.kernel_h, p_.kernel_w, p_.stride, error, same ? "" : ", second run differs",
                right ? "ok" : "FAILED");
    return right;
  }

  Conv2dProblem p_;
  std::int64_t x_count_, y_count_, w_count_, most_;
  T *x_, *w_, *dy_;
  float *bias_, *ones_, *result_, *expected_;
};

/// A missing library, asked for on a thread of this program's beginning.
bool says_where_it_looked() {
  const char* before = std::getenv("FUSIFORM_CUDNN");
  const std::string kept = before != nullptr ? before : "";
  setenv("FUSIFORM_CUDNN", "/nowhere/libcudnn.so.9", 1);
  bool right = false;
  try {
    conv2d_forward_cudnn<float>(shapes[0], nullptr, nullptr, {}, nullptr);
  } catch (const ConfigError& error) {
    right = std::strstr(error.what(), "FUSIFORM_CUDNN names, /nowhere/libcudnn.so.9") != nullptr;
    std::printf("%s: %s\n", right ? "ok" : "FAILED", error.what());
  }
  if (before != nullptr)
    setenv("FUSIFORM_CUDNN", kept.c_str(), 1);
  else
    unsetenv("FUSIFORM_CUDNN");
  return right;
}

int run() {
  if (!says_where_it_looked()) return 1;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("skipped: no GPU\n");
    return 77;
  }
  Arena arena(std::size_t(1) << 28);
  try {
    (void)CudnnCase<float>({1, 1, 1, 8, 8, 1, 1, 1, 0}, arena).check_all();
  } catch (const ConfigError& error) {
    if (std::strstr(error.what(), "FUSIFORM_CUDNN") == nullptr) throw;  // it is there and does not work
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  bool right = true;
  for (const Conv2dProblem& p : shapes) {
    right &= CudnnCase<float>(p, arena).check_all();
    right &= CudnnCase<bfloat16>(p, arena).check_all();
  }
  return right ? 0 : 1;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a crash then says which case it was
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cudnn_device: %s\n", error.what());
    return 1;
  }
}
