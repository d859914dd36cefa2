#pragma once
/// One value from all threads of a block, in a fixed order.

#include "arch/shuffle.cuh"
#include "arch/target.cuh"

namespace fusiform::kernels {

/// combine(...combine(combine(value of thread 0, of thread 1), ...)) in a tree; the same for every thread. `combine`
/// must not depend on the order of its two arguments. All threads of the block call it, whole warps of them; `shared`
/// has room for one T a warp.
template <class T, class Combine>
__device__ inline T block_reduce(T value, T* shared, const Combine& combine) {
  for (int distance = 1; distance < 32; distance *= 2) value = combine(value, arch::shuffle_xor(value, distance));
  __syncthreads();  // whoever still reads the result of a call before
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  T result = shared[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) result = combine(result, shared[warp]);
  return result;
}

}  // namespace fusiform::kernels
