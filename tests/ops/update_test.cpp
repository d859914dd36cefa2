/// Optimiser steps of parameters so large that they are stored past the caches.

#include <cmath>

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/adam_update.hpp>
#include <fusiform/ops/sgd_update.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Above 16 MiB in float; a whole number of vectors, but not of blocks.
constexpr Index large = (Index{1} << 22) + 16 * 21;

using Floats = Tensor<float, Cpu>;

/// As a parameter that is small enough to stay in the caches: part by part.
template <class Update>
void in_parts(const Update& update) {
  for (Index begin = 0; begin < large; begin += 100'000) update(begin, std::min(large, begin + 100'000));
}

View<float, Cpu> part(Floats& tensor, Index begin, Index end) { return {tensor.data() + begin, Shape{end - begin}}; }

}  // namespace

TEST_CASE("sgd updates a large parameter as it does small ones", "[ops][sgd]") {
  const SgdSettings settings{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01};
  Floats gradient = random_tensor<float>({large}, Rng(1));
  const Floats velocity = random_tensor<float>({large}, Rng(2)), value = random_tensor<float>({large}, Rng(3));
  const int threads = thread_count();
  for (const int count : {1, 3}) {
    set_thread_count(count);
    Floats v = velocity, w = value, small_v = velocity, small_w = value;
    sgd_update<float, Cpu>(gradient, settings, v.view(), w.view());
    in_parts([&](Index begin, Index end) {
      sgd_update<float, Cpu>(part(gradient, begin, end), settings, part(small_v, begin, end),
                             part(small_w, begin, end));
    });
    // The same formula; a compiler may fuse another of its products with a sum.
    CHECK(difference(v, small_v).normalized < 1e-7);
    CHECK(difference(w, small_w).normalized < 1e-7);
    CHECK(std::abs(static_cast<double>(v[large - 1]) -
                   (0.9 * static_cast<double>(velocity[large - 1]) + static_cast<double>(gradient[large - 1]) +
                    0.01 * static_cast<double>(value[large - 1]))) < 1e-6);
  }
  set_thread_count(threads);
}

TEST_CASE("adam updates a large parameter as it does small ones", "[ops][adam]") {
  const AdamSettings settings{.step_size = 0.01};
  Floats gradient = random_tensor<float>({large}, Rng(1));
  const Floats mean = random_tensor<float>({large}, Rng(2)), value = random_tensor<float>({large}, Rng(3));
  Floats square(mean.shape());
  for (Index i = 0; i < large; ++i) square[i] = std::abs(mean[i]) + 0.1F;
  const int threads = thread_count();
  for (const int count : {1, 3}) {
    set_thread_count(count);
    Floats m = mean, v = square, w = value, small_m = mean, small_v = square, small_w = value;
    adam_update<float, Cpu>(gradient, settings, {m.view(), v.view()}, w.view());
    in_parts([&](Index begin, Index end) {
      adam_update<float, Cpu>(part(gradient, begin, end), settings,
                              {part(small_m, begin, end), part(small_v, begin, end)}, part(small_w, begin, end));
    });
    CHECK(difference(m, small_m).normalized < 1e-7);
    CHECK(difference(v, small_v).normalized < 1e-7);
    CHECK(difference(w, small_w).normalized < 1e-7);
  }
  set_thread_count(threads);
}
