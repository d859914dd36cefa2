#pragma once

#include <algorithm>

#include <fusiform/core/scalar.hpp>
#include <fusiform/ops/pool_window.hpp>

namespace fusiform::kernels {

/// Half-open range of positions along one axis.
struct AxisRange {
  Index begin = 0;
  Index end = 0;
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

}  // namespace fusiform::kernels
