#pragma once
/// Sums over the rows of a (rows, channels) matrix, in one pass. The rows are cut into tiles that depend on the shape
/// only. A tile adds its rows in groups of eight: those in T, the sums of groups in double, both in their order. So
/// memory and not the conversion of every number sets the pace, and rounding stays that of a sum of eight.

#include <algorithm>
#include <array>
#include <utility>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/simd_math.hpp>
#include <fusiform/ops/cpu/channel_vectors.hpp>

namespace fusiform::kernels {

struct ColumnSumScratch {};
struct ColumnSumTotalScratch {};

/// For every tile and channel the sum of a and the sum of a * b, where a and b are vectors of one row. One at a time in
/// a thread: the sums are kept in its scratch memory.
template <Scalar T>
class ColumnSums {
 public:
  /// Rows added together, a vector of channels after the other.
  static constexpr Index group_rows = 8;

  ColumnSums(Index rows, Index channels)
      : rows_(rows),
        channels_(channels),
        tile_rows_(std::max<Index>(1, tile_elements / std::max<Index>(1, channels) / group_rows) * group_rows),
        sums_(scratch<ColumnSumTotalScratch, double>(2 * tiles() * channels)),
        products_(sums_ + tiles() * channels) {}

  [[nodiscard]] Index tiles() const noexcept { return divide_up(rows_, tile_rows_); }
  [[nodiscard]] Index first_row(Index tile) const noexcept { return tile * tile_rows_; }
  [[nodiscard]] Index rows_of(Index tile) const noexcept { return std::min(tile_rows_, rows_ - first_row(tile)); }

  /// One number per channel.
  [[nodiscard]] const double* sums(Index tile) const noexcept { return sums_ + tile * channels_; }
  [[nodiscard]] const double* products(Index tile) const noexcept { return products_ + tile * channels_; }

  /// Elements between a row and the one that should be fetched when it is read: across rows the processor does not
  /// see what comes next.
  [[nodiscard]] Index fetch_distance() const noexcept {
    return round_up(divide_up(fetch_bytes / static_cast<Index>(sizeof(T)), channels_), group_rows) * channels_;
  }

  /// terms(tile, c, lanes) is asked once for channels c.. of some rows, and gives a function of a row's first position
  /// that returns the vectors {a, b}.
  template <class Terms>
  void add_up(const Terms& terms) {
    parallel_for(tiles(), [&](Index tile) {
      const Index vectors = divide_up(channels_, lanes);
      Pair* pairs = scratch<ColumnSumScratch, Pair>(vectors);
      std::fill_n(pairs, vectors, Pair{});
      const Index end = first_row(tile) + rows_of(tile);
      const Index whole_groups_end = end - rows_of(tile) % group_rows;
      for (Index row = first_row(tile); row < whole_groups_end; row += group_rows)
        add_rows(terms, tile, row, std::integral_constant<Index, group_rows>{}, pairs);
      if (whole_groups_end < end) add_rows(terms, tile, whole_groups_end, end - whole_groups_end, pairs);
      collect(pairs, tile);
    });
  }

 private:
  static constexpr Index lanes = simd::lanes<T>;
  static constexpr Index tile_elements = Index{1} << 17;
  static constexpr Index fetch_bytes = 8192;
  static constexpr int parts = simd::double_parts<T>;

  struct Pair {
    std::array<double, static_cast<std::size_t>(lanes)> sum, product;
  };

  /// `count`: a compile-time number for whole groups, so that the loop is unrolled.
  template <class Terms, class Count>
  FUSIFORM_INLINE void add_rows(const Terms& terms, Index tile, Index row, Count count, Pair* pairs) const {
    for_each_channel_vector<T>(
        channels_, [&](Index c, auto lane_access) __attribute__((always_inline)) {
          const auto of_row = terms(tile, c, lane_access);
          simd::Vector<T> sum{};
          simd::Vector<T> product{};
          for (Index i = 0; i < count; ++i) {
            const auto [a, b] = of_row((row + i) * channels_);
            sum += a;
            product = a * b + product;
          }
          add(pairs[divide_up(c, lanes)], sum, product);
        });
  }

  static FUSIFORM_INLINE void add(Pair& pair, simd::Vector<T> sum, simd::Vector<T> product) {
    simd::unrolled<parts>([&](auto part) __attribute__((always_inline)) {
      double* sums = pair.sum.data() + part * simd::lanes<double>;
      double* products = pair.product.data() + part * simd::lanes<double>;
      simd::store(sums, simd::load(sums) + simd::widened<T, part>(sum));
      simd::store(products, simd::load(products) + simd::widened<T, part>(product));
    });
  }

  /// From vectors, of which the last may overlap the one before, to channels.
  void collect(const Pair* pairs, Index tile) const {
    for (Index c = 0; c < channels_; c += lanes) {
      const Index count = std::min(lanes, channels_ - c);
      const Index skip = channels_ > lanes ? lanes - count : 0;
      std::copy_n(pairs[c / lanes].sum.data() + skip, count, sums_ + tile * channels_ + c);
      std::copy_n(pairs[c / lanes].product.data() + skip, count, products_ + tile * channels_ + c);
    }
  }

  Index rows_, channels_, tile_rows_;
  double* sums_;
  double* products_;
};

}  // namespace fusiform::kernels
