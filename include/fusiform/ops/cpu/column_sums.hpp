#pragma once
/// Sums over the rows of a (rows, channels) matrix in double, in one pass. The rows are cut into tiles that depend on
/// the shape only; every tile adds its rows in their order.

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/simd_math.hpp>
#include <fusiform/ops/cpu/channel_vectors.hpp>

namespace fusiform::kernels {

struct ColumnSumScratch {};

/// For every tile and channel the sum of a and the sum of a * b, where a and b are vectors of one row.
template <Scalar T>
class ColumnSums {
 public:
  /// Rows added together, a vector of channels after the other.
  static constexpr Index group_rows = 8;

  ColumnSums(Index rows, Index channels)
      : rows_(rows),
        channels_(channels),
        tile_rows_(std::max<Index>(1, tile_elements / std::max<Index>(1, channels) / group_rows) * group_rows),
        sums_(static_cast<std::size_t>(tiles() * channels)),
        products_(sums_.size()) {}

  [[nodiscard]] Index tiles() const noexcept { return divide_up(rows_, tile_rows_); }
  [[nodiscard]] Index first_row(Index tile) const noexcept { return tile * tile_rows_; }
  [[nodiscard]] Index rows_of(Index tile) const noexcept { return std::min(tile_rows_, rows_ - first_row(tile)); }

  /// One number per channel.
  [[nodiscard]] const double* sums(Index tile) const noexcept { return sums_.data() + tile * channels_; }
  [[nodiscard]] const double* products(Index tile) const noexcept { return products_.data() + tile * channels_; }

  /// terms(tile, c, lanes) is asked once for channels c.. of some rows, and gives a function of a row's first position
  /// and of the part of the vector; that returns {a, b}.
  template <class Terms>
  void add_up(const Terms& terms) {
    parallel_for(tiles(), [&](Index tile) {
      const Index vectors = divide_up(channels_, lanes);
      Pair* pairs = scratch<ColumnSumScratch, Pair>(vectors);
      std::fill_n(pairs, vectors, Pair{});
      const Index end = first_row(tile) + rows_of(tile);
      // Some rows together: the sums are fetched and put back less often.
      for (Index row = first_row(tile); row < end; row += group_rows) {
        const Index group_end = std::min(end, row + group_rows);
        for_each_channel_vector<T>(
            channels_, [&](Index c, auto lane_access) __attribute__((always_inline)) {
              add_rows(terms(tile, c, lane_access), row, group_end, pairs[divide_up(c, lanes)]);
            });
      }
      collect(pairs, tile);
    });
  }

 private:
  static constexpr Index lanes = simd::lanes<T>;
  static constexpr Index tile_elements = Index{1} << 16;
  static constexpr int parts = simd::double_parts<T>;

  struct Pair {
    std::array<double, static_cast<std::size_t>(lanes)> sum, product;
  };

  template <class OfRow>
  FUSIFORM_INLINE void add_rows(const OfRow& of_row, Index row, Index end, Pair& pair) const {
    simd::Vector<double> sum[parts];
    simd::Vector<double> product[parts];
    simd::unrolled<parts>([&](auto part) __attribute__((always_inline)) {
      sum[part] = simd::load(pair.sum.data() + part * simd::lanes<double>);
      product[part] = simd::load(pair.product.data() + part * simd::lanes<double>);
    });
    for (; row < end; ++row) {
      simd::unrolled<parts>([&](auto part) __attribute__((always_inline)) {
        const auto [a, b] = of_row(row * channels_, part);
        sum[part] += a;
        product[part] = a * b + product[part];
      });
    }
    simd::unrolled<parts>([&](auto part) __attribute__((always_inline)) {
      simd::store(pair.sum.data() + part * simd::lanes<double>, sum[part]);
      simd::store(pair.product.data() + part * simd::lanes<double>, product[part]);
    });
  }

  /// From vectors, of which the last may overlap the one before, to channels.
  void collect(const Pair* pairs, Index tile) {
    for (Index c = 0; c < channels_; c += lanes) {
      const Index count = std::min(lanes, channels_ - c);
      const Index skip = channels_ > lanes ? lanes - count : 0;
      std::copy_n(pairs[c / lanes].sum.data() + skip, count, sums_.data() + tile * channels_ + c);
      std::copy_n(pairs[c / lanes].product.data() + skip, count, products_.data() + tile * channels_ + c);
    }
  }

  Index rows_, channels_, tile_rows_;
  std::vector<double> sums_, products_;
};

}  // namespace fusiform::kernels
