/// Checks the Hopper convolutions of floats (three products of bf16) on a GPU: every pass and every tile, against sums
/// in double by one thread a result. Outputs are poisoned first, and every run is done twice and must give the same
/// bits. Exit status 0 only if all passes, 77 without a GPU of compute capability 9.0. With a number: checks that shape
/// only, 2 if there is none.

#include <algorithm>
#include <cstdio>

#include "kernels/conv2d_hopper_bf16x2.cuh"
#include "tests/cuda/conv2d_cases.hpp"
#include "tests/cuda/conv2d_device_reference.cuh"
#include "tests/cuda/each_shape.cuh"
#include "tests/cuda/fused_device_checks.cuh"

namespace {

using fusiform::arch::bf16;
using namespace fusiform::kernels;
using namespace gpu;

class SplitCase {
 public:
  SplitCase(const Conv2dProblem& problem, Arena& arena, int multiprocessors)
      : p_(problem), arena_(&arena), run_{.multiprocessors = multiprocessors} {
    arena.clear();
    x_count_ = std::int64_t(p_.images) * p_.height * p_.width * p_.in_channels;
    y_count_ = p_.out_pixels() * p_.out_channels;
    w_count_ = std::int64_t(p_.out_channels) * p_.taps() * p_.in_channels;
    most_ = std::max({x_count_, y_count_, w_count_});
    x_ = random(arena, x_count_, 1), w_ = random(arena, w_count_, 2), dy_ = random(arena, y_count_, 3);
    bias_ = random(arena, p_.out_channels, 4), factor_ = random(arena, p_.out_channels, 5);
    x_planes_ = planes(arena, x_, x_count_, p_.in_channels);
    w_planes_ = planes(arena, w_, w_count_, p_.in_channels);
    dy_planes_ = planes(arena, dy_, y_count_, p_.out_channels);
    result_ = arena.take<float>(most_ + guard), expected_ = arena.take<float>(most_);
    other_dw_ = arena.take<float>(w_count_);
    scratch_ = arena.take<float>(80 * w_count_ + 2'000'000);
  }

  bool check_all() {
    bool right = true;
    reference_forward<<<blocks(y_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, w_, bias_, factor_,
                                                 expected_);
    for_all_tiles([&](int tile) {
      right &= check("forward", tile, y_count_, [&](float* out, const HopperRun& run) {
        conv2d_forward_bf16x2_hopper(p_, x_planes_, w_planes_, {.bias = bias_, .factor = factor_, .relu = true}, out,
                                     run);
      });
    });
    reference_backward_input<<<blocks(x_count_), 256>>>(p_, p_.out_height(), p_.out_width(), dy_, w_, expected_);
    for_all_tiles([&](int tile) {
      right &= check("backward_input", tile, x_count_, [&](float* out, const HopperRun& run) {
        conv2d_backward_input_bf16x2_hopper(p_, dy_planes_, w_planes_, out, run);
      });
    });
    reference_backward_weight<<<blocks(w_count_), 256>>>(p_, p_.out_height(), p_.out_width(), x_, dy_, expected_);
    for_all_tiles([&](int tile) {
      right &= check("backward_weight", tile, w_count_, [&](float* out, const HopperRun& run) {
        conv2d_backward_weight_bf16x2_hopper(p_, x_planes_, dy_planes_, out, bias_, scratch_, run);
      });
    });
    reference_bias<<<blocks(p_.out_channels), 256>>>(p_.out_channels, p_.out_pixels(), dy_, expected_);
    for_all_tiles([&](int tile) {
      right &= check("backward_bias", tile, p_.out_channels, [&](float* out, const HopperRun& run) {
        conv2d_backward_weight_bf16x2_hopper(p_, x_planes_, dy_planes_, other_dw_, out, scratch_, run);
      });
    });
    return check_fused() && right;
  }

 private:
  bool check_fused() {
    FusedChecks<float> checks(p_, *arena_);
    bool right = true;
    HopperRun run = run_;
    for (run.tile = 0; run.tile < int(std::size(hopper_pixel_tiles)); ++run.tile) {
      right &= checks.check_mask("input and ReLU", run.tile, x_, [&](float* out, const float* relu_output) {
        conv2d_backward_input_bf16x2_hopper(p_, dy_planes_, w_planes_, out, run, relu_output);
      });
      if (!can_pool(p_) || p_.out_channels % 4 != 0 || !pooled_product(p_).takes(hopper_pixel_tiles[run.tile]))
        continue;
      Conv2dEpilogue epilogue{.bias = bias_, .factor = factor_, .relu = true};
      right &= checks.check_pool(
          "forward and max", run.tile,
          [&](float* out) { conv2d_forward_bf16x2_hopper(p_, x_planes_, w_planes_, epilogue, out, run); },
          [&](float* out, std::int32_t* positions, bool after_relu) {
            Conv2dEpilogue pooled = epilogue;
            pooled.max_pool = {true, positions, after_relu};
            conv2d_forward_bf16x2_hopper(p_, x_planes_, w_planes_, pooled, out, run);
          });
    }
    return right;
  }

  static constexpr std::int64_t guard = 256;  ///< floats behind the result that must stay as they are
  static constexpr double tolerance = 2e-5;   ///< what ConvAlgorithm::bf16x2 promises

  static unsigned blocks(std::int64_t count) { return unsigned((count + 255) / 256); }
  static float* random(Arena& arena, std::int64_t count, std::uint64_t seed) {
    auto* data = arena.take<float>(count);
    fill_random_float<<<256, 256>>>(data, count, seed);
    return data;
  }
  static bf16* planes(Arena& arena, const float* x, std::int64_t count, int channels) {
    auto* data = arena.take<bf16>(split_planes_size(count / channels, channels));
    split_planes(x, count / channels, channels, data, nullptr);
    return data;
  }
  template <class Check>
  static void for_all_tiles(Check check_tile) {
    static_assert(std::size(hopper_pixel_tiles) == std::size(hopper_filter_tiles));
    for (int tile = -1; tile < int(std::size(hopper_pixel_tiles)); ++tile) check_tile(tile);
  }

  template <class Pass>
  bool check(const char* pass, int tile, std::int64_t count, Pass work) {
    HopperRun run = run_;
    run.tile = tile;
    std::vector<unsigned char> first(std::size_t(count + guard) * 4), second = first;
    std::printf("bf16x2 %-15s n%d %dx%d c%d k%d %dx%d/%d pad %d tile %2d: ", pass, p_.images, p_.height, p_.width,
                p_.in_channels, p_.out_channels, p_.kernel_h, p_.kernel_w, p_.stride, p_.padding, tile);
    std::fflush(stdout);
    for (auto* host : {&first, &second}) {
      gpu::check(cudaMemset(result_, 0xFF, first.size()), "cudaMemset");  // NaN
      work(result_, run);
      gpu::check(cudaGetLastError(), pass);
      gpu::check(cudaMemcpy(host->data(), result_, first.size(), cudaMemcpyDeviceToHost), pass);
    }
    const double error = relative_error(result_, expected_, count);
    const bool untouched =
        std::all_of(first.begin() + count * 4, first.end(), [](unsigned char byte) { return byte == 0xFF; });
    const bool same = first == second, right = error < tolerance && same && untouched;  // false for NaN
    std::printf("error %.2e%s%s %s\n", error, same ? "" : ", second run differs",
                untouched ? "" : ", wrote behind the end", right ? "ok" : "FAILED");
    return right;
  }

  Conv2dProblem p_;
  Arena* arena_;
  HopperRun run_;
  std::int64_t x_count_, y_count_, w_count_, most_;
  float *x_, *w_, *dy_, *bias_, *factor_, *result_, *expected_, *other_dw_, *scratch_;
  bf16 *x_planes_, *w_planes_, *dy_planes_;
};

/// The bf16 test's shapes, channels that are no multiples of 8, long sums, and more pixels than one range may have.
std::vector<Conv2dProblem> all_shapes() {
  std::vector<Conv2dProblem> shapes(std::begin(fusiform_test::conv2d_hopper_cases),
                                    std::end(fusiform_test::conv2d_hopper_cases));
  shapes.push_back({2, 7, 9, 6, 10, 3, 3, 1, 1});
  shapes.push_back({1, 6, 5, 74, 70, 3, 3, 2, 1});
  shapes.push_back({8, 14, 14, 512, 256, 3, 3, 1, 1});
  shapes.push_back({9, 61, 59, 64, 200, 3, 3, 1, 1});
  return shapes;
}

}  // namespace

int main(int count, char** arguments) {
  return gpu::check_shapes(count, arguments, all_shapes(), std::size_t(2) << 30,
                           [](const Conv2dProblem& p, gpu::Arena& arena, int multiprocessors) {
                             return SplitCase(p, arena, multiprocessors).check_all();
                           });
}
