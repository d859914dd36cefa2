#pragma once
/// Maxima of a convolution's result by a kernel of their own.

#include <fusiform/ops/max_pool2d.hpp>

#include "conv2d_problem.hpp"

namespace fusiform::kernels {

/// y and the positions that are wanted, from `between`, what the convolution makes.
template <class T>
void pool_between(const Conv2dProblem& p, const T* between, const Conv2dMaxPool& pool, T* y) {
  const Shape before{p.images, p.out_height(), p.out_width(), p.out_channels};
  const Shape after{p.images, p.out_height() / 2, p.out_width() / 2, p.out_channels};
  max_pool2d_forward<T>(View<const T, Cuda>(between, before), PoolWindow{2, 2, 0}, pool.after_relu,
                        View<T, Cuda>(y, after), View<std::int32_t, Cuda>(pool.positions, after));
}

}  // namespace fusiform::kernels
