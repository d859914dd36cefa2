#pragma once
/// y += x, elementwise.

#include <fusiform/ops/cpu/accumulate.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void accumulate(View<const T, Cuda> x, View<T, Cuda> y);
}  // namespace kernels

/// Throws ShapeError if the shapes differ.
template <Scalar T, Device D>
void accumulate(In<T, D> x, View<T, D> y) {
  require_equal("accumulate", "summand", y.shape(), x.shape());
  kernels::accumulate(x, y);
}

}  // namespace fusiform
