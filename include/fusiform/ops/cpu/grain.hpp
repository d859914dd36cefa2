#pragma once
/// How finely the CPU kernels cut their work. The cut never depends on the number of threads, so neither do results.

#include <algorithm>

#include <fusiform/core/scalar.hpp>

namespace fusiform::kernels {

/// Elements per piece of an elementwise loop: 128 KiB of floats, some ten times the cost of waking a thread.
inline constexpr Index elementwise_grain = Index{1} << 15U;

/// Rows per piece, for loops over rows of `row_size` elements: about `elementwise_grain` elements, at least one row.
[[nodiscard]] constexpr Index rows_grain(Index row_size) noexcept {
  return std::max<Index>(1, elementwise_grain / std::max<Index>(1, row_size));
}

}  // namespace fusiform::kernels
