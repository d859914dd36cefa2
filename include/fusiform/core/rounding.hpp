#pragma once
/// Division of counts into pieces, rounded up.

#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Pieces of `by` elements that hold `count` elements.
[[nodiscard]] constexpr Index divide_up(Index count, Index by) noexcept { return (count + by - 1) / by; }

/// The smallest multiple of `multiple` that is not below `count`.
[[nodiscard]] constexpr Index round_up(Index count, Index multiple) noexcept {
  return divide_up(count, multiple) * multiple;
}

}  // namespace fusiform
