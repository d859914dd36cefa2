#pragma once
/// A part of a list of images.

#include <algorithm>
#include <span>
#include <vector>

#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Images first..first+count-1.
struct ImageRange {
  Index first = 0;
  Index count = 0;

  [[nodiscard]] constexpr Index end() const noexcept { return first + count; }

  /// Part `i` of those that `size` images at a time make; the last one may be smaller.
  [[nodiscard]] constexpr ImageRange part(Index i, Index size) const noexcept {
    return {first + i * size, std::min(size, count - i * size)};
  }
  /// How many such parts there are.
  [[nodiscard]] constexpr Index parts(Index size) const noexcept { return (count + size - 1) / size; }

  friend constexpr bool operator==(const ImageRange&, const ImageRange&) = default;
};

/// What a list of one item per image says of some.
template <class Item>
[[nodiscard]] std::span<const Item> part_of(const std::vector<Item>& items, ImageRange images) {
  return std::span(items).subspan(static_cast<std::size_t>(images.first), static_cast<std::size_t>(images.count));
}

}  // namespace fusiform
