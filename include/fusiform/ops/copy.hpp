#pragma once
/// Copies the elements of a tensor, under the same or another shape of the same size.

#include <fusiform/core/error.hpp>
#include <fusiform/core/storage.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform {

/// y = x, element by element in row-major order. Throws ShapeError if the sizes differ.
template <Scalar T, Device D>
void copy(In<T, D> x, View<T, D> y) {
  require_equal("copy", "elements", x.size(), y.size());
  copy_bytes(D{}, y.data(), x.data(), static_cast<std::size_t>(x.size()) * sizeof(T));
}

}  // namespace fusiform
