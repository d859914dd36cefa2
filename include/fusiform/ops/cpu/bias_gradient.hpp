#pragma once
/// Gradient of a bias that is added to every pixel of a channel: the sum of dy over all but the last axis.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform::kernels {

struct BiasGradientScratch {};
struct BiasGradientBlockScratch {};

/// Rows are summed 64 at a time in T, the sums of 64 in double, in chunks that depend on the shape only.
template <Scalar T>
void bias_gradient(View<const T, Cpu> dy, View<T, Cpu> db) {
  const Index channels = db.size();
  const Index rows = channels == 0 ? 0 : dy.size() / channels;
  constexpr Index chunk_rows = 1024;
  constexpr Index block_rows = 64;
  const Index chunks = (rows + chunk_rows - 1) / chunk_rows;
  double* sums = scratch<BiasGradientScratch, double>(chunks * channels);
  parallel_for(chunks, [&](Index chunk) {
    T* __restrict block = scratch<BiasGradientBlockScratch, T>(channels);
    double* __restrict sum = sums + chunk * channels;
    std::fill_n(sum, channels, 0.0);
    const Index end = std::min(rows, (chunk + 1) * chunk_rows);
    for (Index first = chunk * chunk_rows; first < end; first += block_rows) {
      std::fill_n(block, channels, T{});
      for (Index row = first; row < std::min(end, first + block_rows); ++row) {
        const T* __restrict from = dy.data() + row * channels;
        for (Index c = 0; c < channels; ++c) block[c] += from[c];
      }
      for (Index c = 0; c < channels; ++c) sum[c] += static_cast<double>(block[c]);
    }
  });
  for (Index c = 0; c < channels; ++c) {
    double total = 0;
    for (Index chunk = 0; chunk < chunks; ++chunk) total += sums[chunk * channels + c];
    db[c] = static_cast<T>(total);
  }
}

}  // namespace fusiform::kernels
