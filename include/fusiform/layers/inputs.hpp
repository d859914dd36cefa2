#pragma once
/// Checks that layers make on the shapes of their inputs.

#include <span>
#include <string_view>

#include <fusiform/core/error.hpp>
#include <fusiform/core/shape.hpp>

namespace fusiform {

/// The only input of a layer that reads one. Throws ShapeError if there are more or none.
[[nodiscard]] inline const Shape& only_input(std::string_view where, std::span<const Shape> inputs) {
  require_equal(where, "input", std::size_t{1}, inputs.size());
  return inputs.front();
}

}  // namespace fusiform
