#pragma once
/// What forward and backward pooling, of maxima and of means, have in common: every pixel of one grid (the outputs,
/// or in the backward pass the inputs) meets a rectangle of the other.

#include <algorithm>
#include <type_traits>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/shape.hpp>
#include <fusiform/core/simd.hpp>
#include <fusiform/ops/cpu/grain.hpp>
#include <fusiform/ops/cpu/stream_store.hpp>
#include <fusiform/ops/pool_window.hpp>

namespace fusiform::kernels {

/// Half-open range of positions along one axis.
struct AxisRange {
  Index begin = 0;
  Index end = 0;

  [[nodiscard]] Index size() const noexcept { return end - begin; }
};

/// The input positions, out of `extent`, that window number `output` covers.
[[nodiscard]] inline AxisRange window_inputs(const PoolWindow& window, Index output, Index extent) noexcept {
  const Index first = output * window.stride - window.padding;
  return {std::max<Index>(0, first), std::min(extent, first + window.kernel)};
}

/// The windows, out of `outputs`, that cover input position `input`. Empty between windows when stride > kernel.
[[nodiscard]] inline AxisRange windows_over(const PoolWindow& window, Index input, Index outputs) noexcept {
  const Index padded = input + window.padding;  // window o covers o·stride <= padded < o·stride + kernel
  const Index begin = padded < window.kernel ? 0 : (padded - window.kernel) / window.stride + 1;
  return {begin, std::min(outputs, padded / window.stride + 1)};
}

/// Ranges along both axes, by position. Looked up and not computed for each pixel, as they divide.
struct PoolRanges {
  std::vector<AxisRange> rows;
  std::vector<AxisRange> columns;
};

/// For each output the inputs under its window. x and y (N, H, W, C).
[[nodiscard]] inline PoolRanges inputs_of_outputs(const PoolWindow& window, const Shape& x, const Shape& y) {
  PoolRanges ranges;
  for (Index h = 0; h < y[1]; ++h) ranges.rows.push_back(window_inputs(window, h, x[1]));
  for (Index w = 0; w < y[2]; ++w) ranges.columns.push_back(window_inputs(window, w, x[2]));
  return ranges;
}

/// For each input the outputs whose windows cover it.
[[nodiscard]] inline PoolRanges outputs_of_inputs(const PoolWindow& window, const Shape& x, const Shape& y) {
  PoolRanges ranges;
  for (Index h = 0; h < x[1]; ++h) ranges.rows.push_back(windows_over(window, h, y[1]));
  for (Index w = 0; w < x[2]; ++w) ranges.columns.push_back(windows_over(window, w, y[2]));
  return ranges;
}

/// Calls body(height, width) with the extents of a rectangle: as compile-time numbers if it is a small square, so that
/// the loops over the usual windows are unrolled.
template <class Body>
FUSIFORM_INLINE void with_extents(AxisRange rows, AxisRange columns, const Body& body) {
  const auto is_square = [&](Index size) { return rows.size() == size && columns.size() == size; };
  if (is_square(2)) {
    body(std::integral_constant<Index, 2>{}, std::integral_constant<Index, 2>{});
  } else if (is_square(3)) {
    body(std::integral_constant<Index, 3>{}, std::integral_constant<Index, 3>{});
  } else if (is_square(1)) {
    body(std::integral_constant<Index, 1>{}, std::integral_constant<Index, 1>{});
  } else {
    body(rows.size(), columns.size());
  }
}

/// Bytes ahead of a read from which the next are fetched: reads go along several rows of pixels at once, more than
/// the processor follows by itself.
inline constexpr Index pool_fetch_bytes = 4096;

/// Calls body(n, h, w, rows, columns) for every pixel of `grid`, (N, H, W, C), in parallel.
template <class Body>
void for_each_pixel(const Shape& grid, const PoolRanges& ranges, Index elements_per_pixel, const Body& body) {
  const Index height = grid[1], width = grid[2];
  parallel_ranges(grid[0] * height, rows_grain(width * elements_per_pixel), [&](Index first_row, Index end_row) {
    for (Index row = first_row; row < end_row; ++row) {
      const Index h = row % height;
      const AxisRange rows = ranges.rows[static_cast<std::size_t>(h)];
      for (Index w = 0; w < width; ++w) body(row / height, h, w, rows, ranges.columns[static_cast<std::size_t>(w)]);
    }
    stream_fence();
  });
}

}  // namespace fusiform::kernels
