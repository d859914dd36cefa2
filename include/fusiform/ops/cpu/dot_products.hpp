#pragma once
/// y = x w^T for row-major x and w: every element of y is the inner product of two rows, so that the weights are read
/// as they lie, once, whatever the batch. An inner product is cut into slices of dot_slice<T> terms. The lanes of one
/// vector sum a slice, are added up by halves, and slices are added in their order. So the bits of y(n, o) depend on
/// row n, row o and the bias only, not on the batch, the tile or the threads.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/keep_in_register.hpp>

namespace fusiform::kernels {

/// Terms summed in vectors before they are added up: 4 KiB of a row, so that the rows of a tile stay in the
/// first-level cache while the images pass.
template <Scalar T>
inline constexpr Index dot_slice = 4096 / static_cast<Index>(sizeof(T));

inline constexpr int dot_images = 4;
/// Rows of weights in a tile. With 4 images: 24 sums of AVX-512's 32 registers, 12 of AVX2's 16. Few images wait for
/// the weights; for them fewer rows at a time are read faster.
inline constexpr int dot_outputs = simd::registers == 32 ? 6 : 3;
inline constexpr int dot_outputs_few_images = 3;

/// Lane j of the result is the sum of all lanes of vectors[j]: the halves added, then the halves of those, and so on.
template <Scalar T>
FUSIFORM_INLINE simd::Vector<T> sums_of_lanes(simd::Vector<T> (&vectors)[simd::lanes<T>]) noexcept {
  constexpr int n = simd::lanes<T>;
  const auto fold = [&]<int step, int... lane>(std::integral_constant<int, step>, std::integer_sequence<int, lane...>)
      __attribute__((always_inline)) {
    simd::unrolled<step>([&](auto i) __attribute__((always_inline)) {
      const simd::Vector<T> a = vectors[i];
      const simd::Vector<T> b = vectors[i + step];
      vectors[i] = simd::shuffled<((lane & step) == 0 ? lane : n + lane - step)...>(a, b) +
                   simd::shuffled<((lane & step) == 0 ? lane + step : n + lane)...>(a, b);
    });
  };
  constexpr auto all_lanes = std::make_integer_sequence<int, n>{};
  if constexpr (n > 8) fold(std::integral_constant<int, 8>{}, all_lanes);
  if constexpr (n > 4) fold(std::integral_constant<int, 4>{}, all_lanes);
  if constexpr (n > 2) fold(std::integral_constant<int, 2>{}, all_lanes);
  if constexpr (n > 1) fold(std::integral_constant<int, 1>{}, all_lanes);
  return vectors[0];
}

/// Where a tile reads its weights: `outputs` rows, and those to prefetch meanwhile (nullptr: none).
template <Scalar T, int outputs>
struct DotRows {
  const T* row[outputs];
  const T* ahead[outputs];
};

/// sums[i * outputs + o] = inner product of image i and row o over `depth` terms. x: vectors of the images in turn,
/// filled up with zeros.
template <Scalar T, int images, int outputs>
void dot_tile(Index depth, const T* x, const DotRows<T, outputs>& w, T* sums) {
  using Vector = simd::Vector<T>;
  constexpr int lanes = simd::lanes<T>;
  constexpr int groups = static_cast<int>(divide_up(images * outputs, lanes));
  Vector sum[groups * lanes]{};
  const DotRows<T, outputs> rows = w;  // a copy that no store can change
  const auto step = [&](const auto& load_weights) __attribute__((always_inline)) {
    Vector weights[outputs];
    simd::unrolled<outputs>([&](auto o) __attribute__((always_inline)) {
      weights[o] = load_weights(rows.row[o]);
      keep_in_register(weights[o]);
    });
    simd::unrolled<images>([&](auto i) __attribute__((always_inline)) {
      const Vector pixel = simd::load(x + i * lanes);
      simd::unrolled<outputs>([&](auto o) __attribute__((always_inline)) {
        sum[i * outputs + o] = pixel * weights[o] + sum[i * outputs + o];
      });
    });
    x += images * lanes;
  };
  Index k = 0;
  for (; k + lanes <= depth; k += lanes) {
    if (rows.ahead[0] != nullptr)
      simd::unrolled<outputs>([&](auto o) __attribute__((always_inline)) {
        __builtin_prefetch(rows.ahead[o] + k, 0, 2);  // into the second-level cache
      });
    step([&](const T* row) __attribute__((always_inline)) { return simd::load(row + k); });
  }
  if (k < depth)
    step([&](const T* row) __attribute__((always_inline)) { return simd::load_first(row + k, depth - k); });
  simd::unrolled<groups>([&](auto group) __attribute__((always_inline)) {
    Vector part[lanes];
    simd::unrolled<lanes>([&](auto i) __attribute__((always_inline)) { part[i] = sum[group * lanes + i]; });
    simd::store(sums + group * lanes, sums_of_lanes<T>(part));
  });
}

struct DotImagesScratch {};

/// y(n, o) = bias(o) + sum over k of x(n, k) w(o, k), with `relu` the larger of that and 0. All row-major.
template <Scalar T>
class DotProducts {
 public:
  DotProducts(View<const T, Cpu> x, View<const T, Cpu> weight, const T* bias, bool relu, View<T, Cpu> y)
      : x_(x.data()),
        weight_(weight.data()),
        bias_(bias),
        y_(y.data()),
        images_(y.shape()[0]),
        outputs_(y.shape()[1]),
        depth_(x.shape()[1]),
        relu_(relu) {}

  void run() const {
    if (outputs_ == 0) return;
    for (Index first = 0; first < images_; first += packed_images) {
      const Index images = std::min(packed_images, images_ - first);
      if (images <= dot_images) {
        multiply<dot_outputs_few_images>(first, images);
      } else {
        multiply<dot_outputs>(first, images);
      }
    }
  }

 private:
  static constexpr Index packed_images = 512;
  static constexpr Index image_block = 128;  ///< whose slice takes half of a 1 MiB second-level cache
  static constexpr Index lanes = simd::lanes<T>;

  [[nodiscard]] Index steps() const { return divide_up(depth_, lanes); }

  /// Images first.. in tiles of dot_images: step after step a vector of each, the last filled up with zeros.
  [[nodiscard]] const T* pack(Index first, Index images) const {
    T* packed = scratch<DotImagesScratch, T>(images * steps() * lanes);
    parallel_for(divide_up(images, dot_images), [&](Index tile) {
      const Index count = std::min<Index>(dot_images, images - tile * dot_images);
      T* to = packed + tile * dot_images * steps() * lanes;
      for (Index i = 0; i < count; ++i) {
        const T* row = x_ + (first + tile * dot_images + i) * depth_;
        Index k = 0;
        for (Index step = 0; step < steps(); ++step, k += lanes)
          simd::store(to + (step * count + i) * lanes, simd::load_up_to(row + k, depth_ - k));
      }
    });
    return packed;
  }

  /// Cuts the work among the threads. The cut does not change results: no sum is split.
  template <int outputs>
  void multiply(Index first, Index images) const {
    const T* packed = pack(first, images);
    const Index groups = divide_up(outputs_, outputs);
    const Index blocks = divide_up(images, image_block);
    const Index threads = thread_count();
    const Index cuts = threads == 1 ? 1 : std::min(groups, divide_up(8 * threads, blocks));
    parallel_for(blocks * cuts, [&](Index task) {
      const Index block = task / cuts * image_block;
      const Index cut = task % cuts;
      multiply_block<outputs>(first + block, std::min(image_block, images - block), groups * cut / cuts,
                              groups * (cut + 1) / cuts, packed + block * steps() * lanes);
    });
  }

  /// As many slices at a time as leave the images in half of the second-level cache.
  template <int outputs>
  void multiply_block(Index first, Index images, Index group, Index groups_end, const T* packed) const {
    const Index slices = std::max<Index>(1, image_block / images) * dot_slice<T>;
    Index begin = 0;
    do {
      const Index end = std::min(depth_, begin + slices);
      for (Index g = group; g < groups_end; ++g) {
        Index k = begin;
        do {
          multiply_slice<outputs>(first, images, g * outputs, {begin, k, end}, packed);
          k += dot_slice<T>;
        } while (k < end);
      }
      begin = end;
    } while (begin < depth_);
  }

  /// Position of a slice: it starts at k; the next begins behind it or, at `end`, at `begin` of the next rows.
  struct Slice {
    Index begin, k, end;
  };

  template <int outputs>
  void multiply_slice(Index first, Index images, Index output, const Slice& slice, const T* packed) const {
    const Index slice_depth = std::min(dot_slice<T>, slice.end - slice.k);
    const Index columns = std::min<Index>(outputs, outputs_ - output);
    const Index tiles = divide_up(images, dot_images);
    const bool wraps = slice.k + slice_depth >= slice.end;
    const Index next = wraps ? output + outputs : output;
    const Index next_k = wraps ? slice.begin : slice.k + slice_depth;
    DotRows<T, outputs> rows{};
    // Rows that do not exist are computed as copies of the last, and not stored.
    for (Index o = 0; o < outputs; ++o) rows.row[o] = row(output + o) + slice.k;
    for (Index tile = 0; tile < tiles; ++tile) {
      // Few images do not hide the time that weights take from memory. Each tile fetches its share of the next.
      if (tiles <= prefetching_tiles)
        for (Index o = 0; o < outputs; ++o)
          rows.ahead[o] = o * tiles / outputs == tile ? row(next + o) + next_k : rows.row[o];
      const Index count = std::min<Index>(dot_images, images - tile * dot_images);
      const T* x = packed + tile * dot_images * steps() * lanes + slice.k * count;
      T sums[round_up(dot_images * outputs, lanes)];
      simd::unrolled<dot_images>([&](auto i) {
        if (count == i + 1) dot_tile<T, i + 1, outputs>(slice_depth, x, rows, sums);
      });
      for (Index i = 0; i < count; ++i) add(first + tile * dot_images + i, output, columns, slice, sums + i * outputs);
    }
  }

  static constexpr Index prefetching_tiles = 8;

  [[nodiscard]] const T* row(Index output) const { return weight_ + std::min(output, outputs_ - 1) * depth_; }

  void add(Index image, Index output, Index columns, const Slice& slice, const T* sums) const {
    T* to = y_ + image * outputs_ + output;
    const bool last = slice.k + dot_slice<T> >= depth_;
    for (Index o = 0; o < columns; ++o) {
      const T before = slice.k > 0 ? to[o] : bias_ != nullptr ? bias_[output + o] : T{};
      const T value = sums[o] + before;
      to[o] = relu_ && last && value < T{} ? T{} : value;
    }
  }

  const T* x_;
  const T* weight_;
  const T* bias_;
  T* y_;
  Index images_, outputs_, depth_;
  bool relu_;
};

}  // namespace fusiform::kernels
