#pragma once
/// Plain memory traffic: the floor of operations that do little with much data.

#include <benchmark/benchmark.h>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/core/tensor.hpp>

namespace fusiform::bench {

/// Elements that an operation must read, write, and read and write back at least.
struct Traffic {
  Index read = 0;
  Index written = 0;
  Index updated = 0;
};

/// Memory of its own, so that what the operation left in the caches is not read for nothing.
class TrafficFloor {
 public:
  explicit TrafficFloor(const Traffic& traffic)
      : traffic_(traffic),
        read_(Shape{traffic.read}),
        written_(Shape{traffic.written}),
        updated_(Shape{traffic.updated}) {
    read_.fill(1);
    written_.fill(1);
    updated_.fill(1);
  }

  /// Piece by piece in turn, as an operation does.
  void run() {
    const Index pieces = std::max<Index>(1, std::max({traffic_.read, traffic_.written, traffic_.updated}) / piece);
    parallel_for(pieces, [&](Index i) {
      read(read_.data() + begin(traffic_.read, i, pieces), read_.data() + begin(traffic_.read, i + 1, pieces));
      write(written_.data() + begin(traffic_.written, i, pieces),
            written_.data() + begin(traffic_.written, i + 1, pieces));
      update(updated_.data() + begin(traffic_.updated, i, pieces),
             updated_.data() + begin(traffic_.updated, i + 1, pieces));
    });
    ::benchmark::ClobberMemory();
  }

  [[nodiscard]] double bytes() const {
    return static_cast<double>(sizeof(float)) *
           static_cast<double>(traffic_.read + traffic_.written + 2 * traffic_.updated);
  }

 private:
  static constexpr Index piece = Index{1} << 15;
  static constexpr Index lanes = simd::lanes<float>;
  static constexpr int unroll = 8;

  static Index begin(Index count, Index i, Index pieces) { return count * i / pieces / lanes * lanes; }

  static void read(const float* from, const float* end) {
    simd::Vector<float> sums[unroll]{};
    for (; from + unroll * lanes <= end; from += unroll * lanes)
      simd::unrolled<unroll>([&](auto i) { sums[i] += simd::load(from + i * lanes); });
    simd::Vector<float> total{};
    for (const auto& sum : sums) total += sum;
    float first = total[0];
    ::benchmark::DoNotOptimize(first);
  }

  static void write(float* to, const float* end) {
    for (; to + lanes <= end; to += lanes) simd::store(to, simd::broadcast(1.0F));
  }

  static void update(float* to, const float* end) {
    for (; to + lanes <= end; to += lanes) simd::store(to, simd::load(to) * 0.5F + 0.5F);
  }

  Traffic traffic_;
  Tensor<float, Cpu> read_, written_, updated_;
};

}  // namespace fusiform::bench
