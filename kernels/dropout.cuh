#pragma once
/// Dropout on a GPU, with the CPU's masks; see fusiform/ops/dropout.hpp.

#include <fusiform/core/random.hpp>

#include "arch/shuffle.cuh"
#include "numbers.cuh"

namespace fusiform::kernels {

/// Elements of one thread: as many as sixteen bytes hold, a quarter or an eighth of a word of the mask.
template <class T>
inline constexpr int dropout_group = wide<T>;

/// to = from * scale where `bits` are set, 0 elsewhere; at most `left` elements.
template <bool Wide, int N, class T>
__device__ inline void apply_mask(const T* from, std::uint32_t bits, Index left, Master<T> scale, T* to) {
  if (Wide && left >= N) {
    Master<T> values[N];
    load_numbers(from, values);
#pragma unroll
    for (int k = 0; k < N; ++k) values[k] = (bits >> k & 1u) != 0 ? values[k] * scale : 0;
    store_numbers(values, to);
  } else {
#pragma unroll
    for (int k = 0; k < N; ++k)
      if (k < left) to[k] = arch::stored<T>((bits >> k & 1u) != 0 ? arch::number(from[k]) * scale : 0);
  }
}

/// The random numbers: a stream, or where it lies when the kernel runs.
struct DropoutStream {
  Rng rng;
  const Rng* place;
  __device__ Rng stream() const { return place == nullptr ? rng : *place; }
};

template <int = 0>
__global__ void set_stream_kernel(Rng rng, Rng* place) {
  *place = rng;
}

/// Whole warps go through whole words, so that lanes can put the words together.
template <bool Wide, class T>
__global__ void dropout_forward_kernel(const T* x, Index count, std::uint64_t threshold, DropoutStream from,
                                       Master<T> scale, T* y, std::int32_t* mask) {
  const Rng rng = from.stream();
  constexpr int N = dropout_group<T>, lanes = 32 / N;
  const Index words = (count + 31) / 32, groups = words * lanes;
  for (Index first = grid_thread() - threadIdx.x % 32; first < groups; first += grid_threads()) {
    const Index group = first + threadIdx.x % 32;
    std::uint32_t bits = 0;
#pragma unroll
    for (int block = 0; block < N / 4; ++block) {
      const auto draws = rng.block(std::uint64_t(group) * (N / 4) + std::uint64_t(block));
#pragma unroll
      for (int i = 0; i < 4; ++i) bits |= std::uint32_t(draws[std::size_t(i)] >= threshold) << (block * 4 + i);
    }
    if (const Index at = group * N; at < count) apply_mask<Wide, N>(x + at, bits, count - at, scale, y + at);
    std::uint32_t word = bits << (group % lanes * N);
    for (int distance = 1; distance < lanes; distance *= 2) word |= arch::shuffle_xor(word, distance);
    if (group % lanes == 0 && group < groups) mask[group / lanes] = std::int32_t(word);
  }
}

template <bool Wide, class T>
__global__ void dropout_backward_kernel(const T* dy, const std::int32_t* mask, Index count, Master<T> scale, T* dx) {
  constexpr int N = dropout_group<T>, lanes = 32 / N;
  const Index groups = (count + N - 1) / N;
  for (Index group = grid_thread(); group < groups; group += grid_threads()) {
    const std::uint32_t bits = std::uint32_t(mask[group / lanes]) >> (group % lanes * N);
    apply_mask<Wide, N>(dy + group * N, bits, count - group * N, scale, dx + group * N);
  }
}

}  // namespace fusiform::kernels
