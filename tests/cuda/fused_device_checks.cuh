#pragma once
/// What Hopper convolutions do beside the sums, on a GPU: maxima and the mask of a ReLU must be, to the bit, those of
/// what the same kernels make without. T is bf16 or float.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "kernels/arch/number.cuh"
#include "kernels/conv2d_problem.hpp"
#include "tests/cuda/device_memory.cuh"

namespace gpu {

using fusiform::kernels::Conv2dProblem;

/// One thread a window and channel: the last NaN, or the first of the largest.
template <class T>
__global__ void reference_max_pool(const T* x, int height, int width, int channels, std::int64_t count, bool after_relu,
                                   T* y, std::int32_t* positions) {
  const std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x;
  if (i >= count) return;
  const int o = int(i % channels), column = int(i / channels % (width / 2));
  const std::int64_t line = i / channels / (width / 2), image = line / (height / 2);
  const int row = int(line % (height / 2));
  T best{};
  std::int32_t position = -1;
  for (int k = 3; k >= 0; --k) {
    const std::int32_t place = (2 * row + k / 2) * width + 2 * column + k % 2;
    const T value = x[(image * height * width + place) * channels + o];
    const bool later_nan = as_float(best) != as_float(best);
    if (position >= 0 && (later_nan || as_float(value) < as_float(best))) continue;
    best = value;
    position = place;
  }
  y[i] = best;
  positions[i] = after_relu && as_float(best) <= 0 ? -1 : position;
}

template <class T>
__global__ void reference_mask(const T* relu_output, std::int64_t count, T* values) {
  const std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x;
  if (i < count && as_float(relu_output[i]) <= 0) values[i] = fusiform::arch::stored<T>(0);
}

template <class T>
class FusedChecks {
 public:
  FusedChecks(const Conv2dProblem& p, Arena& arena)
      : p_(p), x_count_(std::int64_t(p.images) * p.height * p.width * p.in_channels) {
    const std::int64_t most = std::max(x_count_, p.out_pixels() * p.out_channels);
    plain_ = arena.take<T>(most), found_ = arena.take<T>(most + guard);
    places_ = arena.take<std::int32_t>(pooled_count() + guard);
    expected_ = arena.take<T>(pooled_count()), expected_places_ = arena.take<std::int32_t>(pooled_count());
  }

  [[nodiscard]] std::int64_t pooled_count() const {
    return std::int64_t(p_.images) * (p_.out_height() / 2) * (p_.out_width() / 2) * p_.out_channels;
  }

  /// Forward passes: plain(y) and pooled(y, positions, after_relu).
  template <class Plain, class Pooled>
  bool check_pool(const char* what, int tile, Plain plain, Pooled pooled) {
    bool right = true;
    plain(plain_);
    for (const bool after_relu : {false, true}) {
      reference_max_pool<<<blocks(pooled_count()), 256>>>(plain_, p_.out_height(), p_.out_width(), p_.out_channels,
                                                          pooled_count(), after_relu, expected_, expected_places_);
      poison(found_, pooled_count());
      poison(places_, pooled_count());
      pooled(found_, places_, after_relu);
      right &= report(what, tile,
                      same(found_, expected_, pooled_count()) && same(places_, expected_places_, pooled_count()));
    }
    return right;
  }

  /// Input gradients: pass(dx, the ReLU's output or nullptr).
  template <class Pass>
  bool check_mask(const char* what, int tile, const T* relu_output, Pass pass) {
    pass(plain_, nullptr);
    reference_mask<<<blocks(x_count_), 256>>>(relu_output, x_count_, plain_);
    poison(found_, x_count_);
    pass(found_, relu_output);
    return report(what, tile, same(found_, plain_, x_count_));
  }

 private:
  static constexpr std::int64_t guard = 256;  ///< elements behind the result that must stay as they are

  static unsigned blocks(std::int64_t count) { return unsigned((count + 255) / 256); }
  template <class U>
  static void poison(U* data, std::int64_t count) {
    check(cudaMemset(data, 0xFF, std::size_t(count + guard) * sizeof(U)), "cudaMemset");
  }
  /// The same bits, and nothing written behind.
  template <class U>
  static bool same(const U* found, const U* expected, std::int64_t count) {
    const std::size_t bytes = std::size_t(count) * sizeof(U), behind = guard * sizeof(U);
    std::vector<unsigned char> a(bytes + behind), b(bytes);
    check(cudaMemcpy(a.data(), found, a.size(), cudaMemcpyDeviceToHost), "found");
    check(cudaMemcpy(b.data(), expected, b.size(), cudaMemcpyDeviceToHost), "expected");
    return std::memcmp(a.data(), b.data(), bytes) == 0 &&
           std::all_of(a.begin() + std::ptrdiff_t(bytes), a.end(), [](unsigned char byte) { return byte == 0xFF; });
  }
  bool report(const char* what, int tile, bool right) const {
    check(cudaGetLastError(), what);
    std::printf("%-15s n%d %dx%d c%d k%d %dx%d/%d pad %d tile %2d: same bits %s\n", what, p_.images, p_.height,
                p_.width, p_.in_channels, p_.out_channels, p_.kernel_h, p_.kernel_w, p_.stride, p_.padding, tile,
                right ? "ok" : "FAILED");
    return right;
  }

  Conv2dProblem p_;
  std::int64_t x_count_;
  T *plain_, *found_, *expected_;
  std::int32_t *places_, *expected_places_;
};

}  // namespace gpu
