#pragma once
/// Copies of boxes between global and shared memory by the copy engine (sm_90; PTX ISA 9, "cp.async.bulk.tensor").
/// One thread issues a copy. A load announces itself done on an mbarrier, by the bytes of the whole box; a store is
/// waited for by the thread that issued it. Coordinates begin with the contiguous index. Loads fill with zeros what
/// lies outside the tensor, stores leave it out; stores take no negative coordinates. The first coordinate is at a
/// multiple of 16 bytes.
/// Shared memory is 128-byte aligned; a swizzle's pattern begins at multiples of 8 rows of it.

#include "target.cuh"
#include "tensor_map.cuh"
#if defined(FUSIFORM_EMULATE_CUDA)
#include "tma_emulated.cuh"
#endif

namespace fusiform::arch {

/// Fetches the map itself, so that the first copy does not wait for it.
__device__ inline void tma_prefetch_map(const TensorMap* map) {
#if defined(FUSIFORM_EMULATE_CUDA)
  (void)map;
#else
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
#endif
}

__device__ inline void tma_load_2d(void* to, const TensorMap* map, std::uint64_t* barrier, int x, int y) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_load(to, *map, barrier, 2, {x, y});
#else
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          shared_address(to)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y)
      : "memory");
#endif
}

__device__ inline void tma_load_3d(void* to, const TensorMap* map, std::uint64_t* barrier, int x, int y, int z) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_load(to, *map, barrier, 3, {x, y, z});
#else
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];" ::"r"(shared_address(to)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
#endif
}

__device__ inline void tma_load_4d(void* to, const TensorMap* map, std::uint64_t* barrier, int x, int y, int z, int u) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_load(to, *map, barrier, 4, {x, y, z, u});
#else
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], "
      "[%2];" ::"r"(shared_address(to)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z), "r"(u)
      : "memory");
#endif
}

/// One column of an im2col map: pixels from (image, row, column) of its bounding box on, channels from `channel` on,
/// read at the filter tap (tap_row, tap_column).
__device__ inline void tma_load_im2col(void* to, const TensorMap* map, std::uint64_t* barrier, int channel, int column,
                                       int row, int image, std::uint16_t tap_column, std::uint16_t tap_row) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_load_im2col(to, *map, barrier, {channel, column, row, image}, {tap_column, tap_row});
#else
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4, %5, %6}], [%2], {%7, %8};" ::"r"(shared_address(to)),
      "l"(map), "r"(shared_address(barrier)), "r"(channel), "r"(column), "r"(row), "r"(image), "h"(tap_column),
      "h"(tap_row)
      : "memory");
#endif
}

__device__ inline void tma_store_2d(const TensorMap* map, const void* from, int x, int y) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_store(*map, from, 2, {x, y});
#else
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
               "r"(shared_address(from)), "r"(x), "r"(y)
               : "memory");
#endif
}

__device__ inline void tma_store_3d(const TensorMap* map, const void* from, int x, int y, int z) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_store(*map, from, 3, {x, y, z});
#else
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(map),
               "r"(shared_address(from)), "r"(x), "r"(y), "r"(z)
               : "memory");
#endif
}

__device__ inline void tma_store_4d(const TensorMap* map, const void* from, int x, int y, int z, int u) {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_store(*map, from, 4, {x, y, z, u});
#else
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(map),
               "r"(shared_address(from)), "r"(x), "r"(y), "r"(z), "r"(u)
               : "memory");
#endif
}

/// Closes the group of the stores issued since the last one.
__device__ inline void tma_store_commit() {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::current_thread->stores.commit();
#else
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#endif
}

/// Returns when all but `Pending` groups have read their shared memory, which may then be overwritten.
template <int Pending>
__device__ inline void tma_store_wait_read() {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_store_wait_read(Pending);
#else
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Pending) : "memory");
#endif
}

/// Returns when all but `Pending` groups are done: their writes are visible to this thread.
template <int Pending>
__device__ inline void tma_store_wait() {
#if defined(FUSIFORM_EMULATE_CUDA)
  cuda_emulation::tma_store_wait(Pending);
#else
  asm volatile("cp.async.bulk.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

}  // namespace fusiform::arch
