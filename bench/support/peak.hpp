#pragma once
/// The machine's fused multiply-add rate with all threads of the run: the ceiling of direct convolution.

#include <array>
#include <benchmark/benchmark.h>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/simd.hpp>

#include "duration.hpp"

namespace fusiform::bench {

/// Fused multiply-adds in registers, in `chains` independent chains of the widest vectors (latency 4, up to 2 per
/// cycle). Returns the sum, so that the work cannot be left out.
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

/// FLOP of all threads together in a few milliseconds, and what they took.
struct Peak {
  double flop = 0;
  Duration duration;
};

inline Peak measure_peak() {
  constexpr int chains = simd::registers == 32 ? 24 : 12;
  constexpr Index steps = 1'000'000;
  const Index threads = thread_count();
  const Duration duration = time_of(
      [&] { parallel_for(threads, [&](Index) { ::benchmark::DoNotOptimize(multiply_add_loop<chains>(steps)); }); });
  return {2.0 * chains * simd::lanes<float> * static_cast<double>(steps * threads), duration};
}

}  // namespace fusiform::bench
