#pragma once
/// Sum of tensors of one shape: the junction of a residual net.

#include <span>

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/accumulate.hpp>
#include <fusiform/ops/cpu/add.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void add(View<const T, Cuda> a, View<const T, Cuda> b, View<T, Cuda> y);
}  // namespace kernels

/// y = a + b, elementwise. Throws ShapeError unless the shapes are equal.
template <Scalar T, Device D>
void add(In<T, D> a, In<T, D> b, View<T, D> y) {
  require_equal("add", "second summand shape", a.shape(), b.shape());
  require_equal("add", "output shape", a.shape(), y.shape());
  kernels::add(a, b, y);
}

/// y = sum of two or more summands, added from left to right. Throws ShapeError for fewer, or if shapes differ.
template <Scalar T, Device D>
void add(std::span<const View<const T, D>> summands, View<T, D> y) {
  if (summands.size() < 2) throw ShapeError(text("add: expected at least 2 summands, got ", summands.size()));
  add(summands[0], summands[1], y);
  for (const View<const T, D>& summand : summands.subspan(2)) accumulate(summand, y);
}

}  // namespace fusiform
