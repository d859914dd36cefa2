/// Checks the Hopper convolutions on a GPU, every pass and every tile, and those of few channels, against sums in
/// double by one thread a result. Outputs are poisoned first, and every run is done twice and must give the same bits.
/// Exit status 0 only if all passes, 77 without a GPU of compute capability 9.0. `conv2d_hopper_device N` checks shape
/// N only, 2 if there is none.

#include <cmath>
#include <cstdio>
#include <cstring>

#include "kernels/conv2d_few_channels.cuh"
#include "kernels/conv2d_hopper.cuh"
#include "tests/cuda/conv2d_cases.hpp"
#include "tests/cuda/conv2d_device_reference.cuh"
#include "tests/cuda/device_memory.cuh"
#include "tests/cuda/each_shape.cuh"
#include "tests/cuda/few_channels_cases.hpp"
#include "tests/cuda/fused_device_checks.cuh"

namespace {

using fusiform::arch::bf16;
using namespace fusiform::kernels;
using namespace gpu;
using fusiform_test::conv2d_hopper_cases;

/// All tensors of one problem, random, with what the reference makes of them.
class Case {
 public:
  Case(const Conv2dProblem& problem, gpu::Arena& arena, int multiprocessors)
      : p_(problem), arena_(&arena), run_{.multiprocessors = multiprocessors} {
    arena.clear();
    x_count_ = std::int64_t(p_.images) * p_.height * p_.width * p_.in_channels;
    y_count_ = p_.out_pixels() * p_.out_channels;
    w_count_ = std::int64_t(p_.out_channels) * p_.taps() * p_.in_channels;
    x_ = random(arena, x_count_, 1), w_ = random(arena, w_count_, 2), dy_ = random(arena, y_count_, 3);
    result_ = arena.take<std::uint32_t>(std::max({x_count_, y_count_, w_count_}) + guard);
    again_ = arena.take<std::uint32_t>(std::max({x_count_, y_count_, w_count_}) + guard);
    expected_ = arena.take<float>(std::max({x_count_, y_count_, w_count_}));
    bias_ = arena.take<float>(p_.out_channels), factor_ = arena.take<float>(p_.out_channels);
    other_dw_ = arena.take<float>(w_count_);
    gpu::fill_random_float<<<8, 256>>>(bias_, p_.out_channels, 4);
    gpu::fill_random_float<<<8, 256>>>(factor_, p_.out_channels, 5);
    scratch_ = arena.take<float>(140 * w_count_ + 1'000'000);
  }

  bool check_all() {
    if (p_.in_channels % 8 != 0) return check_few_channels();
    const bool sums = check_hopper();
    return check_fused() && sums;
  }

 private:
  bool check_few_channels() {
    bool right = true;
    FewChannelsRun few{.multiprocessors = run_.multiprocessors};
    for (few.shared_bytes = 99 << 10; few.shared_bytes <= 227 << 10; few.shared_bytes += 128 << 10) {
      reference_forward<<<blocks(y_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, w_, bias_, factor_,
                                                   expected_);
      right &= check<bf16>("few: forward", 0, 0, y_count_, 4e-3, [&](bf16* out, const HopperRun&) {
        conv2d_forward_few_channels(p_, x_, w_, {.bias = bias_, .factor = factor_, .relu = true}, out, few);
      });
      reference_backward_weight<<<blocks(w_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, dy_, expected_);
      right &= check<float>("few: weight", 0, 0, w_count_, sum_tolerance(), [&](float* out, const HopperRun&) {
        conv2d_backward_weight_few_channels(p_, x_, dy_, out, nullptr, scratch_, few);
      });
      reference_bias<<<blocks(p_.out_channels), 256>>>(p_.out_channels, p_.out_pixels(), dy_, expected_);
      right &= check<float>("few: bias", 0, 0, p_.out_channels, sum_tolerance(), [&](float* out, const HopperRun&) {
        conv2d_backward_weight_few_channels(p_, x_, dy_, other_dw_, out, scratch_, few);
      });
    }
    return right;
  }

  bool check_hopper() {
    bool right = true;
    reference_forward<<<blocks(y_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, w_, bias_, factor_,
                                                 expected_);
    for (int tile = -1; tile < int(std::size(hopper_pixel_tiles)); ++tile)
      right &= check<bf16>("forward", tile, 0, y_count_, 4e-3, [&](bf16* out, const HopperRun& run) {
        conv2d_forward_hopper(p_, x_, w_, {.bias = bias_, .factor = factor_, .relu = true}, out, run);
      });
    reference_backward_input<<<blocks(x_count_), 256>>>(p_, p_.out_height(), p_.out_width(), dy_, w_, expected_);
    for (int tile = -1; tile < int(std::size(hopper_pixel_tiles)); ++tile)
      right &= check<bf16>("backward_input", tile, 0, x_count_, 4e-3, [&](bf16* out, const HopperRun& run) {
        conv2d_backward_input_hopper(p_, dy_, w_, out, run);
      });
    reference_backward_weight<<<blocks(w_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, dy_, expected_);
    const auto both_gradients = [&](float* dw, float* db, const HopperRun& run) {
      conv2d_backward_weight_hopper(p_, x_, dy_, dw, db, scratch_, run);
    };
    const auto for_all_plans = [&](auto check_plan) {
      for (int tile = -1; tile < int(std::size(hopper_filter_tiles)); ++tile)
        for (const int splits : {0, 1, 3}) check_plan(tile, splits);
    };
    for_all_plans([&](int tile, int splits) {
      right &= check<float>("backward_weight", tile, splits, w_count_, sum_tolerance(),
                            [&](float* out, const HopperRun& run) { both_gradients(out, bias_, run); });
    });
    reference_bias<<<blocks(p_.out_channels), 256>>>(p_.out_channels, p_.out_pixels(), dy_, expected_);
    for_all_plans([&](int tile, int splits) {  // sums in float of at most out_pixels / 4 terms each
      right &= check<float>("backward_bias", tile, splits, p_.out_channels, 1e-5,
                            [&](float* out, const HopperRun& run) { both_gradients(other_dw_, out, run); });
    });
    return right;
  }

  bool check_fused() {
    FusedChecks<bf16> checks(p_, *arena_);
    bool right = true;
    HopperRun run = run_;
    for (run.tile = 0; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile) {
      right &= checks.check_mask("input and ReLU", run.tile, x_, [&](bf16* out, const bf16* relu_output) {
        conv2d_backward_input_hopper(p_, dy_, w_, out, run, relu_output);
      });
      if (!can_pool(p_) || !pooled_product(p_).takes(hopper_pixel_tiles[run.tile])) continue;
      Conv2dEpilogue epilogue{.bias = bias_, .factor = factor_, .relu = true};
      right &= checks.check_pool(
          "forward and max", run.tile, [&](bf16* out) { conv2d_forward_hopper(p_, x_, w_, epilogue, out, run); },
          [&](bf16* out, std::int32_t* positions, bool after_relu) {
            Conv2dEpilogue pooled = epilogue;
            pooled.max_pool = {true, positions, after_relu};
            conv2d_forward_hopper(p_, x_, w_, pooled, out, run);
          });
    }
    return right;
  }

  static constexpr std::int64_t guard = 256;  ///< words behind the result that must stay as they are

  /// Tensor cores cut every 16 products added to a sum off at 24 bits: at most 2^-23 each, always towards zero.
  [[nodiscard]] double sum_tolerance() const { return 1e-6 + double(p_.out_pixels()) / 16 * 0x1p-23; }
  static unsigned blocks(std::int64_t count) { return unsigned((count + 255) / 256); }
  static bf16* random(gpu::Arena& arena, std::int64_t count, std::uint64_t seed) {
    bf16* data = arena.take<bf16>(count);
    gpu::fill_random_bf16<<<256, 256>>>(data, count, seed, 1.0f);
    return data;
  }

  template <class T, class Pass>
  bool check(const char* pass, int tile, int splits, std::int64_t count, double tolerance, Pass work) {
    HopperRun run = run_;
    run.tile = tile;
    run.splits = splits;
    const std::size_t bytes = std::size_t(count) * sizeof(T), all = bytes + guard * sizeof(T);
    std::vector<unsigned char> first(all), second(all);
    std::printf("%-15s n%d %dx%d c%d k%d %dx%d/%d pad %d tile %2d splits %d: ", pass, p_.images, p_.height, p_.width,
                p_.in_channels, p_.out_channels, p_.kernel_h, p_.kernel_w, p_.stride, p_.padding, tile, splits);
    std::fflush(stdout);
    for (auto [memory, host] : {std::pair{result_, &first}, std::pair{again_, &second}}) {
      gpu::check(cudaMemset(memory, 0xFF, all), "cudaMemset");  // NaN
      work(reinterpret_cast<T*>(memory), run);
      gpu::check(cudaGetLastError(), pass);
      gpu::check(cudaMemcpy(host->data(), memory, all, cudaMemcpyDeviceToHost), pass);
    }
    const double error = gpu::relative_error(reinterpret_cast<const T*>(result_), expected_, count);
    bool untouched = true;
    for (std::size_t i = bytes; i < all; ++i) untouched &= first[i] == 0xFF;
    const bool same = first == second, right = error < tolerance && same && untouched;  // false for NaN
    std::printf("error %.2e%s%s %s\n", error, same ? "" : ", second run differs",
                untouched ? "" : ", wrote behind the end", right ? "ok" : "FAILED");
    return right;
  }

  Conv2dProblem p_;
  gpu::Arena* arena_;
  HopperRun run_;
  std::int64_t x_count_, y_count_, w_count_;
  bf16 *x_, *w_, *dy_;
  std::uint32_t *result_, *again_;
  float *expected_, *bias_, *factor_, *other_dw_, *scratch_;
};

/// The emulated tests' shapes, and some that are large enough for every multiprocessor to take several tiles and to
/// pass the ring many times.
std::vector<Conv2dProblem> all_shapes() {
  std::vector<Conv2dProblem> shapes(std::begin(conv2d_hopper_cases), std::end(conv2d_hopper_cases));
  shapes.push_back({.images = 9,
                    .height = 61,
                    .width = 59,
                    .in_channels = 64,
                    .out_channels = 200,
                    .kernel_h = 3,
                    .kernel_w = 3,
                    .stride = 1,
                    .padding = 1});
  shapes.push_back({.images = 4,
                    .height = 28,
                    .width = 28,
                    .in_channels = 520,
                    .out_channels = 264,
                    .kernel_h = 3,
                    .kernel_w = 3,
                    .stride = 2,
                    .padding = 1});
  for (const Conv2dProblem& p : fusiform::test::few_channels_cases) shapes.push_back(p);
  shapes.push_back({5, 224, 224, 3, 64, 3, 3, 1, 1});
  shapes.push_back({3, 223, 225, 3, 96, 7, 7, 2, 3});
  shapes.push_back({9, 224, 224, 3, 64, 11, 11, 4, 2});
  return shapes;
}

}  // namespace

int main(int count, char** arguments) {
  return gpu::check_shapes(count, arguments, all_shapes(), std::size_t(3) << 30,
                           [](const Conv2dProblem& p, gpu::Arena& arena, int multiprocessors) {
                             return Case(p, arena, multiprocessors).check_all();
                           });
}
