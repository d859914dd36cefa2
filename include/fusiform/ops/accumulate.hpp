#pragma once
/// y += x, elementwise.

#include <fusiform/ops/cpu/accumulate.hpp>

namespace fusiform {

/// Throws ShapeError if the shapes differ.
template <Scalar T, Device D>
void accumulate(In<T, D> x, View<T, D> y) {
  require_equal("accumulate", "summand", y.shape(), x.shape());
  kernels::accumulate(x, y);
}

}  // namespace fusiform
