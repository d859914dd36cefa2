#pragma once
/// Between float and bfloat16: from master weights to what products are computed with, and back.

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/cpu/convert.hpp>

namespace fusiform {

namespace kernels {
template <Scalar From, Scalar To>
void convert(View<const From, Cuda> x, View<To, Cuda> y);
}  // namespace kernels

/// y = x, element by element, rounded to nearest (ties to even) where y has fewer bits. Equal scalars are copied, so
/// that code for any T can take parameters of Master<T> to activations of T. Throws ShapeError if the shapes differ.
template <class From, Scalar To, Device D>
void convert(View<From, D> x, View<To, D> y) {
  require_equal("convert", "output shape", x.shape(), y.shape());
  if constexpr (std::same_as<std::remove_const_t<From>, To>)
    copy(x, y);
  else
    kernels::convert(View<const From, D>(x), y);
}

}  // namespace fusiform
