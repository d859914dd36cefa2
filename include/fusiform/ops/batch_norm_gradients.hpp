#pragma once
/// The arguments of the batch-norm gradient, shared by the checked operation and its kernels.

#include <fusiform/core/view.hpp>

namespace fusiform {

template <class T, Device D>
struct BatchNormGradients {
  View<const T, D> x;                          ///< (N, H, W, C) or (N, C)
  View<const T, D> dy;                         ///< as x
  View<const Master<T>, D> mean;               ///< (C), as are all below
  View<const Master<T>, D> inverse_deviation;  ///< of the forward pass
  View<const Master<T>, D> weight;
  bool batch_statistics = true;  ///< mean and deviation were computed from x, so dx goes through them
  View<T, D> dx;                 ///< as x; data() == nullptr: not wanted
  View<Master<T>, D> dweight;    ///< (C); data() == nullptr: neither it nor dbias is wanted
  View<Master<T>, D> dbias;
};

}  // namespace fusiform
