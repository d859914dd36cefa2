#pragma once
/// Sets every element of a tensor to one value.

#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/fill.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void fill(T value, View<T, Cuda> y);
}  // namespace kernels

/// y = value.
template <Scalar T, Device D>
void fill(std::type_identity_t<T> value, View<T, D> y) {
  kernels::fill(value, y);
}

}  // namespace fusiform
