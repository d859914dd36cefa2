#pragma once
/// A pass of a linear layer by an engine (FloatEngine, MmaEngine): see implicit_gemm_launch.cuh. Tensors are as in
/// fusiform/ops/linear.hpp.

#include "implicit_gemm_launch.cuh"
#include "implicit_gemm_passes.cuh"

namespace fusiform::kernels {

/// A product of matrices, since those of a convolution's input gradient cannot split their sums, and few images give
/// few tiles.
template <class Engine, class T>
void linear_backward_input_by(View<const T, Cuda> dy, View<const T, Cuda> weight, View<T, Cuda> dx) {
  const Index images = dx.shape()[0], out = weight.shape()[0], in = weight.shape()[1];
  using Pass = Product<MatrixLines<T>, MatrixTerms<T>, RowsOfMatrix<T>>;
  run_product<Engine>(Pass{.left = {dy.data(), images, out},
                           .right = {weight.data(), in, out},
                           .result = {dx.data(), in},
                           .lines = images,
                           .columns = in,
                           .terms = out},
                      {.ranges = linear_ranges(out, in),
                       .aligned = begins_aligned(dy.data(), out) && begins_aligned(weight.data(), in),
                       .aligned_results = begins_aligned(dx.data(), in),
                       .what = text("linear input gradient ", dx.shape(), " by ", weight.shape())});
}

}  // namespace fusiform::kernels
